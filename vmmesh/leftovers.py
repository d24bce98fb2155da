"""What a run that was killed has left in a stack's state: the lock, and operations that it had begun."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pulumi.automation import ConcurrentUpdateError

from toolchain.whole import replace_text
from vmmesh import recovery
from vmmesh.broken_off import BrokenOff, runs_again
from vmmesh.recovery import Held, Say
from vmmesh.urns import resource_name

_T = TypeVar("_T")


class Leftovers:
    """Those of a stack of the checkout at ``root``.

    ``pulumi`` runs the CLI for the stack and returns what it says. ``file`` keeps what was pending until it is put
    right: the state itself forgets that first; and then, with nothing pending, that there may be objects which the
    stack does not know. ``broken_off`` takes in commands that were being changed. ``locks`` is where a backend of files
    keeps the stack's locks.
    """

    def __init__(self, root: Path, file: Path, broken_off: BrokenOff, locks: Path, pulumi: Callable[..., str]) -> None:
        self._root = root
        self._file = file
        self._broken_off = broken_off
        self._locks = locks
        self._pulumi = pulumi

    def there(self, export: Mapping[str, Any]) -> bool:
        """Whether there are any, the state being ``export``; of a lock that is no file only an update can tell."""
        return bool(export.get("pending_operations")) or self._file.exists() or any(self._locks.glob("*"))

    def clear(self, say: Say) -> bool:
        """Forgets operations that were begun, after what they left behind is gone.

        Returns whether there may be Kubernetes objects that the stack does not know; until :meth:`forget`. Raises Held.
        """
        # Locks that a full disk has let nobody write to their end. Pulumi reads whatever lies there, and fails at them:
        # "unexpected end of JSON input".
        for half_written in self._locks.glob("*.tmp"):
            half_written.unlink()
        unknown = self._file.exists()
        export = json.loads(self._pulumi("stack", "export"))
        if export["deployment"].get("pending_operations"):
            before = self._file.read_text() if unknown else None
            # An import drops what is pending. The file outlives a second kill, before the rest is done.
            self._file.touch(mode=0o600)
            self._file.write_text(json.dumps(export))
            try:
                self.unlocked(lambda: self._pulumi("stack", "import", "--file", str(self._file)), say)
            except Held:
                # They are what a run that lives is at. Kept, they would be cleared when it has long made them.
                if before is None:
                    self._file.unlink()
                else:
                    self._file.write_text(before)
                raise
        if not self._file.exists():
            return False
        deployment = json.loads(self._file.read_bytes())["deployment"]
        if not deployment["pending_operations"]:
            return True
        self._broken_off.note(_changing(deployment))
        unknown = recovery.clean(self._root, deployment, self._with_secrets, say) or unknown
        if unknown:
            replace_text(self._file, json.dumps({"deployment": {"pending_operations": []}}))
        else:
            self._file.unlink()
        return unknown

    def forget(self) -> None:
        """An update of the whole stack has come to its end, and knows every object."""
        self._file.unlink(missing_ok=True)

    def unlocked(self, act: Callable[[], _T], say: Say) -> _T:
        """Does what takes the stack's lock; takes the lock away from a run that is dead. Raises Held."""
        try:
            return act()
        except ConcurrentUpdateError as error:
            recovery.check_holders(str(error))
            say("a run that was killed has left the stack locked: unlocking it")
            self._pulumi("cancel", "--yes")
            return act()

    def _with_secrets(self) -> Mapping[str, Any]:
        return json.loads(self._pulumi("stack", "export", "--show-secrets"))["deployment"]


def _changing(deployment: Mapping[str, Any]) -> list[str]:
    """Commands that were being changed, by the names of their resources."""
    changing = (it["resource"] for it in deployment["pending_operations"] if it["type"] == "updating")
    return [resource_name(it["urn"]) for it in changing if runs_again(it["type"], it.get("inputs"))]
