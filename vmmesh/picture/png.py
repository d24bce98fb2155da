"""SVG as PNG, with fonts that are brought along: the same picture on every machine."""

from __future__ import annotations

from importlib.resources import as_file, files

import resvg_py

_FONTS = ("Roboto-Regular.ttf", "Roboto-Bold.ttf")
SCALE = 2
"""Pixels of the picture to one of the SVG: for screens with fine pixels, and for print."""


def png(svg: str) -> bytes:
    """Renders an SVG of a single theme."""
    with as_file(files("font_roboto").joinpath("files")) as folder:
        fonts = [str(folder / name) for name in _FONTS]
        return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=SCALE, skip_system_fonts=True, font_files=fonts))
