"""What the agents of pods fetch modules from that are in no registry and on no web server."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster import Cluster
from components.mesh import Mesh
from components.module_files import ModuleFile
from settings import SYSTEM_NAMESPACE, service_host

_SERVER = "vm-mesh-modules"
_PORT = 8080
_LABELS = {"app": _SERVER}
_FOLDER = "/modules"
_HTTP = "type.googleapis.com/envoy.extensions.filters"


def served_at(module: ModuleFile) -> str:
    """URL of a module for the agents of a cluster's pods. An agent's own calls do not pass its proxy, nor mTLS."""
    return f"http://{service_host(_SERVER, SYSTEM_NAMESPACE)}:{_PORT}/{module.sha256}.wasm"


def module_server(
    name: str, cluster: Cluster, mesh: Mesh, modules: Mapping[str, ModuleFile], image: str, parent: pulumi.Resource
) -> pulumi.Resource:
    """Declares it in a cluster: the proxy's own image, which every node has, and a ConfigMap for each module.

    ``file://`` would spare it, but means a file in the container of each sidecar: a volume, and so new pods for each
    edit of an extension, and neither sum nor form of the module would be checked before Envoy has it.
    """
    options = cluster.inside(parent, mesh.system_namespace)
    volumes = [
        kubernetes.core.v1.ConfigMap(
            f"{name}-{extension}",
            # By its content, so that what is served is never a mixture of two modules.
            metadata={"name": f"{_SERVER}-{module.sha256[:12]}-{extension}", "namespace": SYSTEM_NAMESPACE},
            binary_data={f"{module.sha256}.wasm.gz": base64.b64encode(module.packed).decode()},
            opts=options,
        )
        for extension, module in modules.items()
    ]
    service = kubernetes.core.v1.Service(
        f"{name}-service",
        metadata={
            "name": _SERVER,
            "namespace": SYSTEM_NAMESPACE,
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        spec={"selector": _LABELS, "ports": [{"name": "http", "port": _PORT}]},
        opts=options,
    )
    return kubernetes.apps.v1.Deployment(
        f"{name}-deployment",
        metadata={"name": _SERVER, "namespace": SYSTEM_NAMESPACE, "labels": _LABELS},
        spec={
            "selector": {"match_labels": _LABELS},
            "template": {
                "metadata": {"labels": {**_LABELS, "sidecar.istio.io/inject": "false"}},
                "spec": {
                    "automount_service_account_token": False,
                    "security_context": {"run_as_non_root": True, "run_as_user": 1337, "run_as_group": 1337},
                    "containers": [
                        {
                            "name": "server",
                            "image": image,
                            "image_pull_policy": "IfNotPresent",
                            "command": ["/usr/local/bin/envoy", "--disable-hot-restart", "--concurrency", "1"],
                            "args": ["--config-yaml", json.dumps(_envoy(modules))],
                            "ports": [{"container_port": _PORT}],
                            "resources": {"requests": {"cpu": "5m", "memory": "32Mi"}},
                            "readiness_probe": {"tcp_socket": {"port": _PORT}, "period_seconds": 1},
                            "volume_mounts": [{"name": "modules", "mount_path": _FOLDER, "read_only": True}],
                        }
                    ],
                    "volumes": [
                        {
                            "name": "modules",
                            "projected": {"sources": [{"config_map": {"name": it.metadata.name}} for it in volumes]},
                        }
                    ],
                },
            },
        },
        opts=cluster.inside(parent, service, *volumes, *cluster.ready),
    )


def _envoy(modules: Mapping[str, ModuleFile]) -> dict[str, Any]:
    """An Envoy that answers with files. It reads them at its start, and other modules make another pod."""
    routes = [
        {
            "match": {"path": f"/{sha256}.wasm"},
            "direct_response": {"status": 200, "body": {"filename": f"{_FOLDER}/{sha256}.wasm.gz"}},
        }
        for sha256 in sorted({module.sha256 for module in modules.values()})
    ]
    manager = {
        "@type": f"{_HTTP}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "modules",
        "route_config": {
            "max_direct_response_body_size_bytes": max(len(module.packed) for module in modules.values()),
            "virtual_hosts": [{"name": "modules", "domains": ["*"], "routes": routes}],
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{_HTTP}.http.router.v3.Router"}}],
    }
    listener = {
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": _PORT}},  # noqa: S104  # a pod's own
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    return {"static_resources": {"listeners": [listener]}}
