"""The command line, and how commands end: 0 fine, 1 failed or judged bad, 2 wrong usage or config, 130 by Ctrl-C."""

from __future__ import annotations

import signal
from functools import partial
from typing import Any

import typer
from pulumi.automation import CommandError
from rich.text import Text
from typer.core import TyperGroup

from settings import SettingsError
from toolchain.console import errors
from toolchain.environment import environment
from toolchain.problem import Problem
from toolchain.progress import report
from vmmesh.commands import access_logs, grants, lifecycle, looking, machines, pictures, stages, traces
from vmmesh.engine import STOPPERS, stop
from vmmesh.place import ROOT, Environment, Place
from vmmesh.reason import reason
from vmmesh.room import full
from vmmesh.stackfile import Misuse
from vmmesh.tools import ToolsFailed

_STOPPED = "Stopped. What is done is kept: running the same command again goes on from there."


class _Commands(TyperGroup):
    """Tells a command where it works, and turns what it raises into what it prints and how it ends."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        screen = errors()
        ctx.obj = partial(Place, root=ROOT, environment=ctx.obj or environment)
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            screen.print(Text(str(error), style="bold red"), soft_wrap=True)
            raise typer.Exit(2) from None
        except Misuse as problem:
            report(problem, screen)
            raise typer.Exit(2) from None
        except Problem as problem:
            report(problem, screen)
            raise typer.Exit(1) from None
        except CommandError as error:
            screen.print(Text(reason(error), style="bold red"), soft_wrap=True)
            raise typer.Exit(1) from None
        except OSError as error:
            if (problem := full(error)) is None:
                raise
            report(problem, screen)
            raise typer.Exit(1) from None
        except ToolsFailed:
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            screen.print(_STOPPED, soft_wrap=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Operates a mesh with virtual machines in it, and moves services off them stage by stage.",
)
for command in (
    lifecycle.up,
    lifecycle.down,
    lifecycle.doctor,
    stages.stage,
    stages.advance,
    stages.rollback,
    looking.status,
    looking.verify,
    access_logs.logs,
    traces.trace,
    pictures.graph,
    pictures.report,
    looking.drift,
    machines.proxies,
    machines.rejoin,
    machines.upgrade,
):
    app.command()(command)
app.add_typer(grants.app, name="access")


def main(environment: Environment = environment) -> None:
    """Runs the command line; ``environment`` gives the variables for the programs that it runs."""
    # A command that is told to end, or whose terminal is gone, puts things right first, as on Ctrl-C.
    for number in STOPPERS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, stop)
    app(prog_name="vmmesh", obj=environment)
