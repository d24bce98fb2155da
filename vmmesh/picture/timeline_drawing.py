"""A picture over time as SVG: three charts for each route, one below the other, on the same moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from vmmesh.picture.canvas import Box, Canvas, text_width
from vmmesh.picture.chart import Chart, scale
from vmmesh.picture.drawing import moment as in_words
from vmmesh.picture.layout import MARGIN
from vmmesh.picture.page import Section
from vmmesh.picture.shown import Kind
from vmmesh.picture.style import SERIES, Theme
from vmmesh.picture.text import shortened
from vmmesh.picture.timeline import Curve, Part, Timeline, changes, failures, first, shares, totals

_WIDTH = 1040
_SCALE = 74
"""Room of a chart's scale, on its left."""
_HIGH = 120
_HEADING, _MOMENTS = 26, 36
"""Room above and below a chart."""
_ROW = 18
_SWATCH = 22


def draw(timeline: Timeline, theme: Theme = Theme.AUTO) -> str:
    """The SVG document."""
    canvas = Canvas()
    canvas.text(eyebrow(timeline), MARGIN, MARGIN + 8, "small", "soft")
    y = MARGIN + 22.0
    for part in timeline.parts:
        y = _draw_part(canvas, timeline, part, y)
    return canvas.svg(_WIDTH, y, title(timeline), description(timeline), theme, series=True)


def eyebrow(timeline: Timeline) -> str:
    """What stands above all: whose picture it is, and of when."""
    first, last = (datetime.fromtimestamp(at, UTC).isoformat() for at in (timeline.moments[0], timeline.moments[-1]))
    return f"Stack {timeline.stack}, {in_words(first)} to {in_words(last)}"


def title(timeline: Timeline) -> str:
    """The picture in one line, for those who do not see it."""
    services = ", ".join(part.service for part in timeline.parts)
    return f"Stack {timeline.stack}: the calls of {services} over time"


def description(timeline: Timeline) -> str:
    """The picture in words, for those who do not see it."""
    lines = [
        f"{part.service} in stage {it.stay.stage}: {it.percent:.1f} % of the calls to {it.destination}."
        for part in timeline.parts
        for it in totals(timeline, part)
    ]
    return " ".join(lines)


def sections(timeline: Timeline) -> list[Section]:
    """The figures of each stage, as tables."""
    return [
        Section(
            heading=f"{part.service}, stage by stage",
            columns=("stage", "destination", "calls", "share", "failed", "p50", "p99"),
            rows=[
                [
                    it.stay.stage,
                    it.destination,
                    f"{it.calls:,.0f}",
                    f"{it.percent:.1f} %",
                    f"{it.failed:,.0f}",
                    _milliseconds(it.p50),
                    _milliseconds(it.p99),
                ]
                for it in totals(timeline, part)
            ],
        )
        for part in timeline.parts
    ]


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} ms"


def _draw_part(canvas: Canvas, timeline: Timeline, part: Part, y: float) -> float:
    """Returns where it ends."""
    canvas.text(part.service, MARGIN, y + 32, "title")
    colours = _colours(part.curves)
    _draw_names(canvas, colours, y + 62)
    at = changes(part, timeline.moments[0])
    start = timeline.moments[0]
    y = _draw_stages(canvas, _chart(timeline, y + 74, 1), {**first(part, start), **at})
    share = _chart(timeline, y, 100)
    _draw_frame(canvas, share, "share of the calls", "%", at)
    _draw_shares(canvas, share, part, colours)
    failed = _chart(timeline, share.box.bottom + _MOMENTS, scale([failures(curve) for curve in part.curves], 1))
    _draw_frame(canvas, failed, "calls that failed", "%", at)
    times = _chart(timeline, failed.box.bottom + _MOMENTS, scale([curve.p99 for curve in part.curves], 10))
    _draw_frame(canvas, times, "time to an answer: the 99th percentile, and the 50th as a broken line", "ms", at)
    for curve in part.curves:
        name, colour = curve.destination, colours[curve.destination]
        canvas.path(failed.curve(failures(curve)), f"curve-{colour}", about=name)
        canvas.path(times.curve(curve.p50), f"half-{colour}", about=f"{name}, 50th percentile")
        canvas.path(times.curve(curve.p99), f"curve-{colour}", about=f"{name}, 99th percentile")
    return times.box.bottom + MARGIN + _ROW


def _chart(timeline: Timeline, y: float, most: float) -> Chart:
    box = Box(MARGIN + _SCALE, y + _HEADING, _WIDTH - 2 * MARGIN - _SCALE, _HIGH)
    return Chart(box=box, moments=timeline.moments, most=most)


def _draw_frame(canvas: Canvas, chart: Chart, words: str, unit: str, at: Mapping[float, str]) -> None:
    canvas.text(words, chart.box.x, chart.box.y - 9, "small", "ink")
    chart.frame(canvas, unit)
    chart.changes(canvas, at)


def _draw_shares(canvas: Canvas, chart: Chart, part: Part, colours: Mapping[str, int]) -> None:
    """One upon the other: together they are always all calls."""
    lower: list[float | None] = [0.0] * len(chart.moments)
    for name, values in shares(part).items():
        upper = [None if value is None else (low or 0) + value for low, value in zip(lower, values, strict=True)]
        canvas.path(chart.area(lower, upper), f"area-{colours[name]}", about=name)
        lower = upper


def _colours(curves: Sequence[Curve]) -> dict[str, int]:
    """The first VM has a VM's colour; each of the others, one of its own as long as there are some."""
    vms = [curve.destination for curve in curves if curve.kind is Kind.VM]
    others = [curve.destination for curve in curves if curve.destination not in vms[:1]]
    return {**dict.fromkeys(vms[:1], 0), **{name: 1 + at % (SERIES - 1) for at, name in enumerate(others)}}


def _draw_names(canvas: Canvas, colours: Mapping[str, int], y: float) -> None:
    x = float(MARGIN)
    for name, colour in colours.items():
        words = shortened(name, 220, 14.5)
        canvas.box(Box(x, y - 11, 14, 14), f"area-{colour}", 3)
        canvas.text(words, x + _SWATCH, y, "plain")
        x += _SWATCH + text_width(words, "plain") + _SWATCH


def _draw_stages(canvas: Canvas, chart: Chart, at: Mapping[float, str]) -> float:
    """Names of the stages above the moments at which they began, in as many rows as they need; returns where these
    end."""
    ends: list[float] = []
    places: list[tuple[float, int, str]] = []
    for moment, stage in at.items():
        words = shortened(stage, 160, 13)
        wide = text_width(words, "small")
        x = min(chart.x(moment), chart.box.right - wide)
        row = next((row for row, end in enumerate(ends) if end <= x), len(ends))
        ends[row : row + 1] = [x + wide + 10]
        places.append((x, row, words))
    bottom = chart.box.y - _HEADING + _ROW * len(ends)
    for x, row, words in places:
        canvas.text(words, x, bottom - _ROW * row - 4, "small", "call")
    return bottom
