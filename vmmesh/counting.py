"""Which of the calls that proxies have counted are divided by a route's weights, and which are not.

Envoy counts a call where it goes, by cluster, and does not tell why it went there. A copy counts like a call; so do the
calls that a match sends. What tells them apart is the rule: a destination that gets copies has no weight (the config is
refused otherwise), and whether all calls of a caller match is known by who it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vmmesh.calls import Calls, by_destination, together
from vmmesh.mesh import Proxy, Snapshot
from vmmesh.routes import Route
from vmmesh.routing import match_of


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Calls of a route between two snapshots, by cluster of the caller and destination."""

    calls: dict[str, dict[str, Calls]] = field(default_factory=dict[str, dict[str, Calls]])
    """Those that the weights divide, and those that went where they should not."""
    matched: dict[str, dict[str, Calls]] = field(default_factory=dict[str, dict[str, Calls]])
    """Those that a match has sent to a destination without a weight, or all of a caller's."""
    copies: dict[str, dict[str, Calls]] = field(default_factory=dict[str, dict[str, Calls]])


def counted(route: Route, before: Snapshot, after: Snapshot) -> Counted:
    """The calls that came between two snapshots."""
    found = Counted()
    for proxy, counts in after.items():
        old = before.get(proxy, {})
        fresh = {name: count.since(old.get(name, Calls())) for name, count in counts.items()}
        found.calls.setdefault(proxy.cluster, {})
        for destination, calls in by_destination(route, fresh).items():
            part = _part(found, route, proxy, destination)
            if part is found.calls or calls != Calls():
                cluster = part.setdefault(proxy.cluster, {})
                cluster[destination] = cluster.get(destination, Calls()) + calls
    return found


def of_all_callers(route: Route, *parts: Mapping[str, Mapping[str, Calls]]) -> dict[str, Calls]:
    """Calls by destination, of these parts of what was counted, and of all callers of the route together."""
    none = dict.fromkeys(route.percents, Calls())
    return together([none, *(part.get(cluster, {}) for part in parts for cluster in route.clusters)])


def _part(found: Counted, route: Route, proxy: Proxy, destination: str) -> dict[str, dict[str, Calls]]:
    """Where calls of a proxy to a destination belong."""
    if proxy.cluster not in route.clusters:
        return found.calls
    if match_of(route, proxy.namespace, proxy.labels):
        return found.matched
    if route.percents.get(destination):
        return found.calls
    if destination in route.rule.mirror:
        return found.copies
    matches = [match for match in route.rule.match if match.is_for(proxy.namespace, proxy.labels)]
    return found.matched if any(match.destination == destination for match in matches) else found.calls
