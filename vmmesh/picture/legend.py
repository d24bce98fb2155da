"""What the marks of a picture mean."""

from __future__ import annotations

from collections.abc import Callable

from vmmesh.picture.canvas import Box, Canvas, number, text_width
from vmmesh.picture.layout import MARGIN
from vmmesh.picture.shown import Gateway, Picture

_SAMPLE = 44
_GAP = 30
_LINE = 26


def draw_legend(canvas: Canvas, picture: Picture, y: float, width: float) -> float:
    """Draws what the picture needs of it, in lines that fit in ``width``; returns where it ends below."""
    x = float(MARGIN)
    y += 14
    for words, sample in _entries(picture):
        wide = _SAMPLE + text_width(words, "small")
        if x > MARGIN and x + wide > width - MARGIN:
            x, y = MARGIN, y + _LINE
        sample(canvas, x, y - 5)
        canvas.text(words, x + _SAMPLE, y, "small", "soft")
        x += wide + _GAP
    return y + 10


def _entries(picture: Picture) -> list[tuple[str, Callable[[Canvas, float, float], None]]]:
    zones = [zone for panel in picture.panels for cluster in panel.zones for zone in (cluster, *cluster.vms)]
    shares = [zone.destination for zone in zones if zone.destination]
    found: list[tuple[str, Callable[[Canvas, float, float], None]]] = []
    if shares:
        found.append(("calls: the wider, the greater the intended share", _call))
        found.append(("STRICT mTLS: encrypted, both ends identified", _lock))
    if any(share.seen for share in shares):
        found.append(("observed share, with a mark at the intended one", _bar))
    if any(share.percent == 0 for share in shares):
        found.append(("a destination without calls", _faint))
    if any(share.gateway is Gateway.SOME for share in shares):
        found.append(("gateway: for callers of other networks, those of its own go around it", _gateway))
    elif any(share.gateway is Gateway.ALL for share in shares):
        found.append(("gateway: for callers of other networks", _gateway))
    if any(zone.vms for zone in zones):
        found.append(("control plane: a VM's identity and configuration, port 15012", _control))
    return found


def _call(canvas: Canvas, x: float, y: float) -> None:
    canvas.arrow(f"M{number(x)} {number(y)}", x + 34, y, "call", 5)


def _lock(canvas: Canvas, x: float, y: float) -> None:
    canvas.icon("lock", x + 8, y - 9, "call", 0.9)


def _bar(canvas: Canvas, x: float, y: float) -> None:
    canvas.box(Box(x, y - 4, 34, 8), "track", 4)
    canvas.box(Box(x, y - 4, 22, 8), "bar", 4)
    canvas.path(f"M{number(x + 25)} {number(y - 8)}V{number(y + 8)}", "mark")


def _faint(canvas: Canvas, x: float, y: float) -> None:
    canvas.path(f"M{number(x)} {number(y)}H{number(x + 34)}", "line-faint")


def _gateway(canvas: Canvas, x: float, y: float) -> None:
    canvas.box(Box(x, y - 9, 34, 18), "gateway", 5)


def _control(canvas: Canvas, x: float, y: float) -> None:
    canvas.arrow(f"M{number(x)} {number(y)}", x + 34, y, "control", 1.8)
