"""Commands that were broken off in the midst of a change, because the run failed or was killed.

Pulumi knows a command by what it was given when it last came to its end: with the edit taken back nothing would differ,
and what the command does, on a VM most often, would stay half done.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from components.scripts import script
from toolchain.whole import replace_text

_ACTS = ("sh bootstrap/", script("kind-load.sh"))
"""How the text of a command begins that changes a machine or a node."""


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
            replace_text(self._file, json.dumps(left))
        else:
            self._file.unlink(missing_ok=True)


def runs_again(kind: str, inputs: Mapping[str, Any] | None) -> bool:
    """Whether a resource is a command that may leave its change half done, on a machine or a node.

    It may be run at any time: to be made anew, it need not be deleted first. One that only says something, a new
    certificate maybe, leaves nothing behind.
    """
    known = inputs or {}
    acts = str(known.get("create")).startswith(_ACTS)
    return kind == "command:local:Command" and "delete" not in known and acts
