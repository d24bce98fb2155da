"""SVG, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from vmmesh.picture.style import FACES, Theme, css
from vmmesh.picture.text import width

Anchor = Literal["start", "middle", "end"]

# Drawn in a square of 18 pixels, for a font that has them is not on every machine.
_ICONS = {
    "cluster": "M9 1.5 15.5 5.25V12.75L9 16.5 2.5 12.75V5.25Z M2.5 5.25 9 9 15.5 5.25 M9 9V16.5",
    "vm": "M1.5 3H16.5V12H1.5Z M5.5 15.5H12.5 M9 12V15.5",
    "lock": "M3.5 8.5H14.5V16H3.5Z M6 8.5V5.5A3 3 0 0 1 12 5.5V8.5 M9 11.5V13.5",
    "good": "M3 9.5 7.5 14 15.5 4.5",
    "bad": "M4 4 14 14 M14 4 4 14",
}
ICON = 18
_HEAD = 1.5
"""Length of an arrow's head, in halves of its height."""


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        """The ordinate of its middle."""
        return self.y + self.height / 2


def text_width(words: str, face: str) -> float:
    """Width of a text that is set in a face, at most."""
    return width(words, FACES[face].size, bold=FACES[face].bold)


class Canvas:
    """Collects elements, the first one lowest."""

    def __init__(self) -> None:
        self._elements: list[str] = []

    def text(self, words: str, x: float, y: float, face: str, ink: str = "ink", anchor: Anchor = "start") -> float:
        """Writes a line on the base line ``y``; returns its width."""
        place = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._add(f'<text class="{face} {ink}" x="{number(x)}" y="{number(y)}"{place}>{escape(words)}</text>')
        return text_width(words, face)

    def box(self, box: Box, kind: str, radius: float = 10, about: str = "") -> None:
        """Draws a rectangle; ``about`` is what a pointer on it is told."""
        size = " ".join(
            f'{name}="{number(value)}"'
            for name, value in (
                ("x", box.x),
                ("y", box.y),
                ("width", box.width),
                ("height", box.height),
                ("rx", radius),
            )
        )
        self._add(f'<rect class="{kind}" {size}>{_title(about)}</rect>' if about else f'<rect class="{kind}" {size}/>')

    def path(self, outline: str, kind: str, weight: float | None = None, about: str = "") -> None:
        """Draws a line of so many pixels."""
        thick = f' stroke-width="{number(weight)}"' if weight else ""
        end = f">{_title(about)}</path>" if about else "/>"
        self._add(f'<path class="{kind}" d="{outline}"{thick}{end}')

    def arrow(self, outline: str, x: float, y: float, kind: str, weight: float, about: str = "") -> None:
        """Draws a line, of which ``outline`` has all but its level end, to the tip of its head at (x, y)."""
        half = weight / 2 + 4
        base = x - _HEAD * half
        self.path(f"{outline} H{number(base + 1)}", f"line-{kind}", weight, about)
        corners = " ".join(number(part) for part in (base, y - half, x, y, base, y + half))
        self._add(f'<path class="head-{kind}" d="M{corners}Z"/>')

    def icon(self, name: str, x: float, y: float, kind: str = "", scale: float = 1.0) -> None:
        """Draws an icon in a square with its upper left corner at (x, y)."""
        place = f"translate({number(x)} {number(y)})" + (f" scale({number(scale)})" if scale != 1 else "")
        self._add(f'<path class="icon-{kind or name}" transform="{place}" d="{_ICONS[name]}"/>')

    def svg(
        self, width: float, height: float, title: str, description: str, theme: Theme, *, series: bool = False
    ) -> str:
        """The whole document; ``series``: with the colours of curves."""
        style = css(theme, series=series)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label={quoteattr(title)}>'
        )
        paper = f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>'
        about = f"{_title(title)}\n<desc>{escape(description)}</desc>\n<style>\n{style}\n</style>\n{paper}"
        return "\n".join([head, about, *self._elements, "</svg>", ""])

    def _add(self, element: str) -> None:
        self._elements.append(element)


def number(value: float) -> str:
    """A coordinate, as short as it can be."""
    return f"{value:.1f}".removesuffix(".0")


def _title(words: str) -> str:
    return f"<title>{escape(words)}</title>"
