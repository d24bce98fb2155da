"""Moves a service from one stage to another: config, preview, update, and proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi.automation import EngineEvent

from settings import Settings
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import guard, verify
from vmmesh.api_servers import await_api_servers
from vmmesh.changes import Change, changes
from vmmesh.changes import document as changes_document
from vmmesh.exclusive import exclusive
from vmmesh.judge import Verdict
from vmmesh.mesh import connect
from vmmesh.place import Place
from vmmesh.recovery import Held
from vmmesh.routes import Route, route_of
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse, nearest

ROUTES_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A move from one stage to another: what it has changed, and how that is judged."""

    before: str
    route: Route
    changes: Sequence[Change]
    verdicts: Sequence[Verdict]


def stage(
    place: Place,
    service: str,
    to: str,
    requests: int,
    show: Callable[[Sequence[Change]], None],
    *,
    allow_jump: bool = False,
) -> Staged:
    """Moves ``service`` to the stage ``to``; ``show`` gets the preview before anything is changed.

    Whatever ends this before the update begins, Ctrl-C included, leaves the config as it was. Raises Misuse
    for an unknown service or stage, and Problem if something would be replaced or deleted, a rule be broken, or fails.
    ``allow_jump`` lets the stage go further than the route's ``maxStep``, as it may have to in an emergency.
    """
    settings = place.file.settings()
    before = route_of(settings, service)
    known = list(settings.routes[service].stages)
    if to not in known:
        raise Misuse(f"{service} has no stage {to}{nearest(to, known)}")
    place.enter()
    logs = Checkout(place.root).logs
    with exclusive(place.root, place.name), place.file.restored_on(Held):
        stack = Stack(place.root, place.name, "stage")
        with place.file.restored_on(BaseException):
            settings = place.file.set_stage(service, to)
            route = route_of(settings, service)
            with Progress(logs) as progress:
                await_api_servers(stack.export(secrets=True), settings, progress.say)
                with progress.step("preview", f"what {to} would change"):
                    events = stack.preview()
                    found = changes(events, route)
            show(found)
            refuse(found, events, settings, allow_jump=allow_jump)
        with Progress(logs) as progress:
            if found or before.stage != to:  # the stack's outputs name the stage, even where two have the same weights
                stack.up(progress, show_all=True, message=f"vmmesh: {service} {before.stage} -> {to}")
            with connect(settings, stack.outputs()) as mesh:
                with progress.step("routes", f"until every caller's proxy has the routes of {to}"):
                    mesh.wait_for_routes(route, ROUTES_SECONDS)
                verdicts = verify.verify(mesh, [route], requests, progress) if route.probe_path else []
    return Staged(before=before.stage, route=route, changes=found, verdicts=verdicts)


def refuse(
    found: Sequence[Change], events: Sequence[EngineEvent], settings: Settings, *, allow_jump: bool = False
) -> None:
    """Raises Problem if a previewed change of the stage would destroy something, or break a rule."""
    if lost := [f"{change.operation} {change.name}" for change in found if change.destroys]:
        raise Problem(
            f"nothing was changed: a stage must not destroy anything, but this would {', '.join(lost)}",
            "`pulumi preview --diff` says why; what else was edited is for `make up`",
        )
    guard.refuse(guard.findings(events, settings, allow_jump=allow_jump))


def document(stack: str, staged: Staged) -> dict[str, Any]:
    """The move as JSON."""
    return {
        "service": staged.route.service,
        "from": staged.before,
        "to": staged.route.stage,
        "changes": changes_document(staged.changes),
        "verification": verify.document(stack, staged.verdicts) if staged.verdicts else None,
    }
