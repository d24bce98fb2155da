"""The samples of a benchmark as a strip chart: every one a dot, the median a line across them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bench.result import Result, Series
from vmmesh.picture.canvas import Box, Canvas, number, text_width
from vmmesh.picture.style import Theme

_WIDTH, _ROW, _MARGIN = 900.0, 34.0, 24.0
_LOG_FROM = 30
"""A scale on which the greatest sample is so many times the least one is logarithmic."""

Scale = Callable[[float], float]


def drawn(result: Result) -> str:
    """The chart as SVG: a scale of its own for each unit."""
    canvas = Canvas()
    y = _MARGIN + 24
    canvas.text(result.title, _MARGIN, y, "name")
    left = _MARGIN + max(text_width(series.name, "small") for series in result.series) + 16
    for unit in dict.fromkeys(series.unit for series in result.series):
        found = [series for series in result.series if series.unit == unit]
        y = _strips(canvas, found, unit, left, y + 20)
    about = "; ".join(f"{series.name}: median {series.median:.4g} {series.unit}" for series in result.series)
    return canvas.svg(_WIDTH, y + _MARGIN, result.title, about, Theme.AUTO)


def _strips(canvas: Canvas, found: Sequence[Series], unit: str, left: float, top: float) -> float:
    """Draws the series of a unit below each other, and their axis; returns where that ends."""
    right = _WIDTH - _MARGIN - 24
    place, ticks = _scale([value for series in found for value in series.values], left, right)
    bottom = top + _ROW * len(found)
    for tick in ticks:
        canvas.path(f"M{number(place(tick))} {number(top)}V{number(bottom)}", "line-faint")
        # The unit once: beside each number it would run into the next one.
        text = f"{tick:,g} {unit}" if tick == ticks[-1] else f"{tick:,g}"
        canvas.text(text, place(tick), bottom + 18, "small", "soft", "middle")
    for position, series in enumerate(found):
        middle = top + _ROW * (position + 0.5)
        kind, ink = ("bar", "call") if series.ours else ("head-control", "control")
        canvas.text(series.name, left - 12, middle + 4, "small", ink, "end")
        for value in series.values:
            canvas.box(Box(place(value) - 3, middle - 3, 6, 6), kind, 3, f"{value:.4g} {unit}")
        line = f"M{number(place(series.median))} {number(middle - 10)}V{number(middle + 10)}"
        canvas.path(line, "mark", about=f"median {series.median:.4g} {unit}")
    return bottom + 26


def _scale(values: Sequence[float], left: float, right: float) -> tuple[Scale, list[float]]:
    """Where a value lies, and the values that the axis names."""
    least, greatest = min(values), max(values)
    if least > 0 and greatest / least >= _LOG_FROM:
        low, high = math.floor(math.log10(least)), math.ceil(math.log10(greatest))
        width = right - left

        def place(value: float) -> float:
            return left + width * (math.log10(value) - low) / (high - low)

        return place, [10.0**power for power in range(low, high + 1)]
    low, step = min(0.0, least), _step(greatest - min(0.0, least))
    high = low + step * max(1, math.ceil((greatest - low) / step))

    def linear(value: float) -> float:
        return left + (right - left) * (value - low) / (high - low)

    return linear, [low + step * count for count in range(round((high - low) / step) + 1)]


def _step(span: float) -> float:
    """The roundest number that divides a span in about five."""
    if span <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(span / 5))
    return power * min((1, 2, 5, 10), key=lambda times: abs(span / (power * times) - 5))
