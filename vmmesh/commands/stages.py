"""Moving a service from stage to stage."""

from __future__ import annotations

from typing import Annotated

import typer

from vmmesh import advance as advancing
from vmmesh import changes, verify
from vmmesh import stage as staging
from vmmesh.commands import completion
from vmmesh.commands.common import Json, Requests, StackName, console, fail_unless, place, print_json
from vmmesh.stackfile import Misuse

_OneService = Annotated[
    str | None,
    typer.Argument(
        help="A service that has a route; may be left out if only one has.", autocompletion=completion.services
    ),
]


def stage(
    ctx: typer.Context,
    service: Annotated[str, typer.Argument(help="A service that has a route.", autocompletion=completion.services)],
    to: Annotated[
        str, typer.Argument(metavar="STAGE", help="The stage that it moves to.", autocompletion=completion.stages)
    ],
    stack: StackName = "dev",
    requests: Requests = verify.REQUESTS,
    allow_jump: Annotated[
        bool, typer.Option("--allow-jump", help="Go further at once than the route's maxStep, in an emergency.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Move a service to a stage: edit the config, show the preview, apply it, verify where calls go."""
    screen = console()
    staged = staging.stage(
        place(ctx, stack),
        service,
        to,
        requests,
        lambda found: None if as_json else changes.show(screen, found),
        allow_jump=allow_jump,
    )
    if as_json:
        print_json(staging.document(stack, staged))
    else:
        screen.print(f"{service} is in stage {to} now, after {staged.before}")
        verify.show(screen, staged.verdicts)
        if not staged.verdicts:
            screen.print("Its calls were not verified, since its route has no probePath")
    fail_unless(all(verdict.passed for verdict in staged.verdicts))


def advance(
    ctx: typer.Context,
    service: _OneService = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE", help="Walk through the stages as far as this one.", autocompletion=completion.stages
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Walk through all stages; a gate with pause: true stops the walk.")
    ] = False,
    stack: StackName = "dev",
    requests: Requests = verify.REQUESTS,
    as_json: Json = False,
) -> None:
    """Take a service one stage further: preview, apply, verify, watch the gate; keep the stage or roll it back.

    Goes on with what an interrupted run has begun. Ends with 1 if a stage was rolled back.
    """
    if everything and to:
        raise Misuse("--all and --to say two things", "leave one of them out")
    order = advancing.Order(to=to, all=everything, requests=requests)
    done = advancing.advance(place(ctx, stack), service, order)
    _tell(stack, done, as_json)
    fail_unless(done.end != "rolled back")


def rollback(ctx: typer.Context, service: _OneService = None, stack: StackName = "dev", as_json: Json = False) -> None:
    """Take a service back to the stage before, as the stack's history has it."""
    _tell(stack, advancing.rollback(place(ctx, stack), service), as_json)


def _tell(stack: str, done: advancing.Advanced, as_json: bool) -> None:
    if as_json:
        print_json(advancing.document(stack, done))
    else:
        advancing.show(console(), done)
