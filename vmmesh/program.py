"""The project's program, run by this process, and a stack that asks for nothing that nobody reads.

The CLI would start a language host, which asks pip for all packages, and then a second Python, which imports what this
one has already: seconds of each preview and each update. ``pulumi up`` by hand does that, and declares the same.
"""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from contextlib import chdir
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from threading import Thread
from typing import Any

from pulumi import automation
from pulumi.automation import OutputMap, PulumiFn, UpdateSummary
from pulumi.automation._stack import StackInitMode  # the public way makes stacks of the API's own class alone

import components
from settings import PROJECT


def program(root: Path) -> PulumiFn:
    """Declares what the config says of a stack of the checkout at ``root``.

    Its modules are imported while the CLI starts.
    """
    Thread(target=_import_components, daemon=True).start()

    def declare() -> None:
        with chdir(root):
            runpy.run_path(str(root / "__main__.py"), run_name=PROJECT)

    return declare


def _import_components() -> None:
    for module in iter_modules(components.__path__, f"{components.__name__}."):
        import_module(module.name)


class QuickStack(automation.Stack):
    """After each update, the API runs the CLI three times for outputs and a summary. Here they are empty."""

    @classmethod
    def opened(cls, name: str, workspace: automation.Workspace, *, make: bool) -> QuickStack:
        """The stack; ``make``: whether it may be made. Raises StackNotFoundError."""
        return cls(name, workspace, StackInitMode.CREATE_OR_SELECT if make else StackInitMode.SELECT)

    def outputs(self) -> OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> UpdateSummary:
        nothing: Mapping[str, Any] = {}
        return UpdateSummary("update", datetime.now(UTC), "", nothing, nothing, "succeeded")
