"""The access logs of the whole mesh."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from settings import LOG_STORE, LOG_STORE_PORT, Settings
from toolchain.console import errors
from vmmesh import kept_logs, log_view
from vmmesh import logs as reading
from vmmesh.commands.common import StackName, console, fail_unless, place
from vmmesh.kept import moment, store
from vmmesh.kubectl import written
from vmmesh.logs import Entry
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse, nearest

_KEPT = "Of the lines that the management cluster keeps"


def logs(
    ctx: typer.Context,
    service: Annotated[str | None, typer.Argument(help="A service, of pods or of VMs alone; default: all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    columns: Annotated[bool, typer.Option("--columns", help="A column for each machine and cluster.")] = False,
    outbound: Annotated[bool, typer.Option("--outbound", help="Show the calls that were made there, too.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How far back each log is read.")] = 20,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help=f"{_KEPT}, those since 30m, 2h, 1d, or a time.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help=f"{_KEPT}, those until then; default: now.")] = None,
    trace: Annotated[
        str | None, typer.Option(metavar="ID", help=f"{_KEPT}, those of a trace ID or request ID.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help=f"{_KEPT}, those with this value; all of several.")
    ] = None,
    stack: StackName = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each request instead.")] = False,
) -> None:
    """Show the access logs of VMs and clusters, merged in the order of time or side by side.

    Live ones, of what runs; or with any of --since, --until, --trace and --where what vm-mesh:management keeps, of pods
    and machines that are gone, too. Ends with 1 where a live log cannot be read, with those that can.
    """
    at = place(ctx, stack)
    settings = at.file.settings()
    if service is not None and service not in (known := settings.services()):
        raise Misuse(f"there is no service {service}{nearest(service, known)}")
    wanted = _wanted(settings, service, since, until, trace, where or [])
    if wanted and follow:
        raise Misuse("--follow shows what comes, and not what is kept", "leave it out")
    at.enter()
    outputs = Stack(at.root, at.name, "logs").outputs()
    unread: list[str] = []

    def lost(why: str) -> None:
        unread.append(why)
        errors().print(Text(why, style="red"), soft_wrap=True)

    with ExitStack() as open_:
        files = open_.enter_context(written(outputs["kubeconfigs"]))
        sources = reading.sources(settings, files, outputs["transports"], service, lines, follow=follow)
        known = list(dict.fromkeys(source.place for source in sources))
        found: Iterable[Entry]
        if wanted:
            found = _kept(settings, files, wanted)
            known = kept_logs.places(found, known)
        else:
            found = reading.follow(sources, lost) if follow else reading.read(sources, lost)
        _print(found, known, columns=columns, outbound=outbound, as_json=as_json)
    fail_unless(not unread)


def _print(found: Iterable[Entry], places: Sequence[str], *, columns: bool, outbound: bool, as_json: bool) -> None:
    show = None if as_json else log_view.Shown(console(), places, columns=columns)
    try:
        for entry in found:
            if outbound or reading.inbound(entry):
                if show:
                    show(entry)
                else:
                    typer.echo(log_view.document(entry))
    except KeyboardInterrupt:  # the way in which following ends, and nothing that is stopped
        raise typer.Exit(130) from None


def _kept(settings: Settings, files: dict[str, Path], wanted: kept_logs.Wanted) -> list[Entry]:
    with store(settings, files, LOG_STORE, LOG_STORE_PORT, "accessLogs") as kept:
        return kept_logs.read(kept, settings, wanted)


def _wanted(
    settings: Settings, service: str | None, since: str | None, until: str | None, trace: str | None, where: list[str]
) -> kept_logs.Wanted | None:
    """Which of the lines that are kept; None: none, but live ones."""
    if not (since or until or trace or where):
        return None
    pairs = [condition.partition("=") for condition in where]
    if wrong := [condition for condition, pair in zip(where, pairs, strict=True) if not (pair[0] and pair[1])]:
        raise Misuse(f"{wrong[0]} is no condition", "give FIELD=VALUE, such as response_code=503")
    now = datetime.now(UTC)
    logs = settings.management.access_logs
    return kept_logs.Wanted(
        since=moment(since or (logs.retention if logs else "1d"), now),
        until=moment(until, now) if until else now,
        service=service,
        trace=trace,
        where=tuple((field, value) for field, _, value in pairs),
    )
