"""Who may call what: one call judged, and two configs compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import PROJECT, Settings, load, policies
from tests.unit.vmmesh.support import CONFIG
from tests.unit.vmmesh.test_cli import root, vmmesh
from tests.unit.vmmesh.test_guard import event
from vmmesh import access, access_changes, planned
from vmmesh.access import Grant
from vmmesh.previewed import Preview
from vmmesh.pull_request import document, markdown
from vmmesh.stackfile import Misuse

__all__ = ["root"]

PRODUCTPAGE = {"from": ["productpage"], "methods": ["GET"], "paths": ["/details/*", "*/health"]}
RULES: dict[str, Any] = {"details": [PRODUCTPAGE, {"from": ["vm1", "audit/*"]}]}


def settings(rules: Any = RULES, enforced: tuple[str, ...] = ()) -> Settings:
    found = yaml.safe_load(CONFIG)["config"]
    plain = {key.removeprefix(f"{PROJECT}:"): value for key, value in found.items()}
    return load({**plain, "access": {"rules": rules, "enforced": list(enforced)}})


@pytest.mark.parametrize(
    ("caller", "method", "path", "allowed"),
    [
        ("productpage", "GET", "/details/1", True),
        ("default/productpage", "get", "/details/1?deep=1", True),
        ("productpage", "GET", "/deep/health", True),
        ("productpage", "GET", "/details", False),
        ("productpage", "POST", "/details/1", False),
        ("vm1", "DELETE", "/", True),
        ("audit/anybody", "GET", "/", True),
        ("audits/anybody", "GET", "/", False),
        ("reviews", "GET", "/details/1", False),
        ("ingress", "GET", "/details/1", False),
    ],
)
def test_a_call_is_judged_by_the_rules(caller: str, method: str, path: str, allowed: bool) -> None:
    found = access.check(settings(), caller, "details", method, path)
    assert found.allowed is allowed
    assert found.at == {"pods": allowed, "vm1": allowed}


def test_a_service_without_rules_is_open_unless_its_namespace_is_enforced() -> None:
    assert access.check(settings(), "ingress", "reviews", "GET", "/").allowed
    enforced = settings({"reviews": [{"from": ["ingress"]}]}, ("default",))
    assert access.check(enforced, "ingress", "reviews", "GET", "/").allowed
    denied = access.check(enforced, "productpage", "details", "GET", "/")
    assert denied.at == {"pods": False, "vm1": True}
    assert not denied.allowed


@pytest.mark.parametrize(("caller", "service"), [("prodctpage", "details"), ("productpage", "detials")])
def test_who_or_what_is_unknown_is_told_with_the_nearest(caller: str, service: str) -> None:
    with pytest.raises(Misuse, match="did you mean"):
        access.check(settings(), caller, service, "GET", "/")


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("*", "/a", True),
        ("/a/*", "/a/b/*", True),
        ("/a/b/*", "/a/*", False),
        ("/a/*", "*/a/b", False),
        ("*b", "/b", True),
    ],
)
def test_a_pattern_covers_what_it_matches_all_of(wide: str, narrow: str, covers: bool) -> None:
    assert Grant(path=wide).covers(Grant(path=narrow)) is covers


def words(before: Any, after: Any, enforced: tuple[str, ...] = ()) -> list[str]:
    """Who gains and who loses, with these rules after those; None: no rules at all."""
    old, new = (policies(settings(rules, enforced)) for rules in (before, after))
    found = access_changes.compare(old, new, access.every_server(settings()))
    return [f"{it.service} at {', '.join(it.at)}: {it.words}" for it in found]


def test_first_rules_close_a_service() -> None:
    both = "details at pods, vm1"
    assert words({}, {"details": [{"from": ["productpage"]}]}) == [
        f"{both}: only default/productpage (all access) may call it, all others lose access"
    ]
    assert words({"details": [{"from": ["productpage"]}]}, {}) == [f"{both}: everyone may call it"]
    assert words({}, {"details": []}) == [f"{both}: nobody may call it"]


def test_who_gains_and_who_loses_is_told_by_what_is_really_allowed() -> None:
    narrow = [{"from": ["productpage"], "methods": ["GET"]}]
    assert words({"details": [{"from": ["productpage"]}]}, {"details": narrow}) == [
        "details at pods, vm1: default/productpage loses all access but keeps GET"
    ]
    assert words({"details": narrow}, {"details": [*narrow, {"from": ["vm1"], "paths": ["/a"]}]}) == [
        "details at pods, vm1: virtual-machines/vm1 gains /a"
    ]
    split = [{"from": ["productpage"], "methods": [method]} for method in ("HEAD", "GET")]
    assert words({"details": [{"from": ["productpage"], "methods": ["GET", "HEAD"]}]}, {"details": split}) == []


def test_enforcing_a_namespace_closes_what_has_no_rule() -> None:
    old, new = policies(settings()), policies(settings(enforced=("default",)))
    found = access_changes.compare(old, new, access.every_server(settings()))
    assert {(it.service, it.words) for it in found} == {
        (name, "nobody may call it") for name in ("productpage", "reviews", "ratings")
    }


def test_the_comment_says_who_gains_and_who_loses() -> None:
    def of(declared: Settings) -> dict[str, dict[str, Any]]:
        return {
            f"access-{cluster}-{it.namespace}-{it.name}": {
                "metadata": {"name": it.name, "namespace": it.namespace},
                "spec": it.spec,
            }
            for cluster in ("cluster1", "cluster2")
            for it in policies(declared)
        }

    old, new = of(settings()), of(settings({"details": [PRODUCTPAGE]}))
    kind = "vm-mesh:index:Access$kubernetes:security.istio.io/v1:AuthorizationPolicy"
    steps = planned.steps([event("update", kind, name, "access", old[name], new[name]) for name in old])
    found = Preview(stack="dev", steps=steps, access=access_changes.previewed(steps, settings()))
    lost = "virtual-machines/vm1 loses all access, audit/* loses all access"
    (told,) = document(found)["access"]
    assert told == {"service": "details", "at": ["pods", "vm1"], "change": lost}
    text = markdown(found, datetime(2026, 11, 24, tzinfo=UTC))
    assert "**Who may call what**" in text
    assert "- **details** at `pods`, `vm1`: virtual-machines/vm1 loses all access, audit/\\* loses" in text


def test_the_command_ends_with_1_for_no(root: Path) -> None:
    file = root / "Pulumi.dev.yaml"
    config = yaml.safe_load(file.read_text())
    config["config"]["vm-mesh:access"] = {"rules": RULES}
    file.write_text(yaml.safe_dump(config))
    yes = vmmesh("access", "check", "vm1", "details", "--json")
    assert yes.exit_code == 0
    assert json.loads(yes.output)["identity"] == "cluster.local/ns/virtual-machines/sa/vm1"
    no = vmmesh("access", "check", "reviews", "details")
    assert (no.exit_code, no.output) == (1, "reviews may not GET / of details\n")
    assert vmmesh("access", "check", "nobody", "details").exit_code == 2
