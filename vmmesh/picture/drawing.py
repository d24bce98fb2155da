"""A picture as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vmmesh.picture import cards
from vmmesh.picture.canvas import ICON, Box, Canvas, number, text_width
from vmmesh.picture.cards import ICON_ROOM, PAD, Line
from vmmesh.picture.layout import INDENT, MARGIN, Plan, Row, joint, plan, weight
from vmmesh.picture.legend import draw_legend
from vmmesh.picture.shown import Gateway, Kind, Panel, Picture
from vmmesh.picture.style import Theme

_EYEBROW = 18
_TITLE = 84
"""Room of a panel's title."""
_NARROWEST = 760


def draw(picture: Picture, theme: Theme = Theme.AUTO) -> str:
    """The SVG document of a picture."""
    canvas = Canvas()
    canvas.text(eyebrow(picture), MARGIN, MARGIN + 8, "small", "soft")
    y = MARGIN + _EYEBROW
    right = MARGIN + text_width(eyebrow(picture), "small")
    for panel in picture.panels:
        right = max(right, _draw_title(canvas, panel, y))
        where = plan(panel, y + _TITLE)
        _draw_panel(canvas, panel, where)
        right = max(right, where.right)
        y = where.bottom + 30
    width = max(right + MARGIN, _NARROWEST)
    height = draw_legend(canvas, picture, y, width) + MARGIN - 8
    return canvas.svg(width, height, title(picture), description(picture), theme)


def eyebrow(picture: Picture) -> str:
    """What stands above all: whose picture it is, and of when."""
    if picture.moment is None:
        return f"Stack {picture.stack}, as configured"
    return f"Stack {picture.stack}, observed {moment(picture.moment)}"


def moment(iso: str) -> str:
    """A moment for people."""
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S} UTC"


def title(picture: Picture) -> str:
    """The picture in one line, for those who do not see it."""
    routes = [f"{panel.service} in stage {panel.stage}" for panel in picture.panels if panel.service]
    return f"Stack {picture.stack}: {', '.join(routes) or 'the mesh, without a route'}"


def description(picture: Picture) -> str:
    """The picture in words, for those who do not see it."""
    return " ".join(_in_words(panel) for panel in picture.panels)


def subtitle(panel: Panel) -> str:
    """What the reader must know of a panel before the shares."""
    if panel.now:
        return f"What the stage would be. Now {panel.service} is in stage {panel.now}."
    if panel.config:
        return f"The config says stage {panel.config}, which is not applied yet."
    if panel.service is None:
        return "No service has a route: calls go to the pods of a service, wherever they are."
    return f"How the calls of {panel.service} are divided between VMs and clusters, under STRICT mTLS."


def _in_words(panel: Panel) -> str:
    zones = [zone for cluster in panel.zones for zone in (cluster, *cluster.vms)]
    shares = [
        f"{zone.destination.percent} % to {zone.name}"
        + (f" ({zone.destination.seen.percent:.1f} % observed)" if zone.destination.seen else "")
        for zone in zones
        if zone.destination
    ]
    if panel.service is None:
        return f"Clusters and VMs: {', '.join(zone.name for zone in zones)}."
    return f"Calls of {panel.service} in stage {panel.stage}: {', '.join(shares)}."


def _draw_title(canvas: Canvas, panel: Panel, y: float) -> float:
    """Returns where it ends on the right."""
    wide = canvas.text(panel.service or "The mesh", MARGIN, y + 32, "title")
    right = MARGIN + wide
    if panel.stage:
        words = f"stage {panel.stage}"
        pill = Box(right + 14, y + 12, text_width(words, "plain") + 26, 28)
        canvas.box(pill, "pill", 14)
        canvas.text(words, pill.x + pill.width / 2, pill.y + 19, "plain", "call", "middle")
        right = pill.right
    below = canvas.text(subtitle(panel), MARGIN, y + 62, "plain", "bad" if panel.config else "soft")
    return max(right, MARGIN + below)


def _draw_panel(canvas: Canvas, panel: Panel, where: Plan) -> None:
    for row in where.rows:
        canvas.box(row.box, "zone", 14, row.zone.health.details if row.zone.health else "")
    _draw_joints(canvas, where.rows)
    for row in where.rows:
        _draw_heading(canvas, row)
    if where.hub:
        _draw_calls(canvas, panel, where, where.hub)
        lines = cards.hub(panel)
        high = cards.size(lines)[1]
        canvas.box(where.hub, "hub", 12)
        cards.write(canvas, where.hub.x + PAD, where.hub.middle - high / 2 + PAD, lines)


def _draw_joints(canvas: Canvas, rows: Sequence[Row]) -> None:
    """The control plane: a line from each cluster down its VMs."""
    boxes = {row.zone.name: row.box for row in rows}
    for row in rows:
        if not row.zone.vms:
            continue
        x = row.box.x + INDENT / 2
        first = boxes[row.zone.vms[0].name]
        for vm in row.zone.vms:
            box = boxes[vm.name]
            y = box.y + 28
            start = f"M{number(x)} {number(row.box.bottom)}V{number(y)}"
            canvas.arrow(
                start, box.x, y, "control", 1.8, f"{vm.name} gets identity and configuration from {row.zone.name}"
            )
        canvas.text(joint(row.zone), first.x, first.y - 12, "small", "control")


def _draw_heading(canvas: Canvas, row: Row) -> None:
    x, y = row.box.x + PAD, row.box.y + PAD
    name, *rest = cards.heading(row.zone)
    canvas.icon("vm" if row.zone.kind is Kind.VM else "cluster", x, y - 2)
    name.draw(canvas, x + ICON_ROOM, y + 13)
    cards.write(canvas, x, y + cards.LINE + 2, rest)
    if row.callers and row.zone.callers:
        cards.draw(canvas, row.callers, cards.callers(row.zone.callers), "card", ", ".join(row.zone.callers))


def _draw_calls(canvas: Canvas, panel: Panel, where: Plan, hub: Box) -> None:
    calling = [row.callers for row in where.rows if row.callers]
    for index, box in enumerate(calling, start=1):
        y = hub.y + hub.height * index / (len(calling) + 1)
        middle = (box.right + hub.x) / 2
        curve = _curve((box.right, box.middle), (middle, box.middle), (middle, y), (hub.x - 18, y))
        canvas.arrow(curve, hub.x, y, "call", 2.6)
    serving = [row for row in where.rows if row.destination]
    for index, row in enumerate(serving, start=1):
        _draw_share(canvas, panel, row, hub, hub.y + hub.height * index / (len(serving) + 1), where.fan)


def _draw_share(canvas: Canvas, panel: Panel, row: Row, hub: Box, start: float, fan: float) -> None:
    share, box = row.zone.destination, row.destination
    assert share
    assert box
    thick, y = weight(share.percent), box.middle
    about = f"{share.percent} % of the calls of {panel.service} to {row.zone.name}"
    middle = (hub.right + fan) / 2
    curve = _curve((hub.right, start), (middle, start), (middle, y), (fan, y))
    target = row.gateway or box
    if not share.percent:
        canvas.path(f"{curve}H{number(target.x)}", "line-faint", about=about)
    else:
        canvas.arrow(curve, target.x, y, "call", thick, about)
    if row.gateway:
        _draw_gateway(canvas, row.gateway, box, share.percent, share.gateway)
    _draw_label(canvas, fan + 10, y, row)
    lines = cards.destination(panel.service or "", row.zone, share)
    kind = "vm-card" if row.zone.kind is Kind.VM else "card"
    high = cards.size(lines, bar=bool(share.seen))[1]
    canvas.box(box, kind, about=about)
    end = cards.write(canvas, box.x + PAD, box.middle - high / 2 + PAD, lines)
    if share.seen:
        cards.draw_bar(canvas, box, end, share)


def _draw_gateway(canvas: Canvas, gateway: Box, box: Box, percent: int, which: Gateway) -> None:
    y, thick = gateway.middle, weight(percent)
    start = f"M{number(gateway.right)} {number(y)}"
    if not percent:
        canvas.path(f"{start}H{number(box.x)}", "line-faint")
    else:
        canvas.arrow(start, box.x, y, "call", thick)
        if which is Gateway.SOME:
            above, x = gateway.y - 9, gateway.x - 30
            bend = _curve((x, y), (x + 16, y), (x + 10, above), (x + 34, above))
            canvas.arrow(
                bend, box.x, above, "call", min(thick, 3.0), "Callers of the same network go around the gateway"
            )
    canvas.box(gateway, "gateway", 8)
    for line, words in enumerate(("east-west", "gateway")):
        canvas.text(words, gateway.x + gateway.width / 2, gateway.y + 20 + 17 * line, "small", "soft", "middle")


def _draw_label(canvas: Canvas, x: float, y: float, row: Row) -> None:
    share = row.zone.destination
    assert share
    if share.percent:
        canvas.icon("lock", x, y - weight(share.percent) / 2 - 27, "call", 0.9)
        canvas.text(f"{share.percent} %", x + ICON + 4, y - weight(share.percent) / 2 - 10, "share", "call")
    else:
        canvas.text("0 %", x + ICON + 4, y - 10, "plain", "soft")
    changed = share.now is not None and share.now != share.percent
    words = f"now {share.now} %" if changed else "intended" if share.percent else ""
    if words:
        Line(words).draw(canvas, x + ICON + 4, y + weight(share.percent) / 2 + 18)


def _curve(*points: tuple[float, float]) -> str:
    """A cubic curve: its start, its two controls, and its end."""
    start, *rest = (f"{number(x)} {number(y)}" for x, y in points)
    return f"M{start}C{' '.join(rest)}"
