"""The boxes of an SVG's texts and rectangles, as a viewer with the widest font has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from vmmesh.picture.style import FACES
from vmmesh.picture.text import width

NAMESPACE = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Found:
    """A box: its edges, and the text in it or the class of its rectangle."""

    left: float
    top: float
    right: float
    bottom: float
    what: str

    def overlaps(self, other: Found) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def within(self, other: Found) -> bool:
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314  # made by the program itself


def texts(svg: ElementTree.Element) -> list[Found]:
    return list(_texts(svg))


def _texts(svg: ElementTree.Element) -> Iterator[Found]:
    for element in svg.iter(f"{NAMESPACE}text"):
        face = FACES[element.attrib["class"].split()[0]]
        words = element.text or ""
        wide = width(words, face.size, bold=face.bold)
        x, y = float(element.attrib["x"]), float(element.attrib["y"])
        x -= {"start": 0.0, "middle": wide / 2, "end": wide}[element.get("text-anchor", "start")]
        yield Found(x, y - 0.8 * face.size, x + wide, y + 0.22 * face.size, words)


def rectangles(svg: ElementTree.Element, *kinds: str) -> list[Found]:
    found: list[Found] = []
    for element in svg.iter(f"{NAMESPACE}rect"):
        x, y = (float(element.get(name, 0)) for name in "xy")
        if not kinds or element.attrib["class"] in kinds:
            right, bottom = x + float(element.attrib["width"]), y + float(element.attrib["height"])
            found.append(Found(x, y, right, bottom, element.attrib["class"]))
    return found
