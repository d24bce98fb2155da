"""What a benchmark has found: samples, their statistics, and whether they keep within what was aimed at."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

P99_FROM = 100
"""From so many samples on, a hundredth of them is something; of fewer the greatest is what there is to say."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Samples of one quantity. ``ours``: of this project, not of what a user would do instead."""

    name: str
    unit: str
    values: Sequence[float]
    ours: bool = True

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def greatest(self) -> float:
        return max(self.values)

    @property
    def p99(self) -> float | None:
        """The 99th percentile; None: there are too few samples for one."""
        if self.n < P99_FROM:
            return None
        return statistics.quantiles(self.values, n=100, method="inclusive")[98]

    @property
    def worst(self) -> float:
        """What a bar on the 99th percentile is held against: with few samples the greatest of them."""
        return self.greatest if self.p99 is None else self.p99


@dataclass(frozen=True, kw_only=True)
class Bar:
    """An aim, set before the measurement. ``anchor`` is what it was derived from."""

    what: str
    aim: float
    found: float
    unit: str
    anchor: str

    @property
    def met(self) -> bool:
        return self.found <= self.aim


@dataclass(frozen=True, kw_only=True)
class Result:
    """A benchmark's outcome. ``how`` says, for whoever doubts it, what was timed and what was not."""

    name: str
    title: str
    how: str
    series: Sequence[Series]
    bars: Sequence[Bar] = ()
    notes: Sequence[str] = ()
    machine: Mapping[str, str] = field(default_factory=dict[str, str])

    def __getitem__(self, name: str) -> Series:
        """The series of that name. Raises KeyError if there is none."""
        for series in self.series:
            if series.name == name:
                return series
        raise KeyError(name)


def document(result: Result) -> dict[str, Any]:
    """The result as JSON, with all its samples."""
    return asdict(result)


def parse(document: Mapping[str, Any]) -> Result:
    """A result from its JSON form."""
    whole: dict[str, Any] = {**document}
    whole["series"] = [Series(**series) for series in document["series"]]
    whole["bars"] = [Bar(**bar) for bar in document["bars"]]
    return Result(**whole)
