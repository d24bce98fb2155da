"""How often each destination was called and how it has answered, of what the callers' own proxies count."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any
from urllib.parse import quote

from vmmesh.routes import ELSEWHERE, Route

_KINDS = "total|active|tx_reset|[2-5]xx|time"
# Istio ends the name of a cluster with ";" in its statistics, so that the dots in it do not end it.
_STAT = re.compile(rf"cluster\.(outbound\|[^;]*?);?\.upstream_rq_({_KINDS})")

STATS = "stats?format=json&histogram_buckets=detailed&filter=" + quote(
    rf"^cluster\.outbound.*\.upstream_rq_({_KINDS})$", safe=""
)
"""Envoy's admin path of the statistics that :func:`counters` reads."""


@dataclass(frozen=True)
class Calls:
    """Calls of a destination. A call that Envoy tried again counts once for each try."""

    total: int = 0
    """Begun; the others are those of them that have ended so, but for those that wait."""
    failed: int = 0
    """Answered with 5xx, by the destination or by Envoy in its place."""
    _: KW_ONLY
    answered: int = 0
    """With anything else."""
    given_up: int = 0
    """Given up by the caller before there was an answer."""
    waiting: int = 0
    """Not answered yet, at the moment of the count."""
    times: Mapping[float, int] = field(default_factory=dict[float, int])
    """Answers by the milliseconds that they took at least; Envoy adds them every 5 s (``stats_flush_interval``)."""

    @property
    def ended(self) -> int:
        return self.answered + self.failed + self.given_up

    @property
    def bad(self) -> int:
        return self.failed + self.given_up

    @property
    def timed(self) -> int:
        return sum(self.times.values())

    def slower(self, milliseconds: float) -> int:
        """Answers that took at least so long."""
        return sum(count for least, count in self.times.items() if least >= milliseconds)

    def percentile(self, percent: float) -> float | None:
        """Milliseconds in which so many of the answers came, to the two digits that Envoy keeps; None: no answer."""
        rest = self.timed * percent / 100
        for least, count in sorted(self.times.items()):
            rest -= count
            if rest <= 0:
                return least
        return None

    def __add__(self, other: Calls) -> Calls:
        return Calls(
            self.total + other.total,
            self.failed + other.failed,
            answered=self.answered + other.answered,
            given_up=self.given_up + other.given_up,
            waiting=self.waiting + other.waiting,
            times=Counter(self.times) + Counter(other.times),
        )

    def since(self, before: Calls) -> Calls:
        """The calls after ``before``. A proxy that was started again has begun at zero again."""
        if self.total < before.total or self.ended < before.ended:
            return self
        return Calls(
            self.total - before.total,
            self.failed - before.failed,
            answered=self.answered - before.answered,
            given_up=self.given_up - before.given_up,
            waiting=self.waiting,
            times=Counter(self.times) - Counter(before.times),
        )


def counters(stats: str) -> dict[str, Calls]:
    """Calls by Envoy cluster, of the JSON that Envoy answers at :data:`STATS`."""
    counts: dict[str, Counter[str]] = {}
    times: dict[str, dict[float, int]] = {}
    for stat in json.loads(stats)["stats"]:
        if match := _STAT.fullmatch(stat.get("name", "")):
            counts.setdefault(match[1], Counter())[match[2]] += stat["value"]
        for histogram in stat.get("histograms", {}).get("details", []):
            if match := _STAT.fullmatch(histogram["name"]):
                times[match[1]] = {float(part["lower_bound"]): part["count"] for part in histogram["totals"]}
    return {
        name: Calls(
            count["total"],
            count["5xx"],
            answered=count["2xx"] + count["3xx"] + count["4xx"],
            given_up=count["tx_reset"],
            waiting=count["active"],
            times=times.get(name, {}),
        )
        for name, count in counts.items()
    }


def together(counted: Iterable[Mapping[str, Calls]]) -> dict[str, Calls]:
    """The calls of several counts, by whatever each of them is by."""
    found: dict[str, Calls] = {}
    for count in counted:
        for name, calls in count.items():
            found[name] = found.get(name, Calls()) + calls
    return found


def by_destination(route: Route, calls: Mapping[str, Calls]) -> dict[str, Calls]:
    """Calls of a route's service by destination, of calls by Envoy cluster.

    With failover Envoy counts the begin of a call (``total``, ``waiting``, ``given_up``) at the member of the aggregate
    cluster that it went to, and the answer (``answered``, ``failed``, ``times``) at the aggregate: the one is by who
    served, the other by whom the call was meant for.
    """
    found = {destination: Calls() for destination in route.percents}
    for envoy_cluster, count in calls.items():
        destination = route.destination(envoy_cluster)
        if destination and (destination != ELSEWHERE or count.total):
            found[destination] = found.get(destination, Calls()) + count
    return found


def document(calls: Calls) -> dict[str, Any]:
    """The calls as JSON."""
    return {
        "calls": calls.ended,
        "failed": calls.failed,
        "given_up": calls.given_up,
        "success_rate": round(100 * calls.answered / calls.ended, 3) if calls.ended else None,
        "p50_milliseconds": calls.percentile(50),
        "p99_milliseconds": calls.percentile(99),
    }
