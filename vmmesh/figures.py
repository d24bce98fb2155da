"""How each destination has answered, of the statistics that the callers' own proxies keep."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from vmmesh.routes import ELSEWHERE, Route

_KINDS = "total|active|tx_reset|[2-5]xx"
_STAT = re.compile(rf"cluster\.(outbound\|[^;]*?);?\.upstream_rq_({_KINDS}|time)")

FIGURES = "stats?format=json&histogram_buckets=detailed&filter=" + quote(
    rf"^cluster\.outbound.*\.upstream_rq_({_KINDS}|time)$", safe=""
)
"""Envoy's admin path of the statistics that :func:`read` reads."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Calls of a destination. A call that Envoy tried again counts once for each try."""

    begun: int = 0
    answered: int = 0
    """With anything but 5xx."""
    failed: int = 0
    """Answered with 5xx, by the destination or by Envoy in its place."""
    given_up: int = 0
    """Given up by the caller before there was an answer."""
    waiting: int = 0
    """Not answered yet, at the moment of the figures."""
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

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            begun=self.begun + other.begun,
            answered=self.answered + other.answered,
            failed=self.failed + other.failed,
            given_up=self.given_up + other.given_up,
            waiting=self.waiting + other.waiting,
            times=Counter(self.times) + Counter(other.times),
        )

    def since(self, before: Figures) -> Figures:
        """What came after ``before``. A proxy that was started again has begun at zero again."""
        if self.begun < before.begun or self.ended < before.ended:
            return self
        return Figures(
            begun=self.begun - before.begun,
            answered=self.answered - before.answered,
            failed=self.failed - before.failed,
            given_up=self.given_up - before.given_up,
            waiting=self.waiting,
            times=Counter(self.times) - Counter(before.times),
        )


def read(stats: str) -> dict[str, Figures]:
    """Figures by Envoy cluster, of the JSON that Envoy answers at :data:`FIGURES`."""
    counts: dict[str, Counter[str]] = {}
    times: dict[str, dict[float, int]] = {}
    for stat in json.loads(stats)["stats"]:
        if match := _STAT.fullmatch(stat.get("name", "")):
            counts.setdefault(match[1], Counter())[match[2]] += stat["value"]
        for histogram in stat.get("histograms", {}).get("details", []):
            if match := _STAT.fullmatch(histogram["name"]):
                times[match[1]] = {float(part["lower_bound"]): part["count"] for part in histogram["totals"]}
    return {
        name: Figures(
            begun=count["total"],
            answered=count["2xx"] + count["3xx"] + count["4xx"],
            failed=count["5xx"],
            given_up=count["tx_reset"],
            waiting=count["active"],
            times=times.get(name, {}),
        )
        for name, count in counts.items()
    }


def by_destination(route: Route, of_proxies: Iterable[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Figures of a route's destinations, of all callers together."""
    found = {destination: Figures() for destination in route.percents}
    for figures in of_proxies:
        for envoy_cluster, part in figures.items():
            destination = route.destination(envoy_cluster)
            if destination and destination != ELSEWHERE:
                found[destination] += part
    return found


def document(figures: Figures) -> dict[str, Any]:
    """The figures as JSON."""
    return {
        "calls": figures.ended,
        "failed": figures.failed,
        "given_up": figures.given_up,
        "success_rate": round(100 * figures.answered / figures.ended, 3) if figures.ended else None,
        "p50_milliseconds": figures.percentile(50),
        "p99_milliseconds": figures.percentile(99),
    }
