"""The container of a keeper: nobody, with no rights and few means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ContainerArgsDict, HTTPGetActionArgsDict

FOLDER = "/data"
"""Where the pod has its volume."""


def keeper_container(
    name: str,
    image: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    port: int,
    health: tuple[str, int],
    memory: int,
) -> ContainerArgsDict:
    """The container of the image, which is ready when ``health`` answers and has so many megabytes."""
    path, at = health
    get: HTTPGetActionArgsDict = {"path": path, "port": at}
    return {
        "name": name,
        "image": image,
        "image_pull_policy": "IfNotPresent",
        "args": list(arguments),
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "ports": [{"container_port": port}],
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"memory": f"{memory}Mi"},
        },
        "readiness_probe": {"http_get": get, "period_seconds": 2, "timeout_seconds": 3},
        # It may have a lot to read at its start.
        "startup_probe": {"http_get": get, "period_seconds": 2, "timeout_seconds": 3, "failure_threshold": 150},
        "liveness_probe": {"http_get": get, "period_seconds": 10, "timeout_seconds": 3, "failure_threshold": 6},
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volume_mounts": [{"name": "data", "mount_path": FOLDER}],
    }
