"""What keeps access logs and spans, in the management cluster."""

from __future__ import annotations

from collections.abc import Mapping

from components.cluster import Cluster
from components.keeper import Keeper, KeeperArgs
from components.keeper_container import FOLDER
from components.mesh import Mesh
from settings import (
    COLLECTOR,
    LOG_STORE,
    LOG_STORE_PORT,
    MANAGEMENT_NAMESPACE,
    TRACE_QUERY_PORT,
    TRACE_STORE,
    TRACE_STORE_PORT,
    AccessLogSettings,
)
from toolchain.artifacts import ManagementImage

_TRACE_HEALTH_PORT = 14269
_TRACE_RETENTION = "168h"


def log_store(
    cluster: Cluster, mesh: Mesh, logs: AccessLogSettings, trust_domain: str, image: ManagementImage
) -> Keeper:
    """Declares VictoriaLogs. Collectors may insert; what asks it is on its own pod, by a port-forward."""
    flags = {
        "storageDataPath": FOLDER,
        "retentionPeriod": logs.retention,
        "httpListenAddr": f":{LOG_STORE_PORT}",
        # What it has taken and not written down yet is lost if it is killed; a second is the least that it can do.
        "inmemoryDataFlushInterval": "1s",
    }
    return Keeper(
        LOG_STORE,
        KeeperArgs(
            cluster=cluster,
            mesh=mesh,
            app=LOG_STORE,
            service=LOG_STORE,
            image=image,
            arguments=[f"-{flag}={value}" for flag, value in flags.items()],
            port=LOG_STORE_PORT,
            protocol="http",
            health=("/health", LOG_STORE_PORT),
            senders=[sender(trust_domain)],
            paths=["/insert/opentelemetry/v1/logs"],
            gigabytes=10,
            memory=384,
        ),
    )


def trace_store(cluster: Cluster, mesh: Mesh, trust_domain: str, image: ManagementImage) -> Keeper:
    """Declares Jaeger, with Badger on the volume. The rest is as with the log store."""
    environment: Mapping[str, str] = {
        "SPAN_STORAGE_TYPE": "badger",
        "BADGER_EPHEMERAL": "false",
        "BADGER_DIRECTORY_KEY": f"{FOLDER}/keys",
        "BADGER_DIRECTORY_VALUE": f"{FOLDER}/values",
        "BADGER_SPAN_STORE_TTL": _TRACE_RETENTION,
        "BADGER_CONSISTENCY": "true",
        "GOMEMLIMIT": "400MiB",
    }
    # Nothing but what collectors call, and the probes, is on more than the pod's own loopback.
    listeners = {
        "collector.otlp.http": f":{TRACE_STORE_PORT}",
        "admin.http": f":{_TRACE_HEALTH_PORT}",
        "query.http-server": f"127.0.0.1:{TRACE_QUERY_PORT}",
        "query.grpc-server": "127.0.0.1:16685",
        "collector.otlp.grpc": "127.0.0.1:4317",
        "collector.grpc-server": "127.0.0.1:14250",
        "collector.http-server": "127.0.0.1:14268",
    }
    return Keeper(
        TRACE_STORE,
        KeeperArgs(
            cluster=cluster,
            mesh=mesh,
            app=TRACE_STORE,
            service=TRACE_STORE,
            image=image,
            arguments=[f"--{flag}.host-port={address}" for flag, address in listeners.items()],
            environment=environment,
            port=TRACE_STORE_PORT,
            protocol="http",
            health=("/", _TRACE_HEALTH_PORT),
            senders=[sender(trust_domain)],
            paths=["/v1/traces"],
            gigabytes=5,
            memory=512,
        ),
    )


def sender(trust_domain: str) -> str:
    """Identity of the collectors, which is the same in every cluster."""
    return f"{trust_domain}/ns/{MANAGEMENT_NAMESPACE}/sa/{COLLECTOR}"
