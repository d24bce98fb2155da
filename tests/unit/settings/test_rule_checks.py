"""What the rules of a route must be to its stages, and to what else a config has."""

from __future__ import annotations

from typing import Any

import pytest

from settings import load
from tests.unit.settings.support import changed, errors, shown

RULE = "routes/details/rule"


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (f"{RULE}/match/0/destination", "mad", 'there is no VM or cluster "mad"; did you mean "made"?'),
        (f"{RULE}/match/0/destination", "old", 'VM "old" does not run "details"; known: "ratings"'),
        (f"{RULE}/match/0/destination", "known", 'cluster "known" does not run "details"'),
        (
            f"{RULE}/match/0/namespaces/0",
            "shp",
            '"shp" is none of the route\'s callers.namespaces, so no rule reaches it',
        ),
        (f"{RULE}/match/0/cookie", {"a": "1", "b": "2"}, "must have no more than 1"),
        (f"{RULE}/match/0/cookie", {}, "must not be empty"),
        (f"{RULE}/match/0/labels", {}, "must not be empty"),
        (
            f"{RULE}/match/0",
            {"destination": "made"},
            "matches every call; say which by one or more of 'headers', 'cookie', 'namespaces', 'labels'",
        ),
        (f"{RULE}/retries/perTryTimeout", "2001ms", "is longer than the timeout of all tries together, 2s"),
        (
            f"{RULE}/retries/retryOn",
            "5xx,conect-failure",
            'has "conect-failure", which is no status and nothing of Envoy\'s; did you mean "connect-failure"?',
        ),
        (f"{RULE}/retries", {"attempts": 0, "retryOn": "5xx"}, None),
        ("routes/details/rules/canry", {}, 'there is no stage "canry"; did you mean "canary"?'),
        ("routes/details/rules/vm-only/mirror/nowhere", 5, None),
        ("routes/details/rules/vm-only/timeout", "100ms", None),
    ],
)
def test_rule_that_cannot_be(path: str, value: Any, error: str | None) -> None:
    if error:
        assert errors(changed(path, value)) == (f"{shown(path)}: {error}",)
    else:
        assert len(errors(changed(path, value))) == 1


def test_a_header_has_a_lower_case_name_and_cookies_have_a_key_of_their_own() -> None:
    (error,) = errors(changed(f"{RULE}/match/0/headers", {"End-User": "a"}))
    assert error.endswith(': must be the lower-case name of a header, not "End-User"')
    (error,) = errors(changed(f"{RULE}/match/0/headers", {"cookie": "a=b"}))
    assert error.endswith("headers.cookie: would be all cookies of a request at once; name the one with 'cookie'")


def test_what_has_calls_gets_no_copies() -> None:
    config = changed(f"{RULE}/mirror", {"there": 10})
    assert errors(config) == (
        f'{shown(RULE)}.mirror.there: has 25% of the calls in stage "canary", and a copy would be a second call there; '
        "copies are for a destination that has none (without any: rules.canary.mirror: {})",
    )
    config["routes"]["details"]["rules"]["canary"] = {"mirror": {}}
    assert load(config).routes["details"].rule_in("canary").mirror == {}


def test_a_stage_has_the_rule_but_for_what_it_says_itself() -> None:
    route = load(changed(f"{RULE}/mirror", {"made": 5})).routes["details"]
    assert route.rule_in("canary") == route.rule
    assert route.rule_in("vm-only").mirror == {"made": 10}
    assert route.rule_in("vm-only").timeout == "2s"


def test_callers_of_any_namespace_of_the_mesh_match_where_the_route_is_for_all() -> None:
    config = changed("routes/details/callers", {})
    load(changed(f"{RULE}/match/0/namespaces", ["machines"], config))
    (error,) = errors(changed(f"{RULE}/match/0/namespaces", ["elsewhere"], config))
    assert 'there is no namespace in the mesh "elsewhere"' in error
