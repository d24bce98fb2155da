"""The way of one call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from settings import TRACE_QUERY_PORT, TRACE_STORE
from vmmesh import traces
from vmmesh.commands.common import Json, StackName, console, place, print_json
from vmmesh.kept import store
from vmmesh.kubectl import written
from vmmesh.stack import Stack


def trace(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A trace ID, or a request ID (x-request-id).")],
    stack: StackName = "dev",
    as_json: Json = False,
) -> None:
    """Show the hops of a call through pods, gateways and VMs, in order, with the time spent in each."""
    where = place(ctx, stack)
    settings = where.file.settings()
    where.enter()
    outputs = Stack(where.root, where.name, "trace").outputs()
    with (
        written(outputs["kubeconfigs"]) as files,
        store(settings, files, TRACE_STORE, TRACE_QUERY_PORT, "traces") as kept,
    ):
        identity = traces.trace_id(kept, name, datetime.now(UTC))
        found = traces.hops(kept, identity)
    if as_json:
        print_json(traces.document(stack, identity, found))
    else:
        traces.show(console(), found)
