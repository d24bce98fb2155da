"""The commands, and how they end: 0 fine, 1 failed or judged bad, 2 wrong usage or config, 130 by Ctrl-C."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Never

import typer
from pulumi.automation import CommandError
from rich.console import Console
from rich.live import Live
from rich.text import Text
from typer.core import TyperGroup

from settings import SettingsError
from toolchain.environment import environment
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress, report
from vmmesh import advance, changes, logs, stage, status, steps, summary, verify
from vmmesh.changes import Change
from vmmesh.down import down as take_down
from vmmesh.kubectl import written
from vmmesh.mesh import connect
from vmmesh.place import Environment, Place
from vmmesh.routes import Route, route_of
from vmmesh.stack import Stack, reason
from vmmesh.stackfile import Misuse, nearest
from vmmesh.tools import ToolsFailed
from vmmesh.up import up as bring_up
from vmmesh.walk import Order

ROOT = Path(__file__).resolve().parent.parent
_STOPPED = "Stopped. What is done is kept: running the same command again goes on from there."


class _Commands(TyperGroup):
    """Turns what a command raises into what it prints and how it ends."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        errors = Console(stderr=True, highlight=False)
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            errors.print(Text(str(error), style="bold red"), soft_wrap=True)
            raise typer.Exit(2) from None
        except Misuse as problem:
            report(problem, errors)
            raise typer.Exit(2) from None
        except Problem as problem:
            report(problem, errors)
            raise typer.Exit(1) from None
        except CommandError as error:
            errors.print(Text(reason(error), style="bold red"), soft_wrap=True)
            raise typer.Exit(1) from None
        except ToolsFailed:
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            errors.print(_STOPPED, soft_wrap=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Operates a mesh with virtual machines in it, and moves services off them stage by stage.",
)

_Stack = Annotated[str, typer.Option("--stack", "-s", metavar="NAME", help="The stack, of Pulumi.<NAME>.yaml.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead, and nothing else, on standard output.")]
_Requests = Annotated[
    int,
    typer.Option("--requests", "-n", min=1, help="Requests through the ingress of each cluster with callers."),
]


@app.command()
def up(ctx: typer.Context, stack: _Stack = "dev", as_json: _Json = False) -> None:
    """Bring everything up, from nothing to the mesh with its VMs. Safe to run again at any time."""
    found = bring_up(_place(ctx, stack))
    if as_json:
        _print(found)
    else:
        console = _console()
        console.print(f"{stack} is up: {summary.in_words(found['changed'])}")
        summary.show(console, found)


@app.command()
def down(ctx: typer.Context, stack: _Stack = "dev", as_json: _Json = False) -> None:
    """Take everything down and leave nothing behind, however far the last run came."""
    found = take_down(_place(ctx, stack))
    if as_json:
        _print(found)
        return
    console = _console()
    if found["removed"] or found["swept"]:
        swept = f", and with Docker: {', '.join(found['swept'])}" if found["swept"] else ""
        console.print(Text(f"{stack} is down: {found['removed']} resources removed{swept}"), soft_wrap=True)
    else:
        console.print(f"{stack} is down: there was nothing of it")
    if found["kept"]:
        console.print(
            Text(f"The folder .state stays, since other stacks use it: {', '.join(found['kept'])}"),
            soft_wrap=True,
        )


@app.command("stage")
def stage_command(
    ctx: typer.Context,
    service: Annotated[str, typer.Argument(help="A service that has a route.")],
    to: Annotated[str, typer.Argument(metavar="STAGE", help="The stage that it moves to.")],
    stack: _Stack = "dev",
    requests: _Requests = verify.REQUESTS,
    as_json: _Json = False,
) -> None:
    """Move a service to a stage: edit the config, show the preview, apply it, verify where calls go."""
    console = _console()
    staged = stage.stage(
        _place(ctx, stack),
        service,
        to,
        requests,
        lambda found: None if as_json else changes.show(console, found),
    )
    if as_json:
        _print(stage.document(stack, staged))
    else:
        console.print(f"{service} is in stage {to} now, after {staged.before}")
        verify.show(console, staged.verdicts)
        if not staged.verdicts:
            console.print("Its calls were not verified, since its route has no probePath")
    if not all(verdict.passed for verdict in staged.verdicts):
        raise typer.Exit(1)


_Service = Annotated[str | None, typer.Argument(help="A service that has a route; may be left out if only one has.")]


@app.command("advance")
def advance_command(
    ctx: typer.Context,
    service: _Service = None,
    to: Annotated[str | None, typer.Option(metavar="STAGE", help="Walk through the stages as far as this one.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Walk through all stages; a gate with pause: true stops the walk.")
    ] = False,
    stack: _Stack = "dev",
    requests: _Requests = verify.REQUESTS,
    as_json: _Json = False,
) -> None:
    """Take a service one stage further: preview, apply, verify, watch the gate; keep the stage or roll it back.

    Goes on with what an interrupted run has begun. Ends with 1 if a stage was rolled back.
    """
    if everything and to:
        raise Misuse("--all and --to say two things", "leave one of them out")
    order = Order(service=service, to=to, all=everything, requests=requests)
    _end(stack, advance.advance(_place(ctx, stack), order, _announce(as_json)), as_json)


@app.command("rollback")
def rollback_command(
    ctx: typer.Context, service: _Service = None, stack: _Stack = "dev", as_json: _Json = False
) -> None:
    """Take a service back to the stage before, as the stack's history has it."""
    done = advance.rollback(_place(ctx, stack), service, _announce(as_json))
    if as_json:
        _print(steps.document(stack, done))
    else:
        steps.show(_console(), done)


@app.command("verify")
def verify_command(
    ctx: typer.Context,
    service: Annotated[
        str | None, typer.Argument(help="A service that has a route; default: all with a probePath.")
    ] = None,
    stack: _Stack = "dev",
    requests: _Requests = verify.REQUESTS,
    passive: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.1, help="Send nothing; judge by the calls that pass."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Prove that calls go where the stage says, by the counters of the callers' own proxies."""
    where = _place(ctx, stack)
    settings = where.file.settings()
    names = [service] if service else list(settings.routes)
    routes = [route_of(settings, name) for name in names]
    if passive is None:
        if service and not routes[0].probe_path:
            raise Misuse(f"{service} has no probePath in the config, so there is nothing to request", "use --passive")
        routes = [route for route in routes if route.probe_path]
    if not routes:
        raise Misuse("there is no route to verify", "set a route's probePath in the config, or use --passive")
    where.enter()
    outputs = Stack(where.root, where.name, "verify").outputs()
    _check_applied(routes, outputs["stages"])
    with connect(settings, outputs) as mesh, Progress(Checkout(where.root).logs) as progress:
        if passive is None:
            verdicts = verify.verify(mesh, routes, requests, progress)
        else:
            verdicts = verify.watch(mesh, routes, passive, progress)
    if as_json:
        _print(verify.document(stack, verdicts))
    else:
        verify.show(_console(), verdicts)
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(1)


@app.command("status")
def status_command(
    ctx: typer.Context,
    stack: _Stack = "dev",
    window: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long calls are counted.")] = 5.0,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh in place, until Ctrl-C.")] = False,
    as_json: _Json = False,
) -> None:
    """Show where the calls of each route go just now, how they are answered, and how the VMs are."""
    where = _place(ctx, stack)
    settings = where.file.settings()
    where.enter()
    stack_ = Stack(where.root, where.name, "status")
    outputs = stack_.outputs()
    with connect(settings, outputs) as mesh:
        if watch:
            # What is watched is a migration: config and stack change meanwhile.
            _refresh(
                lambda: status.status(mesh, where.file.settings(), stack_.outputs()["stages"], window), as_json=as_json
            )
        found = status.status(mesh, settings, outputs["stages"], window)
    if as_json:
        _print(found)
    else:
        status.show(_console(), found)


@app.command("logs")
def logs_command(
    ctx: typer.Context,
    service: Annotated[str | None, typer.Argument(help="A service of the application; default: all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    columns: Annotated[bool, typer.Option("--columns", help="A column for each VM and cluster.")] = False,
    outbound: Annotated[bool, typer.Option("--outbound", help="Show the calls that were made there, too.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How far back each log is read.")] = 20,
    stack: _Stack = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each request instead.")] = False,
) -> None:
    """Show the access logs of VMs and clusters, merged in the order of time or side by side."""
    where = _place(ctx, stack)
    settings = where.file.settings()
    if service is not None and service not in settings.application:
        raise Misuse(f"there is no service {service}{nearest(service, list(settings.application))}")
    where.enter()
    outputs = Stack(where.root, where.name, "logs").outputs()
    with written(outputs["kubeconfigs"]) as files:
        found = logs.sources(settings, files, outputs["transports"], service, lines, follow=follow)
        places = list(dict.fromkeys(source.place for source in found))
        show = None if as_json else logs.Shown(_console(), places, columns=columns)
        for entry in logs.follow(found) if follow else logs.read(found):
            if outbound or logs.inbound(entry):
                if show:
                    show(entry)
                else:
                    typer.echo(logs.document(entry))


def main(environment: Environment = environment) -> None:
    """Runs the command line; ``environment`` gives the variables for the programs that it runs."""
    # A command that is told to end puts things right first, as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app(prog_name="vmmesh", obj=environment)


def _place(ctx: typer.Context, stack: str) -> Place:
    return Place(root=ROOT, name=stack, environment=ctx.obj or environment)


def _refresh(look: Callable[[], dict[str, Any]], *, as_json: bool) -> Never:
    """Shows what ``look`` finds in place of what it has found before, or a line of JSON each time, until Ctrl-C."""
    if as_json:
        while True:
            typer.echo(json.dumps(look()))
    console = _console()
    with Live(console=console, auto_refresh=False) as live:
        while True:
            page = Console(file=io.StringIO(), force_terminal=console.is_terminal, width=console.width, highlight=False)
            found = look()
            with page.capture() as captured:
                status.show(page, found)
            live.update(Text.from_ansi(captured.get()), refresh=True)


def _announce(as_json: bool) -> Callable[[Sequence[Change]], None]:
    """Shows a preview; not where JSON is asked for, which has it in the end."""
    console = _console()
    return lambda found: None if as_json else changes.show(console, found)


def _end(stack: str, done: steps.Advanced, as_json: bool) -> None:
    if as_json:
        _print(steps.document(stack, done))
    else:
        steps.show(_console(), done)
    if done.end == "rolled back":
        raise typer.Exit(1)


def _check_applied(routes: Sequence[Route], applied: dict[str, str]) -> None:
    """Raises Problem if a stage is in the config only: no mesh could be judged right by it."""
    for route in routes:
        if applied.get(route.service) != route.stage:
            raise Problem(
                f"the config says that {route.service} is in stage {route.stage}, "
                f"but the last update has put {applied.get(route.service)} in place",
                "run `make up` first, or take the edit back",
            )


def _console() -> Console:
    return Console(highlight=False)


def _print(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=2))
