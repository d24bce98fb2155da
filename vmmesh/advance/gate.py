"""Whether a stage holds its gate: pure arithmetic on the calls of its destinations, as they come in.

Each destination is judged by its own calls, and against the others, so that a bad one is not hidden by a good one.
A gate is **broken** as soon as the evidence against a destination is enough, with a stated rate of false alarms. It is
**lacking** while the calls as they are do not hold it, but could by chance: it then goes on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from settings import GateSettings
from vmmesh.advance.evidence import WorseThanOthers, above
from vmmesh.calls import Calls, document
from vmmesh.routes import Route

FALSE_ALARMS = 1e-4
"""How often a gate that all destinations hold is broken by chance: once in 10,000."""

P99 = 0.01


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A destination in the time of a gate so far."""

    destination: str
    percent: int
    calls: Calls
    late: int
    """Calls that took longer than the p99 allowed, those that still wait included."""
    broken: Sequence[str]
    lacking: Sequence[str]


class Gate:
    """The gate of the stage that ``route`` is in. :meth:`take` takes the calls up to a moment."""

    def __init__(self, settings: GateSettings, route: Route) -> None:
        self.settings = settings
        self.route = route
        self._destinations = [name for name, percent in route.percents.items() if percent]
        # Each destination: too many bad calls, too many late ones, and both again against the others.
        tests = len(self._destinations) * (4 if len(self._destinations) > 1 else 2)
        self._enough = math.log(tests / FALSE_ALARMS)
        self._worse = {name: WorseThanOthers(settings.times_others) for name in self._destinations}
        self._later = {name: WorseThanOthers(settings.times_others) for name in self._destinations}
        self._last: Mapping[str, Calls] = {}
        self._begun: list[tuple[float, Mapping[str, int]]] = []
        self._broken: dict[str, tuple[str, ...]] = {}
        self.standings: Sequence[Standing] = [self._standing(name, Calls(), 0) for name in self._destinations]

    @property
    def broken(self) -> list[str]:
        """What is wrong, beyond chance; once it is, it stays."""
        return [line for standing in self.standings for line in standing.broken]

    @property
    def lacking(self) -> list[str]:
        """What is missing to hold the gate, as of now."""
        return [line for standing in self.standings for line in standing.lacking]

    def take(self, at: float, calls: Mapping[str, Calls]) -> None:
        """Takes the calls by destination since the gate's begin, at a moment (seconds of any clock)."""
        fresh = {name: calls[name].since(self._last.get(name, Calls())) for name in self._destinations}
        for name in self._destinations:
            self._compare(name, fresh)
        self._begun.append((at, {name: calls[name].total for name in self._destinations}))
        self.standings = [
            self._standing(name, calls[name], self._overdue(at, name, calls[name])) for name in self._destinations
        ]
        self._last = dict(calls)

    def _compare(self, name: str, fresh: Mapping[str, Calls]) -> None:
        others = [part for other, part in fresh.items() if other != name]
        own = fresh[name]
        self._worse[name].add(own.bad, own.ended, sum(o.bad for o in others), sum(o.ended for o in others))
        if limit := self.settings.p99_milliseconds:
            late, timed = sum(o.slower(limit) for o in others), sum(o.timed for o in others)
            self._later[name].add(own.slower(limit), own.timed, late, timed)

    def _overdue(self, at: float, name: str, calls: Calls) -> int:
        """How many calls at least wait for longer than the p99 allowed: those that were not begun since."""
        limit = self.settings.p99_milliseconds
        if limit is None:
            return 0
        earlier = [moment for moment in self._begun if moment[0] <= at - limit / 1000]
        self._begun = [*earlier[-1:], *self._begun[len(earlier) :]]
        return max(0, calls.waiting - (calls.total - earlier[-1][1][name])) if earlier else 0

    def _standing(self, name: str, calls: Calls, overdue: int) -> Standing:
        limit, rate = self.settings.p99_milliseconds, self.settings.success_rate
        late = (calls.slower(limit) if limit else 0) + overdue
        timed = calls.timed + overdue
        share = 100 * calls.answered / calls.ended if calls.ended else 100.0
        wrong: list[str] = []
        lacking: list[str] = []
        if calls.ended < max(1, self.settings.min_requests):
            lacking.append(f"{name} has had {calls.ended} of {max(1, self.settings.min_requests)} calls")
        if rate is not None and share < rate:
            line = f"{calls.bad} of {calls.ended} calls of {name} failed, {rate:g}% must succeed"
            lacking.append(line)
            if above(calls.bad, calls.ended, 1 - rate / 100) >= self._enough:
                wrong.append(line)
        if limit and late > timed * P99:
            line = f"{late} of {timed} calls of {name} took longer than {limit} ms, at most 1% may"
            lacking.append(line)
            if above(late, timed, P99) >= self._enough:
                wrong.append(line)
        times = f"is more than {self.settings.times_others:g} times as likely as at the others"
        if self._worse[name].evidence >= self._enough:
            wrong.append(f"that a call of {name} fails {times} ({calls.bad} of {calls.ended} did)")
        if self._later[name].evidence >= self._enough:
            wrong.append(f"that a call of {name} takes longer than {limit} ms {times} ({late} of {timed} did)")
        if wrong:
            self._broken.setdefault(name, tuple(wrong))
        return Standing(
            destination=name,
            percent=self.route.percents[name],
            calls=calls,
            late=late,
            broken=self._broken.get(name, ()),
            lacking=lacking,
        )


def standing_document(standing: Standing) -> dict[str, Any]:
    """A destination's standing as JSON."""
    return {
        "destination": standing.destination,
        "percent": standing.percent,
        **document(standing.calls),
        "late": standing.late,
        "broken": list(standing.broken),
        "lacking": list(standing.lacking),
    }
