"""Access logs and spans of all proxies: collectors in every cluster, and what keeps them in one."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.cluster import Cluster
from components.collector import collector
from components.exports import Exports
from components.mesh import Mesh
from components.stores import log_store, trace_store
from components.telemetry import Telemetry, TelemetryArgs
from settings import Settings
from toolchain.artifacts import Artifacts, Image


def gather(
    settings: Settings,
    tools: Artifacts,
    clusters: Mapping[str, Cluster],
    meshes: Mapping[str, Mesh],
    exports: Exports,
) -> None:
    """Declares all that ``management`` asks for in accessLogs and traces. Raises RunError if an image is missing."""
    management, trust_domain = settings.management, settings.mesh.trust_domain
    if not management.cluster or not management.collects:
        return
    home, mesh = clusters[management.cluster], meshes[management.cluster]
    if management.access_logs:
        log_store(home, mesh, management.access_logs, trust_domain, _image(tools, "victoria-logs"))
    if management.traces:
        trace_store(home, mesh, trust_domain, _image(tools, "jaeger"))
    exports.of_management()
    for name, cluster in clusters.items():
        keeper = collector(cluster, meshes[name], management, trust_domain, _image(tools, "otel-collector"))
        Telemetry(
            f"{name}-telemetry",
            TelemetryArgs(cluster=cluster, mesh=meshes[name], management=management, collector=keeper.ready),
        )


def _image(tools: Artifacts, name: str) -> Image:
    if name not in tools.telemetry:
        raise pulumi.RunError(f"vm-mesh:management needs the image of {name}, which is not there yet; run `make tools`")
    return tools.telemetry[name]
