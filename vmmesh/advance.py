"""Takes a service from stage to stage: each is applied, proven, watched for its gate's time, and kept or taken back.

Nothing of this is remembered but in the config, the stack and its update history. So a run that was killed anywhere is
gone on with by the next one, on any machine: :class:`vmmesh.walk.Walk` looks at the three and makes them agree.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from settings import Settings
from toolchain.places import Checkout
from toolchain.progress import Progress
from vmmesh.changes import Change
from vmmesh.place import Place
from vmmesh.recovery import Held
from vmmesh.routes import route_of
from vmmesh.stack import exclusive
from vmmesh.stackfile import Misuse
from vmmesh.steps import Advanced
from vmmesh.walk import Order, Walk, last_of


def advance(place: Place, order: Order, show: Callable[[Sequence[Change]], None]) -> Advanced:
    """Advances a service; ``show`` gets each preview before anything is changed.

    Raises Misuse for an unknown service or stage, Held if another run is at work, and Problem if something would be
    destroyed or fails. Ctrl-C leaves the present stage or the one before in place: in config, stack and mesh alike.
    """
    settings = place.file.settings()
    service = the_service(settings, order.service)
    last_of(settings, service, order)
    with _at_work(place) as progress:
        return Walk(place, service, progress, show, order).run()


def rollback(place: Place, service: str | None, show: Callable[[Sequence[Change]], None]) -> Advanced:
    """Takes a service back to the stage before.

    Raises as :func:`advance` does, and Misuse if there is no such stage.
    """
    settings = place.file.settings()
    service = the_service(settings, service)
    with _at_work(place) as progress:
        return Walk(place, service, progress, show, Order()).back()


@contextmanager
def _at_work(place: Place) -> Generator[Progress]:
    """Keeps others from the stack, and the config as it is if they are at work on it already."""
    place.enter()
    with (
        exclusive(place.root, place.name),
        place.file.restored_on(Held),
        Progress(Checkout(place.root).logs) as progress,
    ):
        yield progress


def the_service(settings: Settings, service: str | None) -> str:
    """The service that is meant: the only one that has a route, if none is named. Raises Misuse."""
    if service is None:
        if len(settings.routes) != 1:
            raise Misuse(f"which service? There are routes for: {', '.join(settings.routes) or 'none'}")
        return next(iter(settings.routes))
    return route_of(settings, service).service
