"""One run at a time on a stack of a checkout."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from toolchain.places import Checkout
from vmmesh.recovery import Held


@contextmanager
def exclusive(root: Path, name: str) -> Generator[None]:
    """Keeps other runs from a stack of this checkout in a block. Raises Held if one is at work."""
    file = Checkout(root).state / f"{name}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Held(
                f"another run is at work on the stack {name}: process {lock.read().strip()}",
                "wait for it, or stop it",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
