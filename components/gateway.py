"""Envoy at the edge of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_command import local
from pulumi_kubernetes.helm import v3 as helm

from components.cluster import Cluster
from components.connections import PATIENT_GATEWAY
from components.mesh import SYSTEM_NAMESPACE, Mesh
from components.scripts import script
from settings import UNNAMED

# Clouds take up to five minutes to make a load balancer.
_BALANCER_SECONDS = 600


def gateway(
    name: str,
    release: str,
    charts: str,
    service: pulumi.Input[Mapping[str, Any]],
    values: Mapping[str, Any],
    mesh: Mesh,
    parent: pulumi.Resource,
    *,
    wait: bool,
) -> helm.Release:
    """Istio's ``gateway`` chart as ``release``; pods carry the label ``istio: <release without istio->``.

    ``wait``: until it serves. Where a load balancer is awaited too, that is :func:`balancer`'s, for Helm would only say
    that its time is over.
    """
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
            "resources": {"requests": {"cpu": "40m", "memory": "64Mi"}},
            "service": service,
            **({"revision": revision} if revision != UNNAMED else {}),
            **({"podAnnotations": rolled_by} if rolled_by else {}),
            **values,
            **PATIENT_GATEWAY,
            "env": {**PATIENT_GATEWAY["env"], **values.get("env", {})},
        },
        timeout=180,
        skip_await=not wait,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[mesh.control_planes[revision]]),
    )


def balancer(
    name: str,
    service_name: str,
    cluster: Cluster,
    service: pulumi.Output[dict[str, Any]],
    release: helm.Release,
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """IP address or hostname of a gateway's load balancer, once that is there and the gateway's pods run.

    Another ``service`` may get another load balancer, so its address is read again. Not by ``Service.get``: that would
    have every preview reach the cluster.
    """
    reader = local.Command(
        name,
        create=script("read-balancer.sh"),
        environment={
            "CONTEXT": cluster.context,
            "NAMESPACE": SYSTEM_NAMESPACE,
            "SERVICE": service_name,
            "SECONDS_AT_MOST": str(_BALANCER_SECONDS),
        },
        stdin=cluster.kubeconfig,
        triggers=[release.id, service],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[release], delete_before_replace=True),
    )
    # Secret only because the kubeconfig on stdin is.
    return pulumi.Output.unsecret(reader.stdout)


def ports(numbers: Mapping[str, int], *, on_nodes: bool) -> Sequence[dict[str, Any]]:
    """Ports of a gateway's Service: name -> number, the same outside, in the pod and, if asked for, on each node."""
    return [
        {
            "name": name,
            "port": number,
            "targetPort": number,
            "protocol": "TCP",
            **({"nodePort": number} if on_nodes else {}),
        }
        for name, number in numbers.items()
    ]
