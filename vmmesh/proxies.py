"""How a proxy divides its calls, by its own word."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from vmmesh.routes import ELSEWHERE, Route


def routes_path(route: Route) -> str:
    """Envoy's admin path of the routes that :func:`percents` reads."""
    return f"config_dump?resource=dynamic_route_configs&name_regex={quote(f'^(.*:)?{route.port}$', safe='')}"


def percents(route: Route, config_dump: str) -> dict[str, int] | None:
    """Destination -> percent of the calls of the route's service, as Envoy has it; None: it has no route."""
    for config in json.loads(config_dump).get("configs", []):
        for host in config.get("route_config", {}).get("virtual_hosts", []):
            if route.host in host.get("domains", []):
                return _percents(route, host["routes"][0].get("route", {}))
    return None


def _percents(route: Route, action: Mapping[str, Any]) -> dict[str, int]:
    weighted: list[dict[str, Any]] = action.get("weighted_clusters", {}).get("clusters") or [
        {"name": action.get("cluster"), "weight": 100}
    ]
    found = dict.fromkeys(route.percents, 0)
    for cluster in weighted:
        destination = route.destination(cluster["name"] or "") or ELSEWHERE
        found[destination] = found.get(destination, 0) + cluster.get("weight", 0)
    return found
