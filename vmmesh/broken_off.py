"""Commands that were broken off in the midst of a change, because the run failed or was killed.

Pulumi knows a command by what it was given when it last came to its end: with the edit taken back nothing would differ,
and what the command does, on a VM most often, would stay half done.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from components.scripts import NOTHING


class BrokenOff:
    """Those of a stack, by the names of their resources; ``file`` keeps them until they have come to an end again."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def names(self) -> list[str]:
        """Which there are."""
        return json.loads(self._file.read_text()) if self._file.exists() else []

    def note(self, broken: Iterable[str], ended: Collection[str] = ()) -> None:
        """Takes in what was ``broken`` off, and lets go of what has ``ended``."""
        left = sorted({*self.names(), *broken} - {*ended})
        if left:
            self._file.write_text(json.dumps(left))
        else:
            self._file.unlink(missing_ok=True)


def runs_again(kind: str, inputs: Mapping[str, Any] | None) -> bool:
    """Whether a resource is a command that may be run at any time: to be made anew, it need not be deleted first."""
    known = inputs or {}
    return kind == "command:local:Command" and "delete" not in known and known.get("create") != NOTHING
