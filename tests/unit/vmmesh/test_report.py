"""What a report says, as Markdown, HTML and JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.vmmesh.support import details, settings
from vmmesh.calls import Calls
from vmmesh.counting import Counted
from vmmesh.history import Stay
from vmmesh.judge import Sent, judge
from vmmesh.observe import Observation
from vmmesh.report import document, rendered

VM: dict[str, Any] = {
    "name": "vm1",
    "vm": "vm1",
    "cluster": "cluster1",
    "registered": True,
    "healthy": True,
    "certificate_expires": "2026-11-25T10:00:00+00:00",
    "version": "1.27.1",
    "message": "",
}
GOOD = {
    "cluster1": {"vm1": Calls(760), "cluster1": Calls(240)},
    "cluster2": {"vm1": Calls(740), "cluster1": Calls(260)},
}


def observation(
    counted: dict[str, dict[str, Calls]], config: str = "canary", sent: dict[str, Sent] | None = None, **vm: Any
) -> Observation:
    return Observation(
        settings=settings(),
        config={"details": config},
        moment="2026-11-24T16:51:02+00:00",
        verdicts=[judge(details(), Counted(calls=counted), sent or {}, 5.02)],
        vms=[{**VM, **vm}],
        history={"details": [Stay(stage="vm-only", since="2026-11-20T10:00:00+00:00")]},
    )


def test_a_good_mesh_in_markdown() -> None:
    sent = {name: Sent(requests=1000, failures={}) for name in GOOD}
    text = rendered("dev", observation(GOOD, sent=sent), ".md")
    assert text.startswith("Stack dev, observed 2026-11-24 16:51:02 UTC\n\n## details, stage canary\n\n**Passed: ")
    assert "| vm1 | 75 % | 75.0 % | 1,500 | 0 | ███████████████░░░░░ |\n" in text
    assert "| cluster1 | 25 % | 25.0 % | 500 | 0 | █████░░░░░░░░░░░░░░░ |\n" in text
    assert "| cluster2 | 0 % | 0.0 % | 0 | 0 | ░░░░░░░░░░░░░░░░░░░░ |\n" in text
    assert "| cluster1 | 1,000 | 0 | 1,000 | 0.47 |\n" in text
    assert "A p-value below 5e-05 is judged wrong: of 10,000 reports" in text
    assert "| 2026-11-20 10:00:00 UTC | vm-only |\n" in text
    assert text.endswith("| vm1 | cluster1 | yes | yes | 2026-11-25 10:00:00 UTC | 1.27.1 |\n")


def test_what_is_wrong_is_said_and_is_no_markup() -> None:
    counted = {"cluster1": {"vm1": Calls(75, 3), "cluster2": Calls(25)}}
    seen = observation(counted, "all", healthy=False, message="<img src=x> | `a`\n# b @c", certificate_expires=None)
    text = rendered("dev", seen, ".md")
    assert "**Not as the stage says:**" in text
    assert "cluster1: 3 calls of vm1 were answered with 5xx" in text
    assert "cluster1: 25 calls went to cluster2, must be 0" in text
    assert "**The config says stage all, which is not applied yet.**" in text
    assert r"**vm1: \<img src=x\> \| \`a\` \# b \@c**" in text
    assert "| vm1 | cluster1 | yes | no | unknown | 1.27.1 |" in text
    page = rendered("dev", seen, ".html")
    assert "<img" not in page
    assert "vm1: &lt;img src=x&gt;" in page


def test_without_calls_nothing_is_judged() -> None:
    text = rendered("dev", observation({}), ".md")
    assert "Not judged:\n\nno call was counted, so there is nothing to judge" in text
    assert "| vm1 | 75 % | - | - | - | ███████████████░░░░░ |\n" in text


@pytest.mark.parametrize("counted", [GOOD, {}])
def test_a_page_has_the_picture_and_all_that_the_markdown_has(counted: dict[str, dict[str, Calls]]) -> None:
    page = rendered("dev", observation(counted), ".html")
    assert page.count("<svg") == 1
    for words in ("Who called details", "p-value", "vm-only", "certificate until", "1.27.1", "10,000 reports"):
        assert words in page


def test_json_is_what_verify_and_status_have_and_the_history() -> None:
    found = json.loads(json.dumps(document("dev", observation(GOOD))))
    assert found["passed"] is True
    assert found["routes"][0]["clusters"]["cluster1"]["destinations"]["vm1"]["counted"] == 760
    assert found["history"] == {"details": [{"stage": "vm-only", "since": "2026-11-20T10:00:00+00:00"}]}
    assert found["vms"] == [VM]
