"""The way into a cluster for the other networks: its services for all, its istiod for VMs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.cluster import Cluster
from components.gateway import balancer, gateway, ports
from components.istio_object import istio_object
from components.istiod_values import ISTIOD_PORT, SERVICES_PORT
from components.mesh import SYSTEM_NAMESPACE, Mesh

_SERVICE = "istio-eastwestgateway"


@dataclass(frozen=True, kw_only=True)
class EastWestGatewayArgs:
    """Where the gateway stands."""

    cluster: Cluster
    mesh: Mesh
    charts: str
    """Folder of Istio's charts, relative to the project."""
    networks: Sequence[str]
    """Networks whose endpoints are called through it: the cluster's own, and others that have no gateway."""


@dataclass(frozen=True, kw_only=True)
class WayIn:
    """How a cluster's gateway is reached from elsewhere."""

    address: pulumi.Output[str]
    """IP address or DNS name under which other networks, VMs among them, reach it."""
    ready: Sequence[pulumi.Resource]
    """What a VM waits for before it can reach istiod by it."""


class EastWestGateway(pulumi.ComponentResource):
    """Gateway of a cluster's network: services by mTLS passthrough on 15443, istiod on 15012, nothing else.

    Istio's sample exposes the webhook's port 15017 of istiod too; VMs do not need it, and it has had a bug that was
    reachable before authentication (CVE-2022-24726). The chart's ``networkGateway`` adds that port, so label, network
    view and ports are given one by one.
    """

    way_in: WayIn

    def __init__(self, name: str, args: EastWestGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:EastWestGateway", name, None, opts)
        network = args.cluster.network
        numbers = {"status-port": 15021, "tls": SERVICES_PORT, "tls-istiod": ISTIOD_PORT}
        service = args.cluster.gateway_service.apply(
            lambda service: {**service, "ports": ports(numbers, on_nodes=args.cluster.gateway_name is not None)}
        )
        address = args.cluster.gateway_address
        release = gateway(
            f"{name}-eastwest",
            _SERVICE,
            args.charts,
            service,
            {
                "labels": {"topology.istio.io/network": network},
                "env": {"ISTIO_META_REQUESTED_NETWORK_VIEW": ",".join(args.networks)},
            },
            args.mesh,
            self,
            wait=address is not None,
        )
        address = address or balancer(f"{name}-eastwest-address", _SERVICE, args.cluster, service, release, self)
        options = pulumi.ResourceOptions(parent=self, depends_on=[args.mesh.control_plane])
        self._expose_services(name, options)
        self.way_in = WayIn(address=address, ready=[release, *self._expose_istiod(name, args.mesh, options)])
        self.register_outputs({"address": address})

    def _expose_services(self, name: str, options: pulumi.ResourceOptions) -> None:
        _gateway(
            f"{name}-services-gateway",
            "cross-network-gateway",
            {"number": SERVICES_PORT, "name": "tls", "protocol": "TLS"},
            "AUTO_PASSTHROUGH",
            ["*.local"],
            options,
        )

    def _expose_istiod(self, name: str, mesh: Mesh, options: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        port = {"number": ISTIOD_PORT, "name": "tls-istiod", "protocol": "TLS"}
        # The names by which agents call istiod; nothing else is let through.
        routes = {(host, f"{host}.cluster.local"): to for host, to in mesh.revisions.istiod_routes().items()}
        hosts = [name for names in routes for name in names]
        return [
            _gateway(f"{name}-istiod-gateway", "istiod-gateway", port, "PASSTHROUGH", hosts, options),
            istio_object(
                f"{name}-istiod-route",
                "VirtualService",
                {"name": "istiod-gateway", "namespace": SYSTEM_NAMESPACE},
                {
                    "hosts": hosts,
                    "gateways": ["istiod-gateway"],
                    "tls": [
                        {
                            "match": [{"port": ISTIOD_PORT, "sniHosts": list(names)}],
                            "route": [
                                {"destination": {"host": f"{to}.cluster.local", "port": {"number": ISTIOD_PORT}}}
                            ],
                        }
                        for names, to in routes.items()
                    ],
                },
                options,
            ),
        ]


def _gateway(
    name: str,
    gateway_name: str,
    port: dict[str, Any],
    mode: str,
    hosts: list[str],
    options: pulumi.ResourceOptions,
) -> pulumi.Resource:
    return istio_object(
        name,
        "Gateway",
        {"name": gateway_name, "namespace": SYSTEM_NAMESPACE},
        {
            "selector": {"istio": "eastwestgateway"},
            "servers": [{"port": port, "tls": {"mode": mode}, "hosts": hosts}],
        },
        options,
    )
