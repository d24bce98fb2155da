"""Who takes over from a destination of a route that fails."""

from __future__ import annotations

from settings.names import LOCALITY
from settings.stack import Settings


def failover_orders(settings: Settings, route: str, caller: str) -> dict[str, list[str]]:
    """Destination -> who serves the calls that are meant for it, the first that can, for callers of a cluster.

    Empty if the route has no failover.
    """
    order = settings.routes[route].failover or ()
    if order == (LOCALITY,):
        order = _nearest_first(settings, route, caller)
    return {name: list(dict.fromkeys((name, *order))) for name in settings.ports(route)} if order else {}


def _nearest_first(settings: Settings, route: str, caller: str) -> tuple[str, ...]:
    """Who serves a route: the caller's cluster, those of its network, other clusters; then the VMs alike."""
    network = settings.clusters[caller].network
    clusters = [name for name in settings.clusters if route in settings.services_in(name)]
    clusters.sort(key=lambda name: (name != caller, settings.clusters[name].network != network))
    vms = sorted(settings.vms_of(route), key=lambda name: settings.vms[name].cluster != caller)
    return (*clusters, *vms)
