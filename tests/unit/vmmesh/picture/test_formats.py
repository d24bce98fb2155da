"""PNG and HTML of a picture."""

from __future__ import annotations

import re
import struct
from html.parser import HTMLParser

import pytest

from tests.unit.vmmesh.picture.samples import MOMENT, TALK, verdict
from vmmesh.calls import Calls
from vmmesh.picture.drawing import draw
from vmmesh.picture.page import Section, Tone, page
from vmmesh.picture.png import SCALE, png
from vmmesh.picture.style import DARK, LIGHT, Theme
from vmmesh.picture.topology import picture

PICTURE = picture(
    "dev",
    TALK,
    ["details"],
    verdicts=[verdict(TALK, {"cluster1": {"vm1": Calls(1234), "elsewhere": Calls(1)}})],
    moment=MOMENT,
)


class Reader(HTMLParser):
    """Takes the tags and the texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data")]
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


@pytest.mark.parametrize(("theme", "palette"), [(Theme.LIGHT, LIGHT), (Theme.DARK, DARK)])
def test_a_png_has_fine_pixels_and_the_same_bytes_each_time(theme: Theme, palette: object) -> None:
    svg = draw(PICTURE, theme)
    size = re.search(r'width="(\d+)" height="(\d+)"', svg)
    assert size
    image = png(svg)
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", image[16:24]) == (int(size[1]) * SCALE, int(size[2]) * SCALE)
    assert image == png(svg)
    other = DARK if palette is LIGHT else LIGHT
    assert other.paper not in svg


def test_a_png_has_its_texts() -> None:
    """A renderer without the font leaves them out, and says nothing."""
    svg = draw(PICTURE, Theme.LIGHT)
    assert len(png(svg)) > 1.3 * len(png(re.sub("<text.*</text>", "", svg)))


@pytest.mark.parametrize("theme", Theme)
def test_a_page_needs_nothing_but_itself(theme: Theme) -> None:
    text = page(PICTURE, draw(PICTURE, theme), theme)
    reader = Reader(text)
    assert reader.open == []
    assert reader.links == []
    assert not re.search(r"url\(|@import|<script", text)
    assert ("prefers-color-scheme" in text) == (theme is Theme.AUTO)
    assert {"details, stage vm-only", "vm1", "1,234", "99.9 %", "elsewhere", "0.1 %"} <= set(reader.words)


def test_the_words_of_others_are_no_markup() -> None:
    lines = [("<script>alert(1)</script>", Tone.BAD)]
    section = Section(heading="<b>", lines=lines, columns=("&",), rows=[['"><img src=x>']])
    reader = Reader(page(PICTURE, draw(PICTURE), Theme.AUTO, [section]))
    assert {"<script>alert(1)</script>", "<b>", "&", '"><img src=x>'} <= set(reader.words)
    assert "script" not in reader.open
    assert reader.links == []
