"""What a run is to do: which service, and how far."""

from __future__ import annotations

from dataclasses import dataclass

from settings import Settings
from vmmesh import verify
from vmmesh.routes import route_of
from vmmesh.stackfile import Misuse, nearest


@dataclass(frozen=True, kw_only=True)
class Order:
    """One stage further, as far as ``to``, or all the way."""

    to: str | None = None
    all: bool = False
    requests: int = verify.REQUESTS

    @property
    def far(self) -> bool:
        """Whether it may be more than one step."""
        return self.all or self.to is not None


def the_service(settings: Settings, service: str | None) -> str:
    """The service that is meant: the only one that has a route, if none is named. Raises Misuse."""
    if service is None:
        if len(settings.routes) != 1:
            raise Misuse(f"which service? There are routes for: {', '.join(settings.routes) or 'none'}")
        return next(iter(settings.routes))
    return route_of(settings, service).service


def last_of(settings: Settings, service: str, order: Order) -> int:
    """Where an order ends, as an index of the stages. Raises Misuse if that is not ahead."""
    stages, here = list(settings.routes[service].stages), settings.stages[service]
    if order.all:
        return len(stages) - 1
    if order.to is None:
        return min(stages.index(here) + 1, len(stages) - 1)
    if order.to not in stages:
        raise Misuse(f"{service} has no stage {order.to}{nearest(order.to, stages)}")
    if stages.index(order.to) < stages.index(here):
        raise Misuse(
            f"{service} is in stage {here}, which comes after {order.to}",
            f"`vmmesh rollback {service}` goes one stage back, `vmmesh stage {service} {order.to}` straight to it",
        )
    return stages.index(order.to)
