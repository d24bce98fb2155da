"""The way into a cluster for people."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.gateway import balancer, gateway
from components.mesh import Mesh
from settings import INGRESS_ACCOUNT


@dataclass(frozen=True, kw_only=True)
class IngressGatewayArgs:
    """Where the gateway stands."""

    cluster: Cluster
    mesh: Mesh
    charts: str
    """Folder of Istio's charts, relative to the project."""


class IngressGateway(pulumi.ComponentResource):
    """HTTP gateway; what it serves is said by those who are served (``Application``)."""

    url: pulumi.Output[str]
    """Where people reach what the cluster exposes."""

    def __init__(self, name: str, args: IngressGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:IngressGateway", name, None, opts)
        service, url = args.cluster.ingress_service, args.cluster.ingress_url
        release = gateway(
            f"{name}-ingress",
            INGRESS_ACCOUNT,
            args.charts,
            service,
            {},
            args.mesh,
            self,
            wait=url is not None,
        )
        self.url = url or balancer(
            f"{name}-ingress-address", INGRESS_ACCOUNT, args.cluster, service, release, self
        ).apply(lambda address: f"http://{address}")
        self.register_outputs({"url": self.url})
