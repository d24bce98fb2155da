"""Envoy at the edge of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_kubernetes.helm import v3 as helm

from components.mesh import SYSTEM_NAMESPACE, Mesh
from settings import UNNAMED


def gateway(
    name: str,
    release: str,
    charts: str,
    service: pulumi.Input[Mapping[str, Any]],
    values: Mapping[str, Any],
    mesh: Mesh,
    parent: pulumi.Resource,
) -> helm.Release:
    """Istio's ``gateway`` chart as ``release``; pods carry the label ``istio: <release without istio->``."""
    revision = mesh.revisions.of_gateways
    rolled_by = mesh.revisions.rolled_by(revision)
    return helm.Release(
        name,
        name=release,
        namespace=SYSTEM_NAMESPACE,
        chart=f"{charts}/gateway",
        values={
            "autoscaling": {"enabled": False},
            "imagePullPolicy": "IfNotPresent",
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
            "service": service,
            **({"revision": revision} if revision != UNNAMED else {}),
            **({"podAnnotations": rolled_by} if rolled_by else {}),
            **values,
        },
        timeout=180,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[mesh.control_planes[revision]]),
    )


def ports(numbers: Mapping[str, int]) -> Sequence[dict[str, Any]]:
    """Ports of a gateway's Service: name -> number, the same outside and in the pod."""
    return [{"name": name, "port": number, "targetPort": number, "protocol": "TCP"} for name, number in numbers.items()]
