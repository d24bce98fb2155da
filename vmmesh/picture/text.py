"""How wide a text is, in whichever of the usual fonts a viewer has."""

from __future__ import annotations

from collections.abc import Mapping

# Advance widths in hundredths of the font's size, rounded up to a twentieth: the greater of DejaVu Sans, the widest
# of the fonts that the pictures name, and Roboto. A viewer's font takes less room, never more.
_REGULAR = {
    30: "'Iijl",
    35: " ,.:;|",
    40: "()-[]ft",
    45: "!/\\r",
    50: '"*_`',
    55: "?csz",
    60: "FJLkvxy",
    65: "$0123456789EPSTYabdeghnopqu{}",
    70: "ABCKRVXZ",
    75: "NU",
    80: "&DGHOQ",
    85: "#+<=>^w~",
    90: "M",
    100: "%@Wm…",
}
_BOLD = {
    35: " 'ijl",
    40: ",./:;I|",
    45: "-\\f",
    50: "!()[]_`rt",
    55: '"*',
    60: "?Jcsz",
    65: "Lx",
    70: "$0123456789EFTaekovy",
    75: "CPSYZbdghnpqu{}",
    80: "ABKRVX",
    85: "#+<=>DGHNU^~",
    90: "&OQ",
    95: "w",
    100: "@M…",
    105: "%m",
    115: "W",
}
_WIDEST = 120


def _by_character(widths: Mapping[int, str]) -> dict[str, int]:
    return {character: width for width, characters in widths.items() for character in characters}


_WIDTHS = {False: _by_character(_REGULAR), True: _by_character(_BOLD)}


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a line of ``text`` in pixels, at a font size of ``size`` pixels: what it takes at most."""
    widths = _WIDTHS[bold]
    return sum(widths.get(character, _WIDEST) for character in text) * size / 100


def shortened(text: str, most: float, size: float) -> str:
    """``text``, or as much of it as fits in ``most`` pixels."""
    if width(text, size) <= most:
        return text
    while text and width(f"{text}…", size) > most:
        text = text[:-1]
    return f"{text.rstrip()}…"
