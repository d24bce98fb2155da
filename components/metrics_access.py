"""Who may call what keeps the metrics, and what of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from settings import KIALI, METRICS_PORT

# What Kiali and Grafana ask of a dashboard or a graph; a client of Prometheus posts what it asks.
_QUERIES = {"methods": ["POST"], "paths": ["/api/v1/query", "/api/v1/query_range"]}
# Which metrics there are, how often they are read and for how long they are kept, and whether it answers at all.
_ABOUT = {
    "methods": ["GET"],
    "paths": [
        "/api/v1/label/__name__/values",
        "/api/v1/status/buildinfo",
        "/api/v1/status/config",
        "/api/v1/status/runtimeinfo",
        "/-/healthy",
    ],
}


def metrics_rules(writer: str, askers: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rules of an AuthorizationPolicy: the agents write, and what people look at asks.

    ``writer`` is an identity without its scheme; ``askers`` are the pages that there are, with theirs.
    """
    rules = [_rule(writer, {"methods": ["POST"], "paths": ["/api/v1/write"]})]
    for page, identity in askers.items():
        rules.append(_rule(identity, _QUERIES, *([_ABOUT] if page == KIALI else [])))
    return rules


def _rule(identity: str, *operations: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "from": [{"source": {"principals": [identity]}}],
        "to": [{"operation": {"ports": [str(METRICS_PORT)], **operation}} for operation in operations],
    }
