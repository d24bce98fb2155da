"""A rule in words, read from the VirtualService that is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from components.http_routes import http_routes
from settings import RuleSettings
from vmmesh.rule_words import rule_words, told

DESTINATIONS = {"vm1": {"host": "details-vm1"}, "cluster1": {"host": "details", "subset": "cluster1"}}
NAMES = {"details-vm1": "vm1", "details": "cluster1"}


def words(**rule: Any) -> list[str]:
    made = RuleSettings.model_validate(rule, by_alias=True, by_name=False)
    http = http_routes(DESTINATIONS, {"vm1": 75, "cluster1": 25}, made, copied_to=DESTINATIONS)
    return rule_words({"spec": {"http": http}}, lambda place: NAMES[place["host"]])


@pytest.mark.parametrize(
    ("match", "line"),
    [
        (
            {"headers": {"end-user": "jason", "x-beta": "1"}},
            "calls with the header end-user and with the header x-beta",
        ),
        ({"cookie": {"be-ta": "on"}}, "calls with the cookie be-ta"),
        (
            {"namespaces": ["a", "b"], "labels": {"app": "x"}},
            "calls from the namespace a or b and from callers with the label app",
        ),
    ],
)
def test_a_match(match: dict[str, Any], line: str) -> None:
    assert words(match=[{**match, "destination": "cluster1"}]) == [f"{line} go to cluster1"]


def test_sessions_are_one_line_beside_a_match_by_cookie() -> None:
    assert words(
        affinity={"cookie": "se-ssion", "ttl": "1m"}, match=[{"cookie": {"beta": "on"}, "destination": "vm1"}]
    ) == [
        "calls with the cookie beta go to vm1",
        "sessions stay with their destination for 60 s, by the cookie se-ssion",
    ]


@pytest.mark.parametrize(
    ("retries", "line"),
    [
        ({"attempts": 0}, "no call is tried again"),
        ({"attempts": 1}, "a call is tried again at most once"),
        (
            {"attempts": 3, "perTryTimeout": "1s", "retryOn": "5xx,reset"},
            "a call is tried again at most 3 times, each for at most 1s, on 5xx,reset",
        ),
    ],
)
def test_retries(retries: dict[str, Any], line: str) -> None:
    assert words(retries=retries) == [line]


def test_copies_and_a_timeout() -> None:
    assert words(mirror={"cluster1": 5}, timeout="2s") == [
        "copies of 5% of the calls go to cluster1",
        "a call may take 2s",
    ]


def test_without_a_rule_there_are_no_words() -> None:
    assert words() == rule_words(None, lambda _place: "") == rule_words({"spec": {}}, lambda _place: "") == []


def test_what_is_told_is_what_differs() -> None:
    assert told(["a", "b"], ["b", "c"]) == ["new: c", "no longer: a"]
