"""How pictures look: two themes of accessible colours, the sizes of texts, and both as CSS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

FONTS = "Roboto, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


class Theme(StrEnum):
    """What a picture is for: a viewer's own choice of light or dark, or one of the two."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours by what they mean. Texts have a contrast of 4.5 to what is behind them, lines of 3 (WCAG 2.2, AA)."""

    paper: str
    zone: str
    card: str
    line: str
    """Borders; they carry no meaning of their own."""
    track: str
    ink: str
    soft: str
    call: str
    vm: str
    control: str
    good: str
    bad: str


LIGHT = Palette(
    paper="#ffffff",
    zone="#f6f8fb",
    card="#ffffff",
    line="#cdd5e1",
    track="#e3e8f0",
    ink="#1b2430",
    soft="#566172",
    call="#4338ca",
    vm="#b4420e",
    control="#0f766e",
    good="#15743a",
    bad="#b91c1c",
)
DARK = Palette(
    paper="#0e1116",
    zone="#161b23",
    card="#1e2530",
    line="#38424f",
    track="#333d4b",
    ink="#e8ecf2",
    soft="#a3adbb",
    call="#a5b0fc",
    vm="#fbb27a",
    control="#5ad6c4",
    good="#7ddf9e",
    bad="#fca5a5",
)


@dataclass(frozen=True)
class Face:
    """Size in pixels and weight of a text."""

    size: float
    bold: bool = False


FACES = {
    "title": Face(24, bold=True),
    "name": Face(17, bold=True),
    "share": Face(21, bold=True),
    "body": Face(14.5, bold=True),
    "plain": Face(14.5),
    "small": Face(13),
}
"""Class of a text -> how it is set."""

_SHAPES = """\
.paper{{fill:{paper}}} .zone{{fill:{zone};stroke:{line}}} .card{{fill:{card};stroke:{line};stroke-width:1.3}}
.vm-card{{fill:{card};stroke:{vm};stroke-width:1.8}} .hub{{fill:{card};stroke:{call};stroke-width:1.8}}
.gateway{{fill:{card};stroke:{soft};stroke-width:1.3;stroke-dasharray:2 3}}
.pill{{fill:none;stroke:{call};stroke-width:1.5}}
.line-call{{fill:none;stroke:{call}}} .head-call{{fill:{call}}}
.line-faint{{fill:none;stroke:{soft};stroke-width:1.2;stroke-dasharray:1 5;stroke-linecap:round}}
.line-control{{fill:none;stroke:{control};stroke-width:1.8;stroke-dasharray:6 4}} .head-control{{fill:{control}}}
.icon-vm{{fill:none;stroke:{vm};stroke-width:1.8}} .icon-cluster{{fill:none;stroke:{soft};stroke-width:1.8}}
.icon-call{{fill:none;stroke:{call};stroke-width:1.8}} .icon-good{{fill:none;stroke:{good};stroke-width:2.2}}
.icon-bad{{fill:none;stroke:{bad};stroke-width:2.2}}
.track{{fill:{track}}} .bar{{fill:{call}}} .mark{{fill:none;stroke:{ink};stroke-width:2.4}}
"""


_SERIES = {
    LIGHT.paper: ("#b4420e", "#4338ca", "#0f766e", "#a21caf", "#4d7c0f", "#0369a1"),
    DARK.paper: ("#fbb27a", "#a5b0fc", "#5ad6c4", "#f0abfc", "#bef264", "#7dd3fc"),
}
"""Colours of curves: the first is a VM's, as everywhere. A pointer on a curve is told whose it is, too."""
SERIES = 6


def css(theme: Theme, *, series: bool = False) -> str:
    """The rules of a theme. They do without variables, which no renderer but a browser knows."""
    faces = [f"text{{font-family:{FONTS}}}"]
    faces += [
        f".{name}{{font-size:{face.size}px;font-weight:{700 if face.bold else 400}}}" for name, face in FACES.items()
    ]
    first = DARK if theme is Theme.DARK else LIGHT
    rules = "\n".join([" ".join(faces), _rules(first, series=series)])
    if theme is Theme.AUTO:
        rules += f"\n@media (prefers-color-scheme: dark) {{\n{_rules(DARK, series=series)}\n}}"
    return rules


def colours(palette: Palette) -> Mapping[str, str]:
    """Name -> colour."""
    return {field.name: getattr(palette, field.name) for field in fields(palette)}


def _rules(palette: Palette, *, series: bool) -> str:
    found = colours(palette)
    inks = " ".join(
        f".{name}{{fill:{found[name]}}}" for name in ("ink", "soft", "call", "vm", "control", "good", "bad")
    )
    return f"{_SHAPES.format(**found)}{inks}" + (_curves(palette) if series else "")


def _curves(palette: Palette) -> str:
    rules = [
        f".area-{index}{{fill:{colour};fill-opacity:.55}} .curve-{index}{{fill:none;stroke:{colour};stroke-width:2}} "
        f".half-{index}{{fill:none;stroke:{colour};stroke-width:1.4;stroke-dasharray:4 3}}"
        for index, colour in enumerate(_SERIES[palette.paper])
    ]
    grid = f".grid{{fill:none;stroke:{palette.line};stroke-width:1}} "
    change = f".change{{fill:none;stroke:{palette.ink};stroke-width:1.4;stroke-dasharray:2 3}}"
    return "\n" + "\n".join([*rules, grid + change])
