"""Access logs as they are shown: merged, side by side, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from vmmesh.logs import Entry


def document(found: Entry) -> str:
    """An entry as a line of JSON: where it is from, and the access log's own fields."""
    return json.dumps({"place": found.place, "service": found.service, **found.line})


class Shown:
    """Prints entries on a console: merged, or in a column for each place."""

    def __init__(self, console: Console, places: Sequence[str], *, columns: bool) -> None:
        self._console = console
        self._places = places
        self._columns = columns
        self._width = max(24, console.width // max(1, len(places)))
        if columns:
            heads = "".join(f"{place:<{self._width}}" for place in places)
            console.print(Text(heads.rstrip(), style="bold"), soft_wrap=True)

    def __call__(self, found: Entry) -> None:
        """Prints an entry."""
        line = found.line
        code = str(line.get("response_code", "-"))
        style = "red" if code.startswith("5") else ""
        what = f"{_clock(found.start_time)} {code} {line.get('method', '-')} {line.get('path', '-')}"
        if self._columns:
            text = f"{what} {line.get('duration', '-')}ms"
            indent = " " * (self._width * self._places.index(found.place))
            self._console.print(Text(indent + _cut(text, self._width - 1), style=style), soft_wrap=True)
            return
        peer = str(line.get("downstream_peer") or "-").rpartition("/")[2]
        width = max(map(len, self._places), default=0)
        text = f"{found.place:<{width}} {found.service} {what} {line.get('duration', '-')} ms from {peer}"
        flags = line.get("response_flags")
        self._console.print(Text(text + (f" {flags}" if flags and flags != "-" else ""), style=style), soft_wrap=True)


def _clock(moment: str) -> str:
    """A time as this machine's clocks show it, by which --since and --until are given, too."""
    try:
        return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S.%f")[:-3]
    except ValueError:
        return moment


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
