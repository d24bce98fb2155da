"""Machines that come back or are changed, and the proxies on them and in pods."""

from __future__ import annotations

from typing import Annotated

import typer

from toolchain.places import Checkout
from toolchain.progress import Progress
from vmmesh import identities, summary, verify
from vmmesh import rejoin as rejoining
from vmmesh import upgrade as upgrading
from vmmesh.commands import completion
from vmmesh.commands.common import Json, Requests, StackName, console, fail_unless, opened, place, print_json


def rejoin(
    ctx: typer.Context,
    machines: Annotated[list[str] | None, typer.Argument(metavar="[MACHINE]...", help="Default: all.")] = None,
    stack: StackName = "dev",
    as_json: Json = False,
) -> None:
    """Have machines join again, with a new token where their certificate has expired. Harmless to one that is in."""
    joined = rejoining.rejoin(place(ctx, stack), machines or [])
    if as_json:
        print_json({"stack": stack, "joined": joined})
    else:
        console().print(f"in the mesh: {', '.join(joined)}")


def upgrade(
    ctx: typer.Context,
    vm: Annotated[str, typer.Argument(help="A VM, with all its machines.")],
    through: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE",
            help="Stage that sends the VM nothing meanwhile; default: the route's first.",
            autocompletion=completion.stages,
        ),
    ] = None,
    stack: StackName = "dev",
    requests: Requests = verify.REQUESTS,
    as_json: Json = False,
) -> None:
    """Apply what was edited of a VM (its sidecar, its services) while nobody calls it, and lose no request.

    Its calls move to another stage, it is drained, the config is applied, it becomes healthy, and the calls come back.
    The same by hand: make stage, make up, make stage.
    """
    done = upgrading.upgrade(place(ctx, stack), vm, through, requests)
    if as_json:
        print_json(
            {
                "vm": vm,
                "through": {service: {"stage": here, "by": by} for service, (here, by) in done.through.items()},
                "changed": dict(done.changes),
                "verification": verify.document(stack, done.verdicts) if done.verdicts else None,
            }
        )
    else:
        screen = console()
        ways = ", ".join(f"{service} by way of {by}" for service, (_, by) in done.through.items())
        screen.print(f"{vm} is upgraded: {summary.in_words(done.changes)}; {ways or 'nobody called it'}")
        verify.show(screen, done.verdicts)
    fail_unless(all(verdict.passed for verdict in done.verdicts))


def proxies(
    ctx: typer.Context,
    stack: StackName = "dev",
    seconds: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait until all are as they should be.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Show each proxy's istiod, signer and trusted roots; fail while one is not as the config wants it."""
    with opened(place(ctx, stack), "proxies") as it, Progress(Checkout(it.place.root).logs) as progress:
        found = identities.wait(lambda: identities.identities(it.mesh, it.settings), seconds, progress)
    if as_json:
        print_json({"stack": stack, "passed": identities.passed(found), "proxies": found})
    else:
        identities.show(console(), found)
    fail_unless(identities.passed(found))
