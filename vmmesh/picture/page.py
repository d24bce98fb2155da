"""A picture in one self-contained HTML page, with its figures as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from vmmesh.picture.drawing import title
from vmmesh.picture.shown import Panel, Picture
from vmmesh.picture.style import DARK, FONTS, LIGHT, Theme, colours
from vmmesh.routes import ELSEWHERE

NUMBERS = {"intended", "observed", "calls", "5xx", "sent", "failed", "counted", "p-value", "share", "p50", "p99"}
"""Columns of figures."""

_PAGES = Environment(
    loader=PackageLoader("vmmesh.picture", "."),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Tone(StrEnum):
    """What a text is to make one feel."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    SOFT = "soft"


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a document below the picture: a heading, lines of text, and a table."""

    heading: str
    lines: Sequence[tuple[str, Tone]] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def page(picture: Picture, svg: str, theme: Theme, sections: Sequence[Section] | None = None) -> str:
    """The page; ``sections`` are what is below the picture, by default the shares of each route."""
    if sections is None:
        sections = [shares(panel) for panel in picture.panels if panel.service]
    return page_of(title(picture), svg, theme, sections)


def page_of(title: str, svg: str, theme: Theme, sections: Sequence[Section]) -> str:
    """The page of any picture that is SVG."""
    return _PAGES.get_template("page.html.j2").render(
        title=title,
        svg=Markup(svg),  # noqa: S704  # made here, every text in it escaped
        first=colours(DARK if theme is Theme.DARK else LIGHT),
        dark=colours(DARK) if theme is Theme.AUTO else None,
        fonts=Markup(FONTS),  # noqa: S704  # a constant
        numbers=NUMBERS,
        sections=sections,
    )


def shares(panel: Panel) -> Section:
    """The shares of a route, as the picture shows them; "-" for what was not observed."""
    found: list[list[str]] = []
    for zone in (zone for cluster in panel.zones for zone in (cluster, *cluster.vms)):
        share = zone.destination
        if share:
            seen = (
                [f"{share.seen.percent:.1f} %", f"{share.seen.calls:,}", f"{share.seen.failed:,}"]
                if share.seen
                else ["-"] * 3
            )
            found.append([zone.name, f"{share.percent} %", *seen])
    if panel.counted and panel.counted.elsewhere:
        percent = 100 * panel.counted.elsewhere / panel.counted.calls
        found.append([ELSEWHERE, "0 %", f"{percent:.1f} %", f"{panel.counted.elsewhere:,}", "-"])
    return Section(
        heading=f"{panel.service}, stage {panel.stage}",
        columns=("destination", "intended", "observed", "calls", "5xx"),
        rows=found,
    )
