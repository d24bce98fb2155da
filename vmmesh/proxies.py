"""How often a proxy called each destination, as it says itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from vmmesh.routes import ELSEWHERE, Route

# Istio ends the name of a cluster with ";" in its statistics, so that the dots in it do not end it.
_STAT = re.compile(r"cluster\.(outbound\|[^;]*?);?\.upstream_rq_(total|5xx)")

STATS = "stats?format=json&filter=" + quote(r"^cluster\.outbound.*\.upstream_rq_(total|5xx)$", safe="")
"""Envoy's admin path of the counters that :func:`counters` reads."""


@dataclass(frozen=True)
class Calls:
    """How often a destination was called, and how often it (or Envoy in its place) answered with 5xx."""

    total: int = 0
    failed: int = 0

    def __add__(self, other: Calls) -> Calls:
        return Calls(self.total + other.total, self.failed + other.failed)

    def since(self, before: Calls) -> Calls:
        """The calls after ``before``. A proxy that was started again has begun at zero again."""
        if self.total < before.total or self.failed < before.failed:
            return self
        return Calls(self.total - before.total, self.failed - before.failed)


def counters(stats: str) -> dict[str, Calls]:
    """Calls by Envoy cluster, of the JSON that Envoy answers at :data:`STATS`."""
    found: dict[str, Calls] = {}
    for stat in json.loads(stats)["stats"]:
        if match := _STAT.fullmatch(stat.get("name", "")):
            value = Calls(failed=stat["value"]) if match[2] == "5xx" else Calls(total=stat["value"])
            found[match[1]] = found.get(match[1], Calls()) + value
    return found


def by_destination(route: Route, calls: Mapping[str, Calls]) -> dict[str, Calls]:
    """Calls of a route's service by destination, of calls by Envoy cluster."""
    found = {destination: Calls() for destination in route.percents}
    for envoy_cluster, count in calls.items():
        destination = route.destination(envoy_cluster)
        if destination and (destination != ELSEWHERE or count.total):
            found[destination] = found.get(destination, Calls()) + count
    return found
