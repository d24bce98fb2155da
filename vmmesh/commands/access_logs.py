"""The access logs of the whole mesh."""

from __future__ import annotations

from typing import Annotated

import typer

from vmmesh import log_view
from vmmesh import logs as reading
from vmmesh.commands.common import StackName, console, place
from vmmesh.kubectl import written
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse, nearest


def logs(
    ctx: typer.Context,
    service: Annotated[str | None, typer.Argument(help="A service of the application; default: all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    columns: Annotated[bool, typer.Option("--columns", help="A column for each machine and cluster.")] = False,
    outbound: Annotated[bool, typer.Option("--outbound", help="Show the calls that were made there, too.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How far back each log is read.")] = 20,
    stack: StackName = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each request instead.")] = False,
) -> None:
    """Show the access logs of VMs and clusters, merged in the order of time or side by side."""
    where = place(ctx, stack)
    settings = where.file.settings()
    if service is not None and service not in settings.application:
        raise Misuse(f"there is no service {service}{nearest(service, list(settings.application))}")
    where.enter()
    outputs = Stack(where.root, where.name, "logs").outputs()
    with written(outputs["kubeconfigs"]) as files:
        found = reading.sources(settings, files, outputs["transports"], service, lines, follow=follow)
        places = list(dict.fromkeys(source.place for source in found))
        show = None if as_json else log_view.Shown(console(), places, columns=columns)
        try:
            for entry in reading.follow(found) if follow else reading.read(found):
                if outbound or reading.inbound(entry):
                    if show:
                        show(entry)
                    else:
                        typer.echo(log_view.document(entry))
        except KeyboardInterrupt:  # the way in which following ends, and nothing that is stopped
            raise typer.Exit(130) from None
