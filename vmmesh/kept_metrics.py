"""The metrics that the management cluster keeps, asked for the past of a route."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from settings import Queries, Settings, queries
from vmmesh.mesh import each
from vmmesh.picture.shown import Kind
from vmmesh.picture.timeline import Curve, Values

_MOMENTS = 120
_READINGS = 4
"""As many readings as a rate is taken of, so that it is one even where two are missing."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Moments of the past, and over how long a rate is taken at each."""

    start: int
    end: int
    step: int
    window: str

    @property
    def moments(self) -> list[float]:
        return [float(moment) for moment in range(self.start, self.end + 1, self.step)]


def span(seconds: int, interval: int, now: float) -> Span:
    """The last so many ``seconds``, of proxies that are read every ``interval`` seconds."""
    step = max(interval, math.ceil(seconds / _MOMENTS))
    # Whole steps: so a picture that is drawn again a moment later shows the same moments.
    end = math.floor(now / step) * step
    count = max(1, seconds // step)
    return Span(start=end - count * step, end=end, step=step, window=f"{max(step, _READINGS * interval)}s")


def curves(settings: Settings, route: str, when: Span, ask: Callable[[str], str]) -> list[Curve]:
    """The calls of a route, by destination. Raises Unreachable."""

    def curve(destination: tuple[str, Queries]) -> Curve:
        name, asked = destination
        calls, failed, p50, p99 = (
            values(ask, query, when)
            for query in (
                asked.calls(when.window),
                asked.failed(when.window),
                asked.percentile(50, when.window),
                asked.percentile(99, when.window),
            )
        )
        kind = Kind.VM if name in settings.vms else Kind.CLUSTER
        return Curve(destination=name, kind=kind, calls=calls, failed=failed, p50=p50, p99=p99)

    return each(curve, queries(settings, route).items())


def values(ask: Callable[[str], str], query: str, when: Span) -> Values:
    """What a query is answered at each moment. Raises Unreachable."""
    given = {"query": query, "start": when.start, "end": when.end, "step": when.step}
    found: list[dict[str, Any]] = json.loads(ask(f"api/v1/query_range?{urlencode(given)}"))["data"]["result"]
    known = {float(moment): float(value) for series in found for moment, value in series["values"]}
    # A percentile of no call at all is no number.
    return [None if math.isnan(known.get(moment, math.nan)) else known[moment] for moment in when.moments]
