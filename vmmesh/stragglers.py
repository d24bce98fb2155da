"""A wait that knows at any time who is still late."""

from __future__ import annotations

import time
from collections.abc import Callable

from toolchain.progress import Progress

POLL_SECONDS = 0.5


def await_none(late: Callable[[], list[str]], seconds: float, progress: Progress, step: str, until: str) -> list[str]:
    """Asks ``late`` who is, until nobody is or the time is over. Returns who still was when it asked last.

    The step is shown if anybody is late at first.
    """
    if not (found := late()):
        return []
    with progress.step(step, until):
        deadline = time.monotonic() + seconds
        while found and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            found = late()
    return found
