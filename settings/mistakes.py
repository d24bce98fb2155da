"""Mistakes in a config, and the words for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches

from settings.names import PROJECT

KeyPath = tuple[str | int, ...]
"""Where a value is in the config: the key, and the way into its value."""
Mistake = tuple[KeyPath, str]


class SettingsError(ValueError):
    """The config cannot be used. ``errors`` has a line for each mistake: where it is, and what is wrong."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        count = len(self.errors)
        head = f"The stack's config has {count} error{'s' if count != 1 else ''}; nothing was touched:"
        super().__init__("\n".join([head, *(f"  - {error}" for error in self.errors)]))


def shown(value: object) -> str:
    """``value`` as a message may have it: short, one line, ASCII, and nothing out of an object or a key."""
    match value:
        case None | bool():
            return json.dumps(value)
        case int() | float():
            return "a number far too large" if abs(value) >= 1e18 else str(value)
        case str():
            if "PRIVATE KEY" in value:
                return "a private key"
            quoted = json.dumps(re.sub("//.*@", "//...@", value[:500]))
            return quoted if len(quoted) <= 42 else f'{quoted[:38]}..."'
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


_PLAIN = re.compile(r"[-\w]{1,63}", re.ASCII)


def dotted(path: KeyPath) -> str:
    """``path`` as ``pulumi config set --path`` takes it."""
    steps = [f".{part}" if isinstance(part, str) and _PLAIN.fullmatch(part) else f"[{shown(part)}]" for part in path]
    return f"{PROJECT}:{''.join(steps).removeprefix('.')}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if matches := get_close_matches(name, names, n=1):
        return f"; did you mean {shown(matches[0])}?"
    few = ", ".join([*map(shown, names[:8]), *(["..."] if names[8:] else [])])
    return f"; known: {few}" if few else ""
