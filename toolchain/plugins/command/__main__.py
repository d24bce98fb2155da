"""Run by the pulumi CLI as its plugin for ``command``."""

from __future__ import annotations

import os
from pathlib import Path

from typing_extensions import override

from toolchain.plugins.command.local import Command, run_function
from toolchain.plugins.command.process import end_all
from toolchain.plugins.resource import Plugin
from toolchain.plugins.serving import serve


class CommandPlugin(Plugin):
    """Commands on the machine that Pulumi runs on. Those on remote ones are refused."""

    name = "command"
    strongly_typed = True

    def __init__(self) -> None:
        self.resources = {"command:local:Command": Command()}
        self.functions = {"command:local:run": run_function}

    @override
    def cancel(self) -> None:
        end_all()


def _forget_launcher() -> None:
    """Takes out of the environment what the launcher put in to start this module: no command must see it."""
    os.environ.pop("PYTHONCOERCECLOCALE", None)
    own = Path(__file__).resolve().parents[3]
    entries = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    if others := [entry for entry in entries if entry and Path(entry).resolve() != own]:
        os.environ["PYTHONPATH"] = os.pathsep.join(others)


_forget_launcher()
serve(CommandPlugin())
