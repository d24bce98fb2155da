"""Envoy at the edge of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_kubernetes.helm import v3 as helm

from components.mesh import SYSTEM_NAMESPACE


def gateway(
    name: str,
    release: str,
    charts: str,
    service: pulumi.Input[Mapping[str, Any]],
    values: Mapping[str, Any],
    opts: pulumi.ResourceOptions,
) -> helm.Release:
    """Istio's ``gateway`` chart as ``release``; pods carry the label ``istio: <release without istio->``."""
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
            **values,
        },
        timeout=180,
        opts=opts,
    )


def ports(numbers: Mapping[str, int]) -> Sequence[dict[str, Any]]:
    """Ports of a gateway's Service: name -> number, the same outside and in the pod."""
    return [{"name": name, "port": number, "targetPort": number, "protocol": "TCP"} for name, number in numbers.items()]
