"""Brings a stack up, from nothing or from wherever the last run ended."""

from __future__ import annotations

from typing import Any

from toolchain.places import Checkout
from toolchain.progress import Progress
from vmmesh import guard, tools
from vmmesh.place import Place
from vmmesh.stack import Stack, exclusive
from vmmesh.summary import summary


def up(place: Place) -> dict[str, Any]:
    """Makes tools and images ready, then the stack; returns the summary.

    Raises SettingsError before anything is touched, or Problem, the first thing that failed.
    """
    settings = place.file.settings()
    with exclusive(place.root, place.name):
        tools.ensure(place)
        place.enter()
        with place.file.own_format():
            stack = Stack(place.root, place.name, "up", make=True)
            with Progress(Checkout(place.root).logs) as progress:
                if stack.export().get("resources"):  # else there is nothing to lose
                    with progress.step("preview", "whether the update breaks a rule"):
                        guard.refuse(guard.findings(stack.preview(), settings))
                changes = stack.up(progress)
        return summary(place.name, settings, stack.outputs(), changes)
