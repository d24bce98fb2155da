"""How a proxy routes a service's calls, by what it says itself and by what a route's rule makes of its weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from settings import MatchSettings
from vmmesh.routes import ELSEWHERE, Route


@dataclass(frozen=True, kw_only=True)
class Routing:
    """What a proxy does with the calls of a route's service."""

    percents: Mapping[str, int]
    """Destination -> percent of the calls that no condition holds for."""
    copies: Mapping[str, int] = field(default_factory=dict[str, int])
    """Destination -> percent of these calls that it gets a copy of."""
    conditional: tuple[str, ...] = ()
    """Where each condition on a request sends the calls that it holds for, in the order in which they are asked."""

    def __str__(self) -> str:
        parts = [f"{name} {percent}%" for name, percent in self.percents.items() if percent] or ["no destination"]
        parts += [f"copies of {percent}% to {name}" for name, percent in self.copies.items()]
        parts += [f"on a condition {name}" for name in self.conditional]
        return ", ".join(parts)


def shown(routing: Routing | None) -> str:
    """A routing in one line; None: the proxy has no route."""
    return "no route" if routing is None else str(routing)


def match_of(route: Route, namespace: str, labels: Mapping[str, str]) -> MatchSettings | None:
    """The match that all calls of a caller are for, whatever the request; None: there is no such match."""
    matches = (match for match in route.rule.match if not match.of_requests)
    return next((match for match in matches if match.is_for(namespace, labels)), None)


def routing_for(route: Route, namespace: str, labels: Mapping[str, str]) -> Routing:
    """What the proxy of a caller is to do.

    Istiod asks by itself whether a match is for the caller, and gives the proxy only what is left to be asked of each
    request; behind a route without a condition it gives none (``BuildHTTPRoutesForVirtualService``, route.go).
    """
    conditional: list[str] = []
    for match in route.rule.match:
        if match.is_for(namespace, labels):
            if not match.of_requests:
                percents = {**dict.fromkeys(route.percents, 0), match.destination: 100}
                return Routing(percents=percents, conditional=tuple(conditional))
            conditional.append(match.destination)
    if route.rule.affinity:
        conditional += [name for name, percent in route.percents.items() if percent]
    return Routing(percents=route.percents, copies=route.rule.mirror, conditional=tuple(conditional))


def routes_path(route: Route) -> str:
    """Envoy's admin path of the routes that :func:`routing` reads."""
    return f"config_dump?resource=dynamic_route_configs&name_regex={quote(f'^(.*:)?{route.port}$', safe='')}"


def routing(route: Route, config_dump: str) -> Routing | None:
    """What Envoy does with the calls of the route's service; None: it has no route."""
    for config in json.loads(config_dump).get("configs", []):
        for host in config.get("route_config", {}).get("virtual_hosts", []):
            if route.host in host.get("domains", []):
                # The last one is the one without a condition.
                *before, last = (entry.get("route", {}) for entry in host["routes"])
                return Routing(
                    percents=_percents(route, last),
                    copies=_copies(route, last),
                    conditional=tuple(name for action in before for name, _ in _clusters(route, action)),
                )
    return None


def _percents(route: Route, action: Mapping[str, Any]) -> dict[str, int]:
    found = dict.fromkeys(route.percents, 0)
    for destination, weight in _clusters(route, action):
        found[destination] = found.get(destination, 0) + weight
    return found


def _clusters(route: Route, action: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The destinations of an action, with their weights."""
    weighted: list[dict[str, Any]] = action.get("weighted_clusters", {}).get("clusters") or [
        {"name": action.get("cluster"), "weight": 100}
    ]
    for cluster in weighted:
        yield route.destination(cluster["name"] or "") or ELSEWHERE, cluster.get("weight", 0)


def _copies(route: Route, action: Mapping[str, Any]) -> dict[str, int]:
    """Envoy has fractions: so many of a hundred, of ten thousand, or of a million."""
    whole = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
    found: dict[str, int] = {}
    for policy in action.get("request_mirror_policies", []):
        fraction = policy.get("runtime_fraction", {}).get("default_value", {"numerator": 100})
        percent = round(100 * fraction.get("numerator", 0) / whole[fraction.get("denominator", "HUNDRED")])
        found[route.destination(policy.get("cluster", "")) or ELSEWHERE] = percent
    return found
