"""The mesh as a picture and as a report, and what an update would make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from vmmesh import graph as drawing
from vmmesh import over_time, previewed, pull_request
from vmmesh import report as reporting
from vmmesh.commands import completion
from vmmesh.commands.common import Json, Service, StackName, Window, console, place, print_json
from vmmesh.observe import observe
from vmmesh.picture.style import Theme
from vmmesh.place import Place
from vmmesh.stackfile import Misuse


def graph(
    ctx: typer.Context,
    service: Service = None,
    stack: StackName = "dev",
    of_stage: Annotated[
        str | None,
        typer.Option(
            "--stage",
            metavar="STAGE",
            help="Draw what this stage would be, by the config alone.",
            autocompletion=completion.stages,
        ),
    ] = None,
    over: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Plot shares, errors and latency over the last 30m, 6h or 2d instead, of the metrics that the "
            "management cluster keeps.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .svg, .png or .html file; default: SVG on standard output.")
    ] = None,
    theme: Annotated[
        Theme | None, typer.Option(help="Default: the viewer's choice; a PNG, which has to make one, is light.")
    ] = None,
    window: Window = 5.0,
    as_json: Json = False,
) -> None:
    """Draw the topology: callers, clusters, VMs, and the shares of each route, intended and observed."""
    drawing.check_output(output, drawing.FORMATS)
    where = place(ctx, stack)
    if over:
        _graph_over(where, service, of_stage, over, output, theme, as_json)
        return
    drawn = drawing.of_stage(where, service, of_stage) if of_stage else drawing.of_mesh(where, service, window)
    _deliver(
        lambda: drawing.rendered(drawn, output.suffix if output else ".svg", theme),
        lambda: drawing.document(drawn, output),
        output,
        as_json,
    )


def _graph_over(
    where: Place,
    service: str | None,
    stage: str | None,
    over: str,
    output: Path | None,
    theme: Theme | None,
    as_json: bool,
) -> None:
    if stage:
        raise Misuse("--over is of the past, and --stage of what would be: give one of them")
    seen = over_time.over(where, service, over_time.seconds_of(over))
    _deliver(
        lambda: over_time.rendered(seen, output.suffix if output else ".svg", theme),
        lambda: over_time.document(seen, output),
        output,
        as_json,
    )


def report(
    ctx: typer.Context,
    service: Service = None,
    stack: StackName = "dev",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .md or .html file; default: Markdown on standard output.")
    ] = None,
    requests: Annotated[
        int | None,
        typer.Option("--requests", "-n", min=1, help="Send so many, as verify does; default: count what passes."),
    ] = None,
    window: Window = 10.0,
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
    as_json: Json = False,
) -> None:
    """Write down how the routes and VMs are, for a ticket. It tells; to end with 1 if all is not well is for verify."""
    if preview:
        _report_preview(place(ctx, stack), state, output, as_json)
        return
    drawing.check_output(output, reporting.FORMATS)
    seen = observe(place(ctx, stack), service, window, requests)
    _deliver(
        lambda: reporting.rendered(stack, seen, output.suffix if output else ".md").encode(),
        lambda: {"output": str(output) if output else None, **reporting.document(stack, seen)},
        output,
        as_json,
    )


def _report_preview(where: Place, state: Path | None, output: Path | None, as_json: bool) -> None:
    drawing.check_output(output)
    found = previewed.preview(where, state)
    now = datetime.now(UTC)
    text = json.dumps(pull_request.document(found), indent=2) if as_json else pull_request.markdown(found, now)
    if output:
        drawing.save(output, f"{text.rstrip()}\n".encode())
    else:
        typer.echo(text.rstrip())
    if not found.passed:
        raise typer.Exit(2 if found.misused else 1)


def _deliver(
    content: Callable[[], bytes], document: Callable[[], dict[str, Any]], output: Path | None, as_json: bool
) -> None:
    """Writes what was made to its file, and what it says as JSON, or else itself, to standard output."""
    if output:
        drawing.save(output, content())
    if as_json:
        print_json(document())
    elif not output:
        typer.echo(content(), nl=False)
    else:
        console().print(Text(f"{output} is written"), soft_wrap=True)
