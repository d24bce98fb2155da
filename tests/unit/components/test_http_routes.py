"""The entries of a VirtualService: which come first, what each matches, and what is the same in all."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.http_routes import http_routes
from settings import RuleSettings

VM = {"host": "details-vm1.machines.svc.cluster.local"}
ONE, TWO = ({"host": "details.default.svc.cluster.local", "subset": f"cluster{number}"} for number in (1, 2))
DESTINATIONS = {"vm1": VM, "cluster1": ONE, "cluster2": TWO}
CANARY = {"vm1": 75, "cluster1": 25}


def entries(weights: dict[str, int] = CANARY, **rule: Any) -> list[dict[str, Any]]:
    made = RuleSettings.model_validate(rule, by_alias=True, by_name=False)
    return http_routes(DESTINATIONS, weights, made, copied_to=DESTINATIONS)


def session_of(cookie: str, weights: dict[str, int] = CANARY, name: str = "session") -> list[dict[str, str]]:
    """Where calls with this Cookie header may go, as Envoy finds out: the whole header must match."""
    for entry in entries(weights, affinity={"cookie": name}):
        conditions = [match["headers"]["cookie"]["regex"] for match in entry.get("match", [])]
        if not conditions or any(re.fullmatch(condition, cookie) for condition in conditions):
            return [route["destination"] for route in entry["route"]]
    return []


def test_without_a_rule_there_is_one_entry_of_nothing_but_weights() -> None:
    assert entries() == [
        {
            "route": [
                {"destination": VM, "weight": 75},
                {"destination": ONE, "weight": 25},
                {"destination": TWO, "weight": 0},
            ]
        }
    ]


def test_copies_go_beside_the_weights() -> None:
    (entry,) = entries({"vm1": 100}, mirror={"cluster1": 50, "cluster2": 1})
    assert entry["mirrors"] == [
        {"destination": ONE, "percentage": {"value": 50}},
        {"destination": TWO, "percentage": {"value": 1}},
    ]
    assert entry["route"] == entries({"vm1": 100})[0]["route"]


def test_what_matches_goes_whole_and_first_and_is_not_copied() -> None:
    tester = {"headers": {"end-user": "jason"}, "labels": {"app": "front"}, "destination": "cluster1"}
    first, second, last = entries(
        match=[tester, {"namespaces": ["a", "b"], "destination": "vm1"}], mirror={"cluster2": 10}
    )
    assert first == {
        "match": [{"headers": {"end-user": {"exact": "jason"}}, "sourceLabels": {"app": "front"}}],
        "route": [{"destination": ONE}],
    }
    assert second == {
        "match": [{"sourceNamespace": "a"}, {"sourceNamespace": "b"}],
        "route": [{"destination": VM}],
    }
    assert "match" not in last
    assert last["mirrors"]


@pytest.mark.parametrize("cookie", ["tester=a.b", "x=1; tester=a.b", "x=1;tester=a.b; y=2", "tester=a.b;y=2"])
def test_a_cookie_matches_wherever_it_stands(cookie: str) -> None:
    condition = entries(match=[{"cookie": {"tester": "a.b"}, "destination": "cluster1"}])[0]["match"][0]
    assert re.fullmatch(condition["headers"]["cookie"]["regex"], cookie)


@pytest.mark.parametrize(
    "cookie", ["tester=a.bc", "atester=a.b", "tester=axb", "tester=", "x=tester=a.b", "a-tester=a.b", "tester=a.b.c"]
)
def test_no_other_cookie_matches(cookie: str) -> None:
    condition = entries(match=[{"cookie": {"tester": "a.b"}, "destination": "cluster1"}])[0]["match"][0]
    assert not re.fullmatch(condition["headers"]["cookie"]["regex"], cookie)


def test_a_session_stays_as_long_as_its_destination_has_a_weight() -> None:
    everywhere = [VM, ONE, TWO]
    assert session_of("session=vm1") == [VM]
    assert session_of("a=b; session=cluster1; c=d") == [ONE]
    for cookie in (
        "",
        "session=cluster2",
        "session=vm",
        "session=vm1x",
        "session=vm-1",
        "mysession=vm1",
        "session=vm12",
    ):
        assert session_of(cookie) == everywhere, cookie
    assert session_of("session=vm1", {"cluster1": 100}) == everywhere
    assert session_of("session=cluster1", {"cluster1": 100}) == [ONE]


def test_a_new_session_is_told_its_destination() -> None:
    given = {
        route["destination"].get("subset", "vm"): route["headers"]["response"]["add"]["set-cookie"]
        for route in entries(affinity={"cookie": "session", "ttl": "30m"})[-1]["route"]
    }
    assert given["vm"] == "session=vm1; Max-Age=1800; Path=/; HttpOnly; SameSite=Lax"
    assert given["cluster2"].startswith("session=cluster2; ")
    assert "headers" not in entries(affinity={"cookie": "session"})[0]["route"][0]


def test_sessions_are_copied_like_other_calls() -> None:
    of_vm, of_cluster1, divided = entries(affinity={"cookie": "session"}, mirror={"cluster2": 10})
    assert of_vm["mirrors"] == of_cluster1["mirrors"] == divided["mirrors"]


def test_limits_are_the_same_wherever_a_call_goes() -> None:
    retries = {"attempts": 2, "perTryTimeout": "500ms", "retryOn": "5xx,reset"}
    found = entries(
        timeout="2s",
        retries=retries,
        affinity={"cookie": "session"},
        match=[{"headers": {"a": "b"}, "destination": "cluster2"}],
    )
    assert len(found) == 4
    assert all((entry["timeout"], entry["retries"]) == ("2s", retries) for entry in found)
    assert entries(retries={"attempts": 0})[0]["retries"] == {"attempts": 0}
