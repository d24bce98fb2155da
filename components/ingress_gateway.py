"""The way into a cluster for people."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.helm import v3 as helm

from components.cluster import Cluster
from components.gateway import gateway
from components.mesh import Mesh


@dataclass(frozen=True, kw_only=True)
class IngressGatewayArgs:
    """Where the gateway stands."""

    cluster: Cluster
    mesh: Mesh
    charts: str
    """Folder of Istio's charts, relative to the project."""


class IngressGateway(pulumi.ComponentResource):
    """HTTP gateway; what it serves is said by those who are served (``Application``)."""

    release: helm.Release

    def __init__(self, name: str, args: IngressGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:IngressGateway", name, None, opts)
        self.release = gateway(
            f"{name}-ingress",
            "istio-ingressgateway",
            args.charts,
            args.cluster.ingress_service,
            {},
            args.mesh,
            self,
        )
        self.register_outputs({})
