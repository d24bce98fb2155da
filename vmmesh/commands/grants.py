"""Who may call what."""

from __future__ import annotations

from typing import Annotated

import typer

from vmmesh import access
from vmmesh.commands.common import Json, StackName, console, fail_unless, place, print_json

app = typer.Typer(no_args_is_help=True, help="Who may call what.")


@app.callback()
def _group() -> None:
    """Keeps the one command from being taken for the whole group."""


@app.command()
def check(
    ctx: typer.Context,
    caller: Annotated[
        str, typer.Argument(metavar="FROM", help="As in rules: a VM, a service, ingress, or namespace/account.")
    ],
    service: Annotated[str, typer.Argument(metavar="TO", help="A service.")],
    method: Annotated[str, typer.Option(help="Method of the call.")] = "GET",
    path: Annotated[str, typer.Option(help="Path of the call.")] = "/",
    stack: StackName = "dev",
    as_json: Json = False,
) -> None:
    """Say whether a caller may call a service, by the config alone; end with 1 if not."""
    found = access.check(place(ctx, stack).file.settings(), caller, service, method, path)
    if as_json:
        print_json(access.document(stack, found))
    else:
        access.show(console(), found)
    fail_unless(found.allowed)
