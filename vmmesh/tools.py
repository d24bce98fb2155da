"""The toolchain's own command line: makes tools and images ready, starts and stops the container engine."""

from __future__ import annotations

import sys

from vmmesh.engine import interruptible, start
from vmmesh.place import Place


class ToolsFailed(Exception):
    """The toolchain has failed, and has said why."""


def ensure(place: Place) -> None:
    """Makes every tool and image of a stack ready, and the container engine. Raises ToolsFailed."""
    _run(place, "ensure", "--stack", place.name)


def stop_engine(place: Place) -> None:
    """Stops the container engine if the toolchain has started it. Raises ToolsFailed."""
    _run(place, "engine", "stop")


def _run(place: Place, *arguments: str) -> None:
    # What it prints is for people; standard output is this program's own.
    process = start([sys.executable, "-m", "toolchain", *arguments], cwd=place.root, stdout=sys.stderr.fileno())
    with interruptible(process):
        process.wait()
    if process.returncode:
        raise ToolsFailed
