"""The comment on a pull request: what it says, what it never says, and how long it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from policy.rules import Violation
from tests.unit.vmmesh.test_guard import KIND_CLUSTER, event, route, services, urn
from vmmesh import planned
from vmmesh.comment_blocks import bar
from vmmesh.previewed import Preview, written
from vmmesh.pull_request import LIMIT, document, markdown, marker

RECORDED = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
NOW = RECORDED + timedelta(hours=3)
SECRET = "hunter2-is-nobodys-business"
MOVE = {"details": ("vm-only", "canary")}
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


def preview(*events: EngineEvent, **more: Any) -> Preview:
    return Preview(stack="dev", steps=planned.steps(events), recorded=RECORDED, **more)


def text(found: Preview) -> str:
    return markdown(found, NOW)


MOVED = preview(route((100, 0), (75, 25)), route((100, 0), (75, 25), "cluster2"), *services(), stages=MOVE)


def test_a_stage_is_a_title_a_summary_and_a_table() -> None:
    assert text(MOVED) == (
        "<!-- vm-mesh preview of dev -->\n"
        "### `dev`: `details` moves from `vm-only` to `canary`\n"
        "\n"
        "**2 to update**, 2 unchanged. Nothing is replaced or deleted. No rule is broken.\n"
        "\n"
        "**details**, calls from `cluster1`, `cluster2`\n"
        "\n"
        "| to | before | after | |\n"
        "|---|---|---|--:|\n"
        "| `vm1` | `████████████████████` 100 % | `███████████████░░░░░` 75 % | **-25** |\n"
        "| `cluster1` | `░░░░░░░░░░░░░░░░░░░░` 0 % | `█████░░░░░░░░░░░░░░░` 25 % | **+25** |\n"
        "\n"
        "\n"
        "<sub>Compared with the state that was recorded on 2026-11-24 09:30 UTC, 3 hours before this preview; "
        "no cluster was asked.</sub>\n"
    )


TESTERS = {"match": [{"headers": {"end-user": SECRET}, "cookie": {"beta": SECRET}, "destination": "cluster1"}]}
SHADOW = {"mirror": {"cluster1": 50}, "timeout": "2s"}
RULES = ["spec.http[0].match", "spec.http[0].mirrors", "spec.http[0].timeout"]


@pytest.mark.parametrize("failover", [False, True])
def test_what_changes_of_the_rules_is_a_list_below_the_table(failover: bool) -> None:
    moved = [
        route((100, 0), (75, 25), it, (SHADOW, TESTERS), RULES, failover=failover) for it in ("cluster1", "cluster2")
    ]
    found = text(preview(*moved, *services()))
    assert (
        "**+25** |\n\n"
        "- new: calls with the header end-user and with the cookie beta go to cluster1\n"
        "- no longer: copies of 50% of the calls go to cluster1\n"
        "- no longer: a call may take 2s\n"
    ) in found
    assert found.count("calls from `cluster1`, `cluster2`") == 1
    assert SECRET not in found
    assert "What else changes" not in found


def test_where_only_rules_change_there_is_no_table() -> None:
    found = text(preview(route((100, 0), (100, 0), rules=({}, SHADOW), diff=RULES[1:]), *services()))
    assert (
        "**details**, calls from `cluster1`\n\n- new: copies of 50% of the calls go to cluster1\n"
        "- new: a call may take 2s\n"
    ) in found
    assert "|---|" not in found


def test_what_a_header_must_be_now_is_told_by_its_path_alone() -> None:
    other = {"match": [{**TESTERS["match"][0], "headers": {"end-user": "another"}}]}
    path = "spec.http[0].match[0].headers.end-user.exact"
    found = text(preview(route((75, 25), (75, 25), rules=(TESTERS, other), diff=[path]), *services()))
    assert f"- update VirtualService `details-cluster1-weights` (`{path}`)" in found
    assert SECRET not in found
    assert "another" not in found


def test_with_failover_shares_are_of_those_that_calls_are_meant_for() -> None:
    moved = preview(route((100, 0), (75, 25), failover=True), *services())
    assert document(moved)["shares"] == document(preview(route((100, 0), (75, 25)), *services()))["shares"]


def test_clusters_whose_shares_differ_have_a_table_each() -> None:
    found = text(preview(route((100, 0), (75, 25)), route((50, 50), (75, 25), "cluster2"), *services()))
    assert "calls from `cluster1`\n" in found
    assert "calls from `cluster2`\n" in found


def test_what_is_lost_is_bold_and_before_what_else_changes() -> None:
    node = event(
        "replace", f"{KIND_CLUSTER}$command:local:Command", "cluster1-node", "cluster1", {}, {}, diff=["stdin"]
    )
    gone = event("delete", CONFIG_MAP, "gone", "", {})
    new = event("create", CONFIG_MAP, "new", "", None, {})
    found = text(preview(new, gone, node))
    assert "**2 would be replaced or deleted.**" in found
    assert "- **to replace: Command `cluster1-node` (`stdin`)**\n" in found
    assert "- **to delete: ConfigMap `gone`**\n" in found
    assert found.index("`gone`") < found.index("- create ConfigMap `new`")


def test_rules_that_are_broken_come_first_and_fail() -> None:
    rule = Violation(rule="steps-small", urn=urn("a:b:C", "details-cluster1-weights"), message="too <b>far</b> @all")
    broken = replace(MOVED, violations=[rule])
    found = text(broken)
    assert "**1 times a rule is broken.**" in found
    assert "- **details-cluster1-weights**: too &lt;b&gt;far&lt;/b&gt; &#64;all (`steps-small`)" in found
    assert found.index("steps-small") < found.index("calls from")
    assert (MOVED.passed, broken.passed, document(broken)["passed"]) == (True, False, False)


def test_nothing_to_do_is_said_to_be_nothing() -> None:
    found = text(preview(route((75, 25), (75, 25)), *services(), stages={"details": ("canary", "canary")}))
    assert "### `dev`: no change\n\n**Nothing would change** (3 resources)." in found
    assert "|" not in found


def test_no_value_of_any_resource_is_told() -> None:
    inputs = {"stringData": {"password": SECRET}, "environment": {"TOKEN": SECRET}, "metadata": {"name": SECRET}}
    changed = {"stringData": {"password": SECRET[::-1]}}
    events = [
        event("update", "kubernetes:core/v1:Secret", "cacerts", "", inputs, changed, diff=["stringData.password"]),
        event("replace", "command:local:Command", "join", "", inputs, changed, diff=["stdin"]),
        event("delete", "kubernetes:core/v1:Secret", "old", "", inputs),
        event("create", "kubernetes:core/v1:Secret", "new", "", None, inputs),
    ]
    found = preview(*events)
    for said in (text(found), str(document(found))):
        assert "stringData.password" in said
        assert SECRET not in said
        assert SECRET[::-1] not in said


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEow",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
        "MIIEowIBAAKCAQEA" * 8,
    ],
)
def test_a_failure_is_told_without_keys_and_tokens(secret: str) -> None:
    found = Preview(stack="dev", failure=f"error: request with {secret} to https://user:pass@host failed ~~~ `x`")
    for said in (text(found), str(document(found))):
        assert "MIIE" not in said
        assert "c2lnbmF0dXJl" not in said
        assert "user:pass" not in said
    assert "**The preview failed.**" in text(found)
    assert text(found).count("~~~") == 2
    assert "**The config is refused.**" in text(replace(found, misused=True))


def test_the_summary_survives_however_much_changes() -> None:
    names = [f"object-{number}-{'x' * 60}" for number in range(3000)]
    lost = [event("delete", CONFIG_MAP, name, "", {}) for name in names]
    new = [event("create", CONFIG_MAP, f"new-{name}", "", None, {}) for name in names]
    rules = [Violation(rule="weights-equal", urn=urn("a:b:C", name), message="y" * 2000) for name in names]
    for found in (preview(*lost, *new, route((100, 0), (75, 25)), stages=MOVE), preview(*lost, violations=rules)):
        said = text(found)
        assert len(said) <= LIMIT
        assert said.startswith(marker("dev"))
        assert "**3000 would be replaced or deleted.**" in said
        assert said.endswith("no cluster was asked.</sub>\n")
        assert " more, which the job's log has." in said
        assert said.count("<details>") == said.count("</details>")


def test_many_small_changes_are_folded_away() -> None:
    new = [event("create", CONFIG_MAP, f"new-{number}", "", None, {}) for number in range(11)]
    found = text(preview(*new))
    assert "<details><summary>What else changes: 11 resources</summary>\n\n- create" in found


def test_names_cannot_break_out_of_code_or_table() -> None:
    (line,) = (
        it for it in text(preview(event("create", CONFIG_MAP, "a`|\nb", "", None, {}))).splitlines() if "create C" in it
    )
    assert line == "- create ConfigMap `a b`"


@pytest.mark.parametrize(
    ("percent", "full"), [(0, 0), (0.4, 1), (1, 1), (25, 5), (50, 10), (98, 19), (99.9, 19), (100, 20)]
)
def test_a_bar_shows_what_is_not_nothing_and_what_is_not_all(percent: float, full: int) -> None:
    assert bar(percent) == "█" * full + "░" * (20 - full)


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("2026-11-24T09:30:00.123456789Z", RECORDED.replace(microsecond=123456)),
        ("2026-11-24T11:30:00+02:00", RECORDED),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_the_state_says_when_it_was_written(time: str, moment: datetime | None) -> None:
    assert written({"manifest": {"time": time}}) == moment
