"""Looking at a mesh: how it is, whether calls go where they should, and whether it is as its config says."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from toolchain.places import Checkout
from toolchain.progress import Progress
from vmmesh import drift as drifting
from vmmesh import status as reading
from vmmesh import verify as verifying
from vmmesh.commands import completion
from vmmesh.commands.common import (
    Json,
    Opened,
    Requests,
    StackName,
    Window,
    console,
    fail_unless,
    opened,
    place,
    print_json,
)
from vmmesh.routes import check_applied, route_of
from vmmesh.stackfile import Misuse


def status(
    ctx: typer.Context,
    stack: StackName = "dev",
    window: Window = 5.0,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh in place, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show where the calls of each route go just now, how they are answered, and how the VMs are."""
    with opened(place(ctx, stack), "status") as it:
        if watch:
            _refresh(lambda: _looked(it, window), as_json=as_json)
            return
        found = reading.status(it.mesh, it.settings, it.outputs["stages"], window)
    if as_json:
        print_json(found)
    else:
        reading.show(console(), found)


def _looked(it: Opened, window: float) -> dict[str, Any]:
    """The status as it is by now: what is watched is a migration, so that config and stack change meanwhile."""
    return reading.status(it.mesh, it.place.file.settings(), it.stack.outputs()["stages"], window)


def _refresh(look: Callable[[], dict[str, Any]], *, as_json: bool) -> None:
    """Shows what ``look`` finds in place of what it has found before, or a line of JSON each time, until Ctrl-C."""
    screen = console()
    try:
        while as_json:
            typer.echo(json.dumps(look()))
        with Live(console=screen, auto_refresh=False) as live:
            while True:
                live.update(Text.from_ansi(_page(screen, look())), refresh=True)
    except KeyboardInterrupt:  # the way in which it ends, and nothing that is stopped
        raise typer.Exit(130) from None


def _page(screen: Console, found: Mapping[str, Any]) -> str:
    page = Console(file=io.StringIO(), force_terminal=screen.is_terminal, width=screen.width, highlight=False)
    with page.capture() as captured:
        reading.show(page, found)
    return captured.get()


def verify(
    ctx: typer.Context,
    service: Annotated[
        str | None,
        typer.Argument(
            help="A service that has a route; default: all with a probePath.", autocompletion=completion.services
        ),
    ] = None,
    stack: StackName = "dev",
    requests: Requests = verifying.REQUESTS,
    passive: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.1, help="Send nothing; judge by the calls that pass."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove that calls go where the stage says, by the counters of the callers' own proxies."""
    where = place(ctx, stack)
    settings = where.file.settings()
    names = [service] if service else list(settings.routes)
    routes = [route_of(settings, name) for name in names]
    if passive is None:
        if service and not routes[0].probe_path:
            raise Misuse(f"{service} has no probePath in the config, so there is nothing to request", "use --passive")
        routes = [route for route in routes if route.probe_path]
    if not routes:
        raise Misuse("there is no route to verify", "set a route's probePath in the config, or use --passive")
    with opened(where, "verify") as it, Progress(Checkout(where.root).logs) as progress:
        check_applied(routes, it.outputs["stages"])
        if passive is None:
            verdicts = verifying.verify(it.mesh, routes, requests, progress)
        else:
            verdicts = verifying.watch(it.mesh, routes, passive, progress)
    if as_json:
        print_json(verifying.document(stack, verdicts))
    else:
        verifying.show(console(), verdicts)
    fail_unless(all(verdict.passed for verdict in verdicts))


def drift(ctx: typer.Context, stack: StackName = "dev", as_json: Json = False) -> None:
    """Say where the mesh differs from the config, and end with 1 if it does. Changes nothing."""
    found = drifting.drift(place(ctx, stack))
    if as_json:
        print_json(drifting.document(stack, found))
    else:
        drifting.show(console(), stack, found)
    fail_unless(not found)
