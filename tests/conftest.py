"""What all tests need."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and so would everything that the tests start and interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
