"""What a cluster's proxies, and those of its VMs, send access logs and spans to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from components.cluster import Cluster
from components.keeper import Keeper, KeeperArgs
from components.keeper_container import FOLDER
from components.mesh import Mesh
from settings import (
    COLLECTOR,
    COLLECTOR_PORT,
    LOG_STORE,
    LOG_STORE_PORT,
    MANAGEMENT_NAMESPACE,
    TRACE_STORE,
    TRACE_STORE_PORT,
    ManagementSettings,
    collector_service,
    service_host,
)
from toolchain.artifacts import ManagementImage

_HEALTH_PORT = 13133
_SERVICES = "/opentelemetry.proto.collector"
# Which proxy a line is from: VictoriaLogs keeps lines of one stream together.
_STREAM = ("cluster", "namespace", "workload", "machine")


def collector(
    cluster: Cluster,
    mesh: Mesh,
    management: ManagementSettings,
    trust_domain: str,
    image: ManagementImage,
) -> Keeper:
    """Declares the collector of a cluster: everyone in the mesh may send to it, and it sends to the stores alone."""
    return Keeper(
        collector_service(cluster.name),
        KeeperArgs(
            cluster=cluster,
            mesh=mesh,
            app=COLLECTOR,
            service=collector_service(cluster.name),
            image=image,
            arguments=["--config=env:CONFIG"],
            environment={"CONFIG": json.dumps(collector_config(management)), "GOMEMLIMIT": "200MiB"},
            port=COLLECTOR_PORT,
            protocol="grpc",
            health=("/", _HEALTH_PORT),
            senders=[f"{trust_domain}/*"],
            paths=[f"{_SERVICES}.logs.v1.LogsService/Export", f"{_SERVICES}.trace.v1.TraceService/Export"],
            gigabytes=2,
            memory=256,
        ),
    )


def collector_config(management: ManagementSettings) -> dict[str, Any]:
    """Its configuration: what it has taken is on its disk before the proxy is told so, until the store has it."""
    exporters: dict[str, Any] = {}
    pipelines: dict[str, Any] = {}
    if management.access_logs:
        url = f"http://{service_host(LOG_STORE, MANAGEMENT_NAMESPACE)}:{LOG_STORE_PORT}/insert/opentelemetry/v1/logs"
        headers = {"VL-Stream-Fields": ",".join(_STREAM)}
        exporters["otlp_http/access-logs"] = _exporter({"logs_endpoint": url, "headers": headers})
        pipelines["logs"] = {"receivers": ["otlp"], "exporters": ["otlp_http/access-logs"]}
    if management.traces:
        url = f"http://{service_host(TRACE_STORE, MANAGEMENT_NAMESPACE)}:{TRACE_STORE_PORT}/v1/traces"
        exporters["otlp_http/traces"] = _exporter({"traces_endpoint": url})
        pipelines["traces"] = {"receivers": ["otlp"], "exporters": ["otlp_http/traces"]}
    return {
        "extensions": {
            "health_check": {"endpoint": f"0.0.0.0:{_HEALTH_PORT}"},
            "file_storage": {
                "directory": FOLDER,
                "fsync": True,
                # Else the file stays as large as the longest queue was.
                "compaction": {"on_start": True, "on_rebound": True, "directory": FOLDER},
            },
        },
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"0.0.0.0:{COLLECTOR_PORT}"}}}},
        "exporters": exporters,
        "service": {
            "extensions": ["health_check", "file_storage"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": pipelines,
        },
    }


def _exporter(where: Mapping[str, Any]) -> dict[str, Any]:
    """An exporter with a queue on the disk, which tries until the store takes it."""
    return {
        **where,
        "sending_queue": {
            "storage": "file_storage",
            "sizer": "items",
            "queue_size": 1_000_000,
            "batch": {"flush_timeout": "1s", "min_size": 1000, "max_size": 5000},
        },
        "retry_on_failure": {"initial_interval": "1s", "max_interval": "10s", "max_elapsed_time": "0s"},
    }
