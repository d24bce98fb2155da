"""Where things go in a panel: a row for each zone, and in all rows the same columns.

The columns are what the zone is and its callers; the hub, where each caller's proxy divides the calls; the shares;
the gateways; the destinations. Each is as wide as the longest of its texts needs, so no text can meet another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vmmesh.picture import cards
from vmmesh.picture.canvas import Box, text_width
from vmmesh.picture.cards import LINE, PAD
from vmmesh.picture.shown import Gateway, Panel, Zone

MARGIN = 32
INDENT = 40
"""How far a VM is to the right of the cluster that it joined through; the line that says so is in this room."""
_BETWEEN = 18
_JOINT = 34
"""Room between a cluster and its first VM, for what the line means."""
_FAN = 110
"""Room in which calls spread from the hub, and come together at it."""
_GATEWAY = (106, 46)
_ARROW = 40
_LABEL = 140
_TALLER = 16
"""Room of a share's line at the hub, beside its own width."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A zone, and where its parts are."""

    zone: Zone
    owner: Zone | None
    """The cluster that a VM joined through."""
    box: Box
    callers: Box | None
    gateway: Box | None
    destination: Box | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A panel, and where everything in it is."""

    rows: Sequence[Row]
    hub: Box | None
    fan: float
    """Abscissa where the calls have spread, and run level from there on."""
    right: float
    bottom: float


def weight(percent: int) -> float:
    """Width of a share's line."""
    return max(1.6, percent * 0.12)


def joint(owner: Zone) -> str:
    """What the line from a cluster to its VMs means."""
    return f"control plane, through {owner.name}'s gateway"


def plan(panel: Panel, top: float) -> Plan:
    """The plan of a panel whose first zone begins at the ordinate ``top``."""
    zones = list(_zones(panel))
    left = MARGIN + max(_left_width(zone, owner) for zone, owner in zones)
    sizes = [
        cards.size(cards.destination(panel.service or "", zone, zone.destination), bar=bool(zone.destination.seen))
        for zone, _ in zones
        if zone.destination
    ]
    if not sizes or panel.service is None:
        return _rows(zones, top, left=left, right=left + PAD)
    hub_width, hub_height = cards.size(cards.hub(panel))
    hub_x = left + _FAN
    fan = hub_x + hub_width + _FAN
    gateway_x = fan + _LABEL + _ARROW
    gated = any(zone.destination and zone.destination.gateway is not Gateway.NONE for zone, _ in zones)
    card_x = gateway_x + (_GATEWAY[0] + _ARROW if gated else 0)
    card = (max(wide for wide, _ in sizes), max(84, *(high for _, high in sizes)))
    found = _rows(zones, top, left=left, right=card_x + card[0] + PAD, gateway_x=gateway_x, card_x=card_x, card=card)
    middles = [box.middle for row in found.rows for box in (row.callers, row.destination) if box]
    shares = [weight(zone.destination.percent) + _TALLER for zone, _ in zones if zone.destination]
    tall = max(hub_height, sum(shares))
    middle = (min(middles) + max(middles)) / 2
    hub_y = max(top, min(middle, found.bottom - tall / 2) - tall / 2)
    return Plan(
        rows=found.rows,
        hub=Box(hub_x, hub_y, hub_width, tall),
        fan=fan,
        right=found.right,
        bottom=max(found.bottom, hub_y + tall),
    )


def _zones(panel: Panel) -> Iterator[tuple[Zone, Zone | None]]:
    """The zones from top to bottom, each VM below its cluster."""
    for zone in panel.zones:
        yield zone, None
        for vm in zone.vms:
            yield vm, zone


def _left_width(zone: Zone, owner: Zone | None) -> float:
    """Width of a zone's first column, from the left end of the panel."""
    texts = [line.width + (cards.ICON_ROOM if index == 0 else 0) for index, line in enumerate(cards.heading(zone))]
    widths = [max(texts) + 2 * PAD]
    if zone.callers:
        widths.append(cards.size(cards.callers(zone.callers))[0] + PAD)
    if owner:
        widths.append(text_width(joint(owner), "small"))
    return max(widths) + (INDENT if owner else 0)


def _rows(
    zones: Sequence[tuple[Zone, Zone | None]],
    y: float,
    *,
    left: float,
    right: float,
    gateway_x: float = 0,
    card_x: float = 0,
    card: tuple[float, float] = (0, 0),
) -> Plan:
    rows: list[Row] = []
    for index, (zone, owner) in enumerate(zones):
        if index:
            y += _JOINT if owner and zone is owner.vms[0] else _BETWEEN
        x = MARGIN + (INDENT if owner else 0)
        head = len(cards.heading(zone)) * LINE + 6
        caller_height = cards.size(cards.callers(zone.callers))[1] if zone.callers else 0
        height = max(
            2 * PAD + head + (caller_height + 6 if caller_height else 0), 2 * PAD + card[1] * bool(zone.destination)
        )
        box = Box(x, y, right - x, height)
        callers = Box(x + PAD, y + PAD + head + 6, left - x - PAD, caller_height) if zone.callers else None
        target = Box(card_x, box.middle - card[1] / 2, *card) if zone.destination else None
        gateway = None
        if zone.destination and zone.destination.gateway is not Gateway.NONE:
            gateway = Box(gateway_x, box.middle - _GATEWAY[1] / 2, *_GATEWAY)
        rows.append(Row(zone=zone, owner=owner, box=box, callers=callers, gateway=gateway, destination=target))
        y = box.bottom
    return Plan(rows=rows, hub=None, fan=0, right=right, bottom=y)
