"""A chart: values over time in a box, with a scale on the left and moments below."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vmmesh.picture.canvas import Box, Canvas, number
from vmmesh.picture.timeline import Values

_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_MOST_TICKS = 8


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Where values of these moments, from none to ``most``, are in a box."""

    box: Box
    moments: Sequence[float]
    most: float

    def x(self, moment: float) -> float:
        """Abscissa of a moment."""
        first, last = self.moments[0], self.moments[-1]
        return self.box.x + self.box.width * (moment - first) / (last - first)

    def y(self, value: float) -> float:
        """Ordinate of a value."""
        return self.box.bottom - self.box.height * min(value, self.most) / self.most

    def curve(self, values: Values) -> str:
        """The outline of a curve, with gaps where nothing is known."""
        return "".join(self._line(run, values) for run in runs(values))

    def area(self, lower: Values, upper: Values) -> str:
        """The outline of what is between two curves that are known at the same moments."""
        parts: list[str] = []
        for run in runs(upper):
            back = [f"{number(self.x(self.moments[at]))} {number(self.y(lower[at] or 0))}" for at in reversed(run)]
            parts.append(f"{self._line(run, upper)}L{' L'.join(back)}Z")
        return "".join(parts)

    def _line(self, run: Sequence[int], values: Values) -> str:
        points = [f"{number(self.x(self.moments[at]))} {number(self.y(values[at] or 0))}" for at in run]
        return f"M{' L'.join(points)}"

    def frame(self, canvas: Canvas, unit: str) -> None:
        """Draws the scale, and the moments below."""
        for part in (0, 0.5, 1):
            y = self.box.bottom - self.box.height * part
            canvas.path(f"M{number(self.box.x)} {number(y)}H{number(self.box.right)}", "grid")
            canvas.text(f"{self.most * part:g} {unit}", self.box.x - 8, y + 5, "small", "soft", "end")
        for moment in ticks(self.moments[0], self.moments[-1]):
            words = f"{datetime.fromtimestamp(moment, UTC):%H:%M}" if moment % 60 == 0 else f":{moment % 60:02.0f}"
            canvas.text(words, self.x(moment), self.box.bottom + 20, "small", "soft", "middle")

    def changes(self, canvas: Canvas, at: Mapping[float, str]) -> None:
        """Draws where the stage has changed."""
        for moment, stage in at.items():
            x = number(self.x(moment))
            canvas.path(f"M{x} {number(self.box.y)}V{number(self.box.bottom)}", "change", about=f"stage {stage}")


def runs(values: Values) -> Iterator[list[int]]:
    """Where values are known, without a gap, at two moments or more."""
    run: list[int] = []
    for at, value in enumerate([*values, None]):
        if value is not None:
            run.append(at)
        elif run:
            if len(run) > 1:
                yield run
            run = []


def ticks(first: float, last: float) -> list[float]:
    """Round moments, not too many."""
    step = next((tick for tick in _TICKS if (last - first) / tick <= _MOST_TICKS), _TICKS[-1])
    return [moment * step for moment in range(math.ceil(first / step), math.floor(last / step) + 1)]


def scale(values: Sequence[Values], least: float) -> float:
    """A round number that none of the values is greater than."""
    most = max((value for those in values for value in those if value is not None), default=0.0)
    if most <= least:
        return least
    power = 10 ** math.floor(math.log10(most))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= most)
