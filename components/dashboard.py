"""The metrics of the routes, for a Grafana that looks for dashboards in ConfigMaps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from settings import MANAGEMENT_NAMESPACE, Queries

DASHBOARD, TITLE = "vm-mesh-routes", "vm-mesh: routes"
"""Name of the ConfigMap and, with ``.json``, of the file in it; and how the dashboard calls itself."""
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_WINDOW = "$__rate_interval"
_WIDTH, _HEIGHT = 24, 8


def dashboard(
    name: str, routes: Mapping[str, Mapping[str, Queries]], options: pulumi.ResourceOptions
) -> kubernetes.core.v1.ConfigMap:
    """Declares it. The label is the one that Grafana's chart has its sidecar look for, by default."""
    return kubernetes.core.v1.ConfigMap(
        name,
        metadata={"name": DASHBOARD, "namespace": MANAGEMENT_NAMESPACE, "labels": {"grafana_dashboard": "1"}},
        data={f"{DASHBOARD}.json": json.dumps(_document(routes), indent=1)},
        opts=options,
    )


def _document(routes: Mapping[str, Mapping[str, Queries]]) -> dict[str, Any]:
    panels = [panel for service, destinations in routes.items() for panel in _of_route(service, destinations)]
    panels += _of_mesh()
    width = _WIDTH // 3
    for index, panel in enumerate(panels):
        place = {"x": index % 3 * width, "y": index // 3 * _HEIGHT, "w": width, "h": _HEIGHT}
        panel |= {"id": index + 1, "gridPos": place, "type": "timeseries", "datasource": _SOURCE}
    return {
        "uid": DASHBOARD,
        "title": TITLE,
        "tags": ["vm-mesh"],
        "timezone": "utc",
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}]},
        "panels": panels,
        "schemaVersion": 39,
    }


def _of_route(service: str, destinations: Mapping[str, Queries]) -> list[dict[str, Any]]:
    """Three panels, which fill a row."""
    calls = {name: queries.calls(_WINDOW) for name, queries in destinations.items()}
    everything = " + ".join(f"({query} or vector(0))" for query in calls.values())
    shares = {name: f"100 * ({query} or vector(0)) / ({everything})" for name, query in calls.items()}
    failed = {name: f"100 * ({it.failed(_WINDOW)}) / {it.calls(_WINDOW)}" for name, it in destinations.items()}
    times = {f"{name} p{part}": it.percentile(part, _WINDOW) for name, it in destinations.items() for part in (50, 99)}
    stacked = {"custom": {"fillOpacity": 60, "stacking": {"mode": "normal"}}, "max": 100}
    return [
        _panel(f"{service}: share of the calls", shares, "percent", stacked),
        _panel(f"{service}: calls that failed", failed, "percent"),
        _panel(f"{service}: time to an answer", times, "ms"),
    ]


def _of_mesh() -> list[dict[str, Any]]:
    """Who calls whom: by Istio's own metrics where the proxies have them, and by what every Envoy counts elsewhere."""
    istio = (
        'sum by (cluster, source_workload, destination_workload) (rate(istio_requests_total{reporter="source"}[%s]))'
    )
    envoy = (
        'sum by (cluster, app, cluster_name) (rate(envoy_cluster_upstream_rq_total{cluster_name=~"outbound.*"}[%s]))'
    )
    legend = "{{cluster}} {{source_workload}}{{app}} to {{destination_workload}}{{cluster_name}}"
    return [
        _panel("Calls a second", {legend: f"{istio % _WINDOW} or {envoy % _WINDOW}"}, "reqps"),
        _panel("Proxies that were read", {"{{cluster}} {{job}}": "sum by (cluster, job) (up)"}, "short"),
    ]


def _panel(title: str, queries: Mapping[str, str], unit: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "title": title,
        "targets": _targets(queries),
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, **(more or {})}, "overrides": []},
    }


def _targets(queries: Mapping[str, str]) -> Sequence[dict[str, Any]]:
    return [
        {"refId": f"Q{index}", "expr": query, "legendFormat": legend, "datasource": _SOURCE}
        for index, (legend, query) in enumerate(queries.items())
    ]
