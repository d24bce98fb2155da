"""What proxies send, and to whom, as mesh config has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.istiod_values import ACCESS_LOG
from settings import (
    COLLECTOR_PORT,
    MACHINE_LABEL,
    MANAGEMENT_NAMESPACE,
    VM_LABEL,
    ManagementSettings,
    collector_service,
    service_host,
)

LOGS, SPANS = "vm-mesh-access-logs", "vm-mesh-traces"
"""Providers, by which Telemetry resources name them."""


def _node(*path: str) -> str:
    """What the proxy has told istiod of itself; a pod's and a VM's have the same form."""
    steps = "".join(f"['{step}']" for step in path)
    return f"%CEL(xds.node.metadata{steps})%"


# Whose line it is, which in a pod's own log needs no saying.
_PROXY = {
    "cluster": _node("CLUSTER_ID"),
    "namespace": _node("NAMESPACE"),
    "workload": _node("WORKLOAD_NAME"),
    "app": _node("LABELS", "app"),
    "version": _node("LABELS", "version"),
    "proxy": _node("NAME"),
    "vm": _node("LABELS", VM_LABEL),
    "machine": _node("LABELS", MACHINE_LABEL),
}
TAGS = {name: _PROXY[name] for name in ("cluster", "namespace", "app", "version", "machine")}
"""The same of a span. Envoy itself adds the span's ID and the trace's to the line of a call that is traced."""


def providers(cluster: str, management: ManagementSettings) -> list[Mapping[str, Any]]:
    """The providers of a cluster, and of the VMs that join it: its own collector."""
    where = {"service": service_host(collector_service(cluster), MANAGEMENT_NAMESPACE), "port": COLLECTOR_PORT}
    found: list[Mapping[str, Any]] = []
    if management.cluster and management.access_logs:
        line = {"text": f"{ACCESS_LOG['method']} {ACCESS_LOG['path']}", "labels": {**ACCESS_LOG, **_PROXY}}
        found.append({"name": LOGS, "envoyOtelAls": {**where, "logFormat": line}})
    if management.cluster and management.traces:
        found.append({"name": SPANS, "opentelemetry": where})
    return found
