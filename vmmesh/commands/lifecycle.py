"""Bringing a stack up, taking it down, and what must hold for either."""

from __future__ import annotations

import typer
from rich.text import Text

from vmmesh import doctor as examining
from vmmesh import summary
from vmmesh.commands.common import Gone, Json, StackName, console, fail_unless, place, print_json
from vmmesh.down import down as take_down
from vmmesh.up import up as bring_up


def up(ctx: typer.Context, stack: StackName = "dev", gone: Gone = None, as_json: Json = False) -> None:
    """Bring everything up, from nothing to the mesh with its VMs. Safe to run again at any time."""
    found = bring_up(place(ctx, stack), gone or [])
    if as_json:
        print_json(found)
    else:
        screen = console()
        screen.print(f"{stack} is up: {summary.in_words(found['changed'])}")
        summary.show(screen, found)


def down(ctx: typer.Context, stack: StackName = "dev", gone: Gone = None, as_json: Json = False) -> None:
    """Take everything down and leave nothing behind, however far the last run came."""
    found = take_down(place(ctx, stack), gone or [])
    if as_json:
        print_json(found)
        return
    screen = console()
    if found["removed"] or found["swept"]:
        swept = f", and with Docker: {', '.join(found['swept'])}" if found["swept"] else ""
        screen.print(Text(f"{stack} is down: {found['removed']} resources removed{swept}"), soft_wrap=True)
    else:
        screen.print(f"{stack} is down: there was nothing of it")
    if found["kept"]:
        screen.print(
            Text(f"The folder .state stays, since other stacks use it: {', '.join(found['kept'])}"),
            soft_wrap=True,
        )


def doctor(ctx: typer.Context, stack: StackName = "dev", as_json: Json = False) -> None:
    """Check what must hold on this machine, in the clusters and on the VMs; say what to do. Changes nothing."""
    found = examining.examine(place(ctx, stack))
    if as_json:
        print_json(examining.document(stack, found))
    else:
        examining.show(console(), found)
    fail_unless(examining.passed(found))
