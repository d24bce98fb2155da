"""What a picture over time shows: how the calls of each route were spread and answered, and when its stage changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vmmesh.history import Stay
from vmmesh.picture.shown import Kind

Values = Sequence[float | None]
"""At each moment; None: nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The calls of a route to one destination."""

    destination: str
    kind: Kind
    calls: Values
    """A second."""
    failed: Values
    """Of these."""
    p50: Values
    """Milliseconds to an answer."""
    p99: Values


@dataclass(frozen=True, kw_only=True)
class Part:
    """One route."""

    service: str
    curves: Sequence[Curve]
    stays: Sequence[Stay]
    """The stage that it was in at first, and those that it came to."""


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All that is drawn."""

    stack: str
    moments: Sequence[float]
    """In seconds since 1970, a constant time apart."""
    parts: Sequence[Part]

    @property
    def step(self) -> float:
        return self.moments[1] - self.moments[0]


def shares(part: Part) -> dict[str, list[float | None]]:
    """Destination -> percent of the route's calls at each moment; None: there was no call."""
    found: dict[str, list[float | None]] = {curve.destination: [] for curve in part.curves}
    for calls in zip(*(curve.calls for curve in part.curves), strict=True):
        total = sum(value or 0 for value in calls)
        for destination, value in zip(found, calls, strict=True):
            found[destination].append(100 * (value or 0) / total if total else None)
    return found


def failures(curve: Curve) -> list[float | None]:
    """Percent of the calls that failed at each moment; None: there was no call."""
    return [
        min(100.0, 100 * (failed or 0) / calls) if calls else None
        for calls, failed in zip(curve.calls, curve.failed, strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class Total:
    """The calls to a destination in the time of a stage."""

    stay: Stay
    destination: str
    calls: float
    failed: float
    percent: float
    p50: float | None
    p99: float | None
    """The worst that there was."""


def totals(timeline: Timeline, part: Part) -> list[Total]:
    """What a table says of a route: each stage, and in it each destination."""
    found: list[Total] = []
    ends = [*(_seconds(stay) for stay in part.stays), float("inf")][1:]
    for stay, end in zip(part.stays, ends, strict=True):
        within = [at for at, moment in enumerate(timeline.moments) if _seconds(stay) <= moment < end]
        calls = {curve.destination: _sum(curve.calls, within) * timeline.step for curve in part.curves}
        everything = sum(calls.values())
        for curve in part.curves:
            count = calls[curve.destination]
            if count:
                found.append(
                    Total(
                        stay=stay,
                        destination=curve.destination,
                        calls=count,
                        failed=_sum(curve.failed, within) * timeline.step,
                        percent=100 * count / everything,
                        p50=_most(curve.p50, within),
                        p99=_most(curve.p99, within),
                    )
                )
    return found


def within(stays: Sequence[Stay], start: float) -> list[Stay]:
    """The stay that was under way at ``start``, and those that began later."""
    later = [stay for stay in stays if _seconds(stay) > start]
    before = [stay for stay in stays if _seconds(stay) <= start]
    return [*before[-1:], *later]


def changes(part: Part, start: float) -> Mapping[float, str]:
    """When the route came to which stage, after ``start``."""
    return {_seconds(stay): stay.stage for stay in part.stays if _seconds(stay) > start}


def first(part: Part, start: float) -> Mapping[float, str]:
    """``start`` -> the stage that the route was in then, if it had one."""
    stays = [stay for stay in part.stays if _seconds(stay) <= start]
    return {start: stays[-1].stage} if stays else {}


def _seconds(stay: Stay) -> float:
    return datetime.fromisoformat(stay.since).timestamp()


def _sum(values: Values, at: Sequence[int]) -> float:
    return sum(values[index] or 0 for index in at)


def _most(values: Values, at: Sequence[int]) -> float | None:
    return max((value for index in at if (value := values[index]) is not None), default=None)
