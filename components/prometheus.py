"""Prometheus as a container, whichever of its two parts it plays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import PodSpecArgs, PodTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from settings import MANAGEMENT_NAMESPACE, METRICS_PORT

NOBODY = 65534
"""User, and group, of what needs no rights at all."""
DATA = "/prometheus"
WAL_HOURS = 4
"""For how long an agent keeps what it cannot push, and so how old a reading may be that comes late."""

_CONFIG = "/etc/prometheus"


def config_map(
    name: str, metadata: ObjectMetaArgs, config: pulumi.Input[Mapping[str, Any]], options: pulumi.ResourceOptions
) -> kubernetes.core.v1.ConfigMap:
    """Prometheus' configuration, as JSON, which is YAML."""
    text = pulumi.Output.from_input(config).apply(lambda config: json.dumps(config, indent=1, sort_keys=True))
    return kubernetes.core.v1.ConfigMap(name, metadata=metadata, data={"prometheus.yml": text}, opts=options)


def metadata_of(labels: Mapping[str, str]) -> ObjectMetaArgs:
    """Metadata of what is named after the label ``app``."""
    return ObjectMetaArgs(name=labels["app"], namespace=MANAGEMENT_NAMESPACE, labels=dict(labels))


def deployment(
    name: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, pulumi.Input[str]],
    spec: Mapping[str, Any],
    options: pulumi.ResourceOptions,
) -> kubernetes.apps.v1.Deployment:
    """One pod at a time, of ``spec``: two would want the same data, or count everything twice."""
    return kubernetes.apps.v1.Deployment(
        name,
        metadata=metadata_of(labels),
        spec=DeploymentSpecArgs(
            selector=LabelSelectorArgs(match_labels={"app": labels["app"]}),
            strategy=DeploymentStrategyArgs(type="Recreate"),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=dict(labels), annotations=dict(annotations)), spec=PodSpecArgs(**spec)
            ),
        ),
        opts=options,
    )


def pod_spec(
    image: str,
    arguments: Sequence[str],
    config: kubernetes.core.v1.ConfigMap,
    data: Mapping[str, Any],
    *,
    memory: str,
    mounts: Sequence[Mapping[str, Any]] = (),
    volumes: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A pod that runs Prometheus with rights to nothing but its data.

    ``data`` is the volume that these are on. Another configuration is taken up as it is: the kubelet brings the file,
    and no pod is made anew for a machine that comes or goes.
    """
    return {
        "security_context": {"fs_group": NOBODY},
        "containers": [
            {
                "name": "prometheus",
                "image": image,
                "image_pull_policy": "IfNotPresent",
                "args": [
                    f"--config.file={_CONFIG}/prometheus.yml",
                    "--config.auto-reload",
                    "--config.auto-reload-interval=5s",
                    "--log.level=warn",
                    *arguments,
                ],
                "ports": [{"name": "http", "container_port": METRICS_PORT}],
                "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": memory}},
                # It reads back what it has not yet packed before it is ready; until then it is alive.
                "readiness_probe": {"http_get": {"path": "/-/ready", "port": METRICS_PORT}, "period_seconds": 2},
                "liveness_probe": {
                    "http_get": {"path": "/-/healthy", "port": METRICS_PORT},
                    "period_seconds": 10,
                    "timeout_seconds": 5,
                    "failure_threshold": 6,
                },
                "security_context": {
                    "run_as_non_root": True,
                    "run_as_user": NOBODY,
                    "run_as_group": NOBODY,
                    "read_only_root_filesystem": True,
                    "allow_privilege_escalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volume_mounts": [
                    {"name": "config", "mount_path": _CONFIG, "read_only": True},
                    {"name": "data", "mount_path": DATA},
                    *mounts,
                ],
            }
        ],
        "volumes": [
            {"name": "config", "config_map": {"name": config.metadata.name}},
            {"name": "data", **data},
            *volumes,
        ],
    }
