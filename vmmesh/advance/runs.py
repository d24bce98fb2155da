"""The two runs: forward as ordered, and one stage back."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from toolchain.places import Checkout
from toolchain.progress import Progress
from vmmesh.advance.mover import Mover
from vmmesh.advance.order import Order, last_of, the_service
from vmmesh.advance.steps import Advanced
from vmmesh.advance.walk import Walk
from vmmesh.exclusive import exclusive
from vmmesh.place import Place


def advance(place: Place, service: str | None, order: Order) -> Advanced:
    """Advances a service, the only one with a route if none is named.

    Raises Misuse for an unknown service or stage, Held if another run is at work, and Problem if something would be
    destroyed, a rule be broken, or fails. Ctrl-C leaves the present stage or the one before in place: in config, stack
    and mesh alike.
    """
    settings = place.file.settings()
    service = the_service(settings, service)
    last_of(settings, service, order)
    with _at_work(place) as progress:
        return Walk(Mover(place, service, progress), order).run()


def rollback(place: Place, service: str | None) -> Advanced:
    """Takes a service back to the stage before.

    Raises as :func:`advance` does, and Misuse if there is no such stage. The way back may be as long as it is: it goes
    where the calls were, so that the route's ``maxStep`` does not hold it up.
    """
    service = the_service(place.file.settings(), service)
    with _at_work(place) as progress:
        return Walk(Mover(place, service, progress), Order()).back()


@contextmanager
def _at_work(place: Place) -> Generator[Progress]:
    """Keeps others from the stack."""
    place.enter()
    with exclusive(place.root, place.name), Progress(Checkout(place.root).logs) as progress:
        yield progress
