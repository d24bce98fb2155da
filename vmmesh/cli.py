"""The commands, and how they end: 0 fine, 1 failed or judged bad, 2 wrong usage or config, 130 by Ctrl-C."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pulumi.automation import CommandError
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from settings import SettingsError
from toolchain.environment import environment
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress, report
from vmmesh import (
    access,
    changes,
    doctor,
    drift,
    graph,
    identities,
    pull_request,
    rejoin,
    stage,
    status,
    summary,
    upgrade,
    verify,
)
from vmmesh import report as reporting
from vmmesh.down import down as take_down
from vmmesh.mesh import connect
from vmmesh.observe import observe
from vmmesh.picture.style import Theme
from vmmesh.place import Environment, Place
from vmmesh.routes import Route, route_of
from vmmesh.stack import Stack, reason
from vmmesh.stackfile import Misuse
from vmmesh.tools import ToolsFailed
from vmmesh.up import up as bring_up

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
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Operates a mesh with virtual machines in it, and moves services off them stage by stage.",
)

access_app = typer.Typer(no_args_is_help=True, help="Who may call what.")
app.add_typer(access_app, name="access")

_Stack = Annotated[str, typer.Option("--stack", "-s", metavar="NAME", help="The stack, of Pulumi.<NAME>.yaml.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead, and nothing else, on standard output.")]
_Requests = Annotated[
    int,
    typer.Option("--requests", "-n", min=1, help="Requests through the ingress of each cluster with callers."),
]


_Gone = Annotated[
    list[str] | None,
    typer.Option(
        "--gone",
        metavar="MACHINE",
        help="A machine taken out of the config that is gone for good: it is forgotten without being asked.",
    ),
]
_Service = Annotated[str | None, typer.Argument(help="A service that has a route; default: all of them.")]
_Window = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long calls are counted.")]


@app.command()
def up(ctx: typer.Context, stack: _Stack = "dev", gone: _Gone = None, as_json: _Json = False) -> None:
    """Bring everything up, from nothing to the mesh with its VMs. Safe to run again at any time."""
    found = bring_up(_place(ctx, stack), gone or [])
    if as_json:
        _print(found)
    else:
        console = _console()
        console.print(f"{stack} is up: {summary.in_words(found['changed'])}")
        summary.show(console, found)


@app.command()
def down(ctx: typer.Context, stack: _Stack = "dev", gone: _Gone = None, as_json: _Json = False) -> None:
    """Take everything down and leave nothing behind, however far the last run came."""
    found = take_down(_place(ctx, stack), gone or [])
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
    allow_jump: Annotated[
        bool, typer.Option("--allow-jump", help="Go further at once than the route's maxStep, in an emergency.")
    ] = False,
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
        allow_jump=allow_jump,
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
    window: _Window = 5.0,
    as_json: _Json = False,
) -> None:
    """Show where the calls of each route go just now, and how the VMs are."""
    where = _place(ctx, stack)
    settings = where.file.settings()
    where.enter()
    outputs = Stack(where.root, where.name, "status").outputs()
    with connect(settings, outputs) as mesh:
        found = status.status(mesh, settings, outputs["stages"], window)
    if as_json:
        _print(found)
    else:
        status.show(_console(), found)


@app.command("rejoin")
def rejoin_command(
    ctx: typer.Context,
    machines: Annotated[list[str] | None, typer.Argument(metavar="[MACHINE]...", help="Default: all.")] = None,
    stack: _Stack = "dev",
    as_json: _Json = False,
) -> None:
    """Have machines join again, with a new token where their certificate has expired. Harmless to one that is in."""
    joined = rejoin.rejoin(_place(ctx, stack), machines or [])
    if as_json:
        _print({"stack": stack, "joined": joined})
    else:
        _console().print(f"in the mesh: {', '.join(joined)}")


@app.command("upgrade")
def upgrade_command(
    ctx: typer.Context,
    vm: Annotated[str, typer.Argument(help="A VM, with all its machines.")],
    through: Annotated[
        str | None,
        typer.Option(metavar="STAGE", help="Stage that sends the VM nothing meanwhile; default: the route's first."),
    ] = None,
    stack: _Stack = "dev",
    requests: _Requests = verify.REQUESTS,
    as_json: _Json = False,
) -> None:
    """Apply what was edited of a VM (its sidecar, its services) while nobody calls it, and lose no request.

    Its calls move to another stage, it is drained, the config is applied, it becomes healthy, and the calls come back.
    The same by hand: make stage, make up, make stage.
    """
    done = upgrade.upgrade(_place(ctx, stack), vm, through, requests)
    if as_json:
        _print(
            {
                "vm": vm,
                "through": {service: {"stage": here, "by": by} for service, (here, by) in done.through.items()},
                "changed": dict(done.changes),
                "verification": verify.document(stack, done.verdicts) if done.verdicts else None,
            }
        )
    else:
        console = _console()
        ways = ", ".join(f"{service} by way of {by}" for service, (_, by) in done.through.items())
        console.print(f"{vm} is upgraded: {summary.in_words(done.changes)}; {ways or 'nobody called it'}")
        verify.show(console, done.verdicts)
    if not all(verdict.passed for verdict in done.verdicts):
        raise typer.Exit(1)


@app.command("doctor")
def doctor_command(ctx: typer.Context, stack: _Stack = "dev", as_json: _Json = False) -> None:
    """Check what must hold on this machine, in the clusters and on the VMs; say what to do. Changes nothing."""
    found = doctor.examine(_place(ctx, stack))
    if as_json:
        _print(doctor.document(stack, found))
    else:
        doctor.show(_console(), found)
    if not doctor.passed(found):
        raise typer.Exit(1)


@app.command("proxies")
def proxies_command(
    ctx: typer.Context,
    stack: _Stack = "dev",
    seconds: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait until all are as they should be.")
    ] = 0.0,
    as_json: _Json = False,
) -> None:
    """Show each proxy's istiod, signer and trusted roots; fail while one is not as the config wants it."""
    where = _place(ctx, stack)
    settings = where.file.settings()
    where.enter()
    outputs = Stack(where.root, where.name, "proxies").outputs()
    with connect(settings, outputs) as mesh, Progress(Checkout(where.root).logs) as progress:
        found = identities.wait(lambda: identities.identities(mesh, settings), seconds, progress)
    if as_json:
        _print({"stack": stack, "passed": identities.passed(found), "proxies": found})
    else:
        identities.show(_console(), found)
    if not identities.passed(found):
        raise typer.Exit(1)


@app.command("graph")
def graph_command(
    ctx: typer.Context,
    service: _Service = None,
    stack: _Stack = "dev",
    of_stage: Annotated[
        str | None,
        typer.Option("--stage", metavar="STAGE", help="Draw what this stage would be, by the config alone."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .svg, .png or .html file; default: SVG on standard output.")
    ] = None,
    theme: Annotated[
        Theme | None, typer.Option(help="Default: the viewer's choice; a PNG, which has to make one, is light.")
    ] = None,
    window: _Window = 5.0,
    as_json: _Json = False,
) -> None:
    """Draw the topology: callers, clusters, VMs, and the shares of each route, intended and observed."""
    graph.check_output(output, graph.FORMATS)
    where = _place(ctx, stack)
    drawn = graph.of_stage(where, service, of_stage) if of_stage else graph.of_mesh(where, service, window)
    _deliver(
        lambda: graph.rendered(drawn, output.suffix if output else ".svg", theme),
        lambda: graph.document(drawn, output),
        output,
        as_json,
    )


@app.command("report")
def report_command(
    ctx: typer.Context,
    service: _Service = None,
    stack: _Stack = "dev",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .md or .html file; default: Markdown on standard output.")
    ] = None,
    requests: Annotated[
        int | None,
        typer.Option("--requests", "-n", min=1, help="Send so many, as verify does; default: count what passes."),
    ] = None,
    window: _Window = 10.0,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="What an update would do instead, as a comment for a pull request, asking no cluster; ends with 1 "
            "where a rule would be broken.",
        ),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --preview: the stack's state, by `pulumi stack export`; default: the backend's.",
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Write down how the routes and VMs are, for a ticket. It tells; to end with 1 if all is not well is for verify."""
    if preview:
        _report_preview(_place(ctx, stack), state, output, as_json)
        return
    graph.check_output(output, reporting.FORMATS)
    seen = observe(_place(ctx, stack), service, window, requests)
    _deliver(
        lambda: reporting.rendered(stack, seen, output.suffix if output else ".md").encode(),
        lambda: {"output": str(output) if output else None, **reporting.document(stack, seen)},
        output,
        as_json,
    )


def _report_preview(place: Place, state: Path | None, output: Path | None, as_json: bool) -> None:
    found = pull_request.preview(place, state)
    now = datetime.now(UTC)
    text = json.dumps(pull_request.document(found), indent=2) if as_json else pull_request.markdown(found, now)
    if output:
        output.write_text(f"{text.rstrip()}\n")
    else:
        typer.echo(text.rstrip())
    if not found.passed:
        raise typer.Exit(2 if found.misused else 1)


def _deliver(
    content: Callable[[], bytes], document: Callable[[], dict[str, Any]], output: Path | None, as_json: bool
) -> None:
    """Writes what was made to its file, and what it says as JSON, or else itself, to standard output."""
    if output:
        graph.save(output, content())
    if as_json:
        _print(document())
    elif not output:
        typer.echo(content(), nl=False)
    else:
        _console().print(Text(f"{output} is written"), soft_wrap=True)


@app.command("drift")
def drift_command(ctx: typer.Context, stack: _Stack = "dev", as_json: _Json = False) -> None:
    """Say where the mesh differs from the config, and end with 1 if it does. Changes nothing."""
    found = drift.drift(_place(ctx, stack))
    if as_json:
        _print(drift.document(stack, found))
    else:
        drift.show(_console(), stack, found)
    if found:
        raise typer.Exit(1)


@access_app.command("check")
def access_check_command(
    ctx: typer.Context,
    caller: Annotated[
        str, typer.Argument(metavar="FROM", help="As in rules: a VM, a service, ingress, or namespace/account.")
    ],
    service: Annotated[str, typer.Argument(metavar="TO", help="A service.")],
    method: Annotated[str, typer.Option(help="Method of the call.")] = "GET",
    path: Annotated[str, typer.Option(help="Path of the call.")] = "/",
    stack: _Stack = "dev",
    as_json: _Json = False,
) -> None:
    """Say whether a caller may call a service, by the config alone; end with 1 if not."""
    found = access.check(_place(ctx, stack).file.settings(), caller, service, method, path)
    if as_json:
        _print(access.document(stack, found))
    else:
        access.show(_console(), found)
    if not found.allowed:
        raise typer.Exit(1)


def main(environment: Environment = environment) -> None:
    """Runs the command line; ``environment`` gives the variables for the programs that it runs."""
    # A command that is told to end puts things right first, as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app(prog_name="vmmesh", obj=environment)


def _place(ctx: typer.Context, stack: str) -> Place:
    return Place(root=ROOT, name=stack, environment=ctx.obj or environment)


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
