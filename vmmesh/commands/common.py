"""What many commands have in common: their options, where they work, and how they print."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console

from settings import Settings
from vmmesh.commands import completion
from vmmesh.mesh import Mesh, connect
from vmmesh.place import Place
from vmmesh.stack import Stack

StackName = Annotated[
    str,
    typer.Option(
        "--stack",
        "-s",
        metavar="NAME",
        help="The stack, of Pulumi.<NAME>.yaml.",
        autocompletion=completion.stacks,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead, and nothing else, on standard output.")]
Requests = Annotated[
    int,
    typer.Option("--requests", "-n", min=1, help="Requests through the ingress of each cluster with callers."),
]
Gone = Annotated[
    list[str] | None,
    typer.Option(
        "--gone",
        metavar="MACHINE",
        help="A machine taken out of the config that is gone for good: it is forgotten without being asked.",
    ),
]
Service = Annotated[
    str | None,
    typer.Argument(help="A service that has a route; default: all of them.", autocompletion=completion.services),
]
Window = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long calls are counted.")]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A stack that is up, with its config, its outputs and its mesh."""

    place: Place
    settings: Settings
    stack: Stack
    outputs: dict[str, Any]
    mesh: Mesh


def place(ctx: typer.Context, stack: str) -> Place:
    """Where a command works."""
    return ctx.obj(name=stack)


@contextmanager
def opened(where: Place, log: str) -> Generator[Opened]:
    """The stack at a place, for the time of a block; what the engine says goes to the log of that name.

    Raises SettingsError or Misuse before anything is asked, and NoStack if it is not up.
    """
    settings = where.file.settings()
    where.enter()
    stack = Stack(where.root, where.name, log)
    outputs = stack.outputs()
    with connect(settings, outputs) as mesh:
        yield Opened(place=where, settings=settings, stack=stack, outputs=outputs, mesh=mesh)


def console() -> Console:
    """Standard output, for people."""
    return Console(highlight=False)


def print_json(document: dict[str, Any]) -> None:
    """Prints a document."""
    typer.echo(json.dumps(document, indent=2))


def fail_unless(good: bool) -> None:
    """Ends the command with 1 if what it has found is not good."""
    if not good:
        raise typer.Exit(1)
