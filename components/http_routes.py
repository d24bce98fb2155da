"""The HTTP routes of a VirtualService: pure functions of a rule, the weights of a stage, and the destinations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from settings import AffinitySettings, MatchSettings, RetrySettings, RuleSettings

Entry = dict[str, Any]
"""An entry of ``spec.http``. Istio takes the first one that a call matches; the last one has no condition."""


def http_routes(
    destinations: Mapping[str, Mapping[str, str]],
    weights: Mapping[str, int],
    rule: RuleSettings,
    *,
    copied_to: Mapping[str, Mapping[str, str]],
    retries: Mapping[str, Any] | None = None,
) -> list[Entry]:
    """The entries: those of matches, then those of sessions, then the one that divides by the weights.

    ``destinations`` has each destination's host and subset, of weight 0 too, and ``copied_to`` has them for copies;
    ``retries`` are those of a rule that has none. What matches is not mirrored: a tester's call is where it is meant to
    be already.
    """
    limits = _limits(rule, retries)
    copies = _copies(rule.mirror, copied_to)
    matches = [
        {"match": _conditions(match), "route": [{"destination": destinations[match.destination]}], **limits}
        for match in rule.match
    ]
    sessions = [
        {"match": [_session(rule.affinity, name)], "route": [{"destination": destinations[name]}], **copies, **limits}
        for name in destinations
        if rule.affinity and weights.get(name)
    ]
    divided = {"route": list(_divided(destinations, weights, rule.affinity)), **copies, **limits}
    return [*matches, *sessions, divided]


def _divided(
    destinations: Mapping[str, Mapping[str, str]], weights: Mapping[str, int], affinity: AffinitySettings | None
) -> Iterator[Entry]:
    for name, place in destinations.items():
        entry: Entry = {"destination": place, "weight": weights.get(name, 0)}
        if affinity:
            # `add`: the service may set cookies of its own.
            cookie = f"{affinity.cookie}={name}; Max-Age={affinity.max_age}; Path=/; HttpOnly; SameSite=Lax"
            entry["headers"] = {"response": {"add": {"set-cookie": cookie}}}
        yield entry


def _session(affinity: AffinitySettings, destination: str) -> Entry:
    """The calls of sessions that were given ``destination``.

    Envoy divides by a random number of its own for each call. It can take the hash of a cookie in place of that
    (``use_hash_policy`` of weighted clusters, since 1.36), but Istio's API has no word for it, so it would take an
    EnvoyFilter for each route; and a hash moves sessions whenever a boundary between weights moves, even between two
    destinations that both go on. By its own cookie a session stays as long as its destination has a weight at all: one
    with weight 0 has no such entry, and its sessions are given another.
    """
    return {"headers": {"cookie": {"regex": _cookie(affinity.cookie, destination)}}}


def _cookie(name: str, value: str) -> str:
    """What a Cookie header looks like that has this cookie, among others or alone. Envoy matches it as a whole."""
    return rf"(.*;\s*)?{re.escape(name)}={re.escape(value)}(\s*;.*)?"


def _conditions(match: MatchSettings) -> list[Entry]:
    """Istio's conditions, of which one must hold: a caller is in one namespace only."""
    headers: Entry = {name: {"exact": value} for name, value in (match.headers or {}).items()}
    for name, value in (match.cookie or {}).items():  # one at most
        headers["cookie"] = {"regex": _cookie(name, value)}
    condition: Entry = {"headers": headers} if headers else {}
    if match.labels:
        condition["sourceLabels"] = dict(match.labels)
    if not match.namespaces:
        return [condition]
    return [{**condition, "sourceNamespace": namespace} for namespace in match.namespaces]


def _copies(mirror: Mapping[str, int], destinations: Mapping[str, Mapping[str, str]]) -> Entry:
    copies = [{"destination": destinations[name], "percentage": {"value": percent}} for name, percent in mirror.items()]
    return {"mirrors": copies} if copies else {}


def _limits(rule: RuleSettings, retries: Mapping[str, Any] | None) -> Entry:
    """How long a call may take, and how often it is tried: the same wherever it goes."""
    limits = {"timeout": rule.timeout, "retries": _retries(rule.retries) if rule.retries else retries}
    return {key: value for key, value in limits.items() if value}


def _retries(retries: RetrySettings) -> Entry:
    given = {"perTryTimeout": retries.per_try_timeout, "retryOn": retries.retry_on}
    return {"attempts": retries.attempts, **{key: value for key, value in given.items() if value}}
