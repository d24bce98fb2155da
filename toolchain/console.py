"""Standard error, for people."""

from __future__ import annotations

import os

from rich.console import Console


def errors() -> Console:
    """Standard error; a run goes on where nobody reads it any more."""
    return _Lasting(stderr=True, highlight=False)


def let_go(stream: int) -> None:
    """Has what is written to a file descriptor go nowhere from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream)
    os.close(nowhere)


class _Lasting(Console):
    """Ctrl-C, or a terminal that is closed, ends a ``tee`` too.

    rich would end this process at its next word, in the midst of a way back maybe.
    """

    def on_broken_pipe(self) -> None:
        self.quiet = True
        let_go(2)
