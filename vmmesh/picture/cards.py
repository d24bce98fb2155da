"""The cards of a picture: what is written in each, how much room that takes, and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmmesh.picture.canvas import ICON, Box, Canvas, text_width
from vmmesh.picture.shown import Destination, Kind, Panel, Zone

PAD = 16
ICON_ROOM = 26
"""Room of the icon before the name of a zone."""
LINE = 19
_BAR = 9
_NAMES_SHOWN = 3
_NARROWEST = 190


@dataclass(frozen=True)
class Line:
    """A line of text in a card."""

    words: str
    face: str = "small"
    ink: str = "soft"
    icon: str = ""

    @property
    def width(self) -> float:
        return text_width(self.words, self.face) + (ICON + 4 if self.icon else 0)

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Writes it on the base line ``y``."""
        if self.icon:
            canvas.icon(self.icon, x, y - 13, scale=0.85)
        canvas.text(self.words, x + (ICON + 4 if self.icon else 0), y, self.face, self.ink)


def heading(zone: Zone) -> list[Line]:
    """What is written above a zone's callers."""
    lines = [Line(zone.name, "name", "ink"), Line(network(zone))]
    if zone.health:
        mark = "good" if zone.health.good else "bad"
        lines.append(Line(zone.health.words, ink=mark, icon=mark))
    return lines


def network(zone: Zone) -> str:
    """A zone's network, and how it is entered."""
    if zone.kind is Kind.VM and not zone.gateway:
        return f"{zone.network}, called at its own address"
    return f"{zone.network}, with an east-west gateway"


def callers(namespaces: Sequence[str]) -> list[Line]:
    """What a card of callers says."""
    shown, rest = namespaces[:_NAMES_SHOWN], len(namespaces) - _NAMES_SHOWN
    lines = [Line("Callers", "body", "ink"), *(Line(f"namespace {name}") for name in shown)]
    return [*lines, *([Line(f"and {rest} more namespaces")] if rest > 0 else [])]


def destination(service: str, zone: Zone, share: Destination) -> list[Line]:
    """What the card of a destination says."""
    place = f"pods of {zone.name}" if zone.kind is Kind.CLUSTER else f"process on {zone.name}"
    lines = [Line(service, "body", "ink"), Line(place, ink="vm" if zone.kind is Kind.VM else "soft")]
    if share.seen is None:
        return lines
    calls = f"{share.seen.percent:.1f} % observed, {share.seen.calls:,} call{'s' if share.seen.calls != 1 else ''}"
    stray = share.seen.calls and not share.percent
    lines.append(Line(f"{calls}, must be none" if stray else calls, ink="bad" if stray else "ink"))
    if share.seen.failed:
        lines.append(Line(f"{share.seen.failed:,} answered with 5xx", ink="bad", icon="bad"))
    return lines


def hub(panel: Panel) -> list[Line]:
    """What the card in the middle says, where the calls are divided."""
    lines = [
        Line(panel.service or "", "name", "ink"),
        Line(f"stage {panel.stage}", ink="call"),
        Line("divided in each"),
        Line("caller's own proxy"),
    ]
    if panel.counted is None:
        return lines
    counted = panel.counted
    if counted.passed is None:
        return [*lines, Line("no calls")]
    lines.append(Line(f"{counted.calls:,} calls in {counted.seconds:.0f} s", ink="ink"))
    good = Line("as intended", ink="good", icon="good")
    return [*lines, good if counted.passed else Line("not as intended", ink="bad", icon="bad")]


def size(lines: Sequence[Line], *, bar: bool = False) -> tuple[float, float]:
    """Width and height of a card with these lines, and with a bar if it is to have one."""
    wide = max((line.width for line in lines), default=0.0) + 2 * PAD
    return max(wide, _NARROWEST), len(lines) * LINE + 2 * PAD - 6 + (_BAR + 10 if bar else 0)


def draw(canvas: Canvas, box: Box, lines: Sequence[Line], kind: str, about: str = "") -> float:
    """Draws a card; returns the ordinate of what may follow in it."""
    canvas.box(box, kind, about=about)
    return write(canvas, box.x + PAD, box.y + PAD, lines)


def write(canvas: Canvas, x: float, y: float, lines: Sequence[Line]) -> float:
    """Writes lines below ``y``; returns the ordinate of what may follow."""
    for line in lines:
        line.draw(canvas, x, y + 13)
        y += LINE
    return y


def draw_bar(canvas: Canvas, box: Box, y: float, share: Destination) -> None:
    """Draws what was observed as a bar, with a mark where it was meant to end."""
    assert share.seen
    track = Box(box.x + PAD, y + 2, box.width - 2 * PAD, _BAR)
    about = f"{share.seen.percent:.1f} % observed, {share.percent} % intended"
    canvas.box(track, "track", _BAR / 2, about)
    if share.seen.calls:
        filled = max(_BAR, track.width * share.seen.percent / 100)
        canvas.box(Box(track.x, track.y, filled, track.height), "bar", _BAR / 2)
    mark = track.x + track.width * share.percent / 100
    canvas.path(f"M{mark:.1f} {track.y - 4:.1f}V{track.bottom + 4:.1f}", "mark")
