"""A cluster's part in the mesh: Istio, the ways into the cluster, and what runs there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.east_west_gateway import EastWestGateway, EastWestGatewayArgs, WayIn
from components.ingress_gateway import IngressGateway, IngressGatewayArgs
from components.installed_mesh import InstalledMesh, InstalledMeshArgs
from components.mesh import Mesh, MeshArgs
from components.providers import providers
from components.trust import Authority
from settings import Settings, networks_behind
from toolchain.artifacts import Artifacts


@dataclass(frozen=True, kw_only=True)
class Site:
    """What of the mesh is in one cluster. ``made`` by this stack, or ``found`` where another stack has made it."""

    mesh: Mesh
    gateway: WayIn
    url: pulumi.Output[str] | None
    """Where people reach what the cluster exposes; None: nothing is served there, or the stack that has
    made the mesh knows."""

    @classmethod
    def made(
        cls,
        cluster: Cluster,
        settings: Settings,
        tools: Artifacts,
        authority: Authority,
        network_gateways: Mapping[str, Sequence[str]],
    ) -> Site:
        """Declares Istio in a cluster, and its two gateways."""
        name = cluster.name
        inside = pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=cluster.deleted_with)
        mesh = Mesh(
            name,
            MeshArgs(
                cluster=cluster,
                authority=authority,
                mesh=settings.mesh,
                istio=settings.istio,
                hub=settings.istio.hub or tools.istio.hub,
                tag=settings.istio.tag or tools.istio.tag,
                istio_proxy=tools.istio.proxy == "istio",
                charts=tools.charts,
                namespaces=settings.namespaces_in(name),
                network_gateways=network_gateways,
                networks_of_one=settings.networks_of_one(),
                providers=providers(name, settings.management),
            ),
            inside,
        )
        networks = networks_behind(settings, name)
        gateway = EastWestGateway(
            name, EastWestGatewayArgs(cluster=cluster, mesh=mesh, charts=tools.charts, networks=networks), inside
        )
        if name not in settings.application_clusters():
            return cls(mesh=mesh, gateway=gateway.way_in, url=None)
        ingress = IngressGateway(name, IngressGatewayArgs(cluster=cluster, mesh=mesh, charts=tools.charts), inside)
        return cls(mesh=mesh, gateway=gateway.way_in, url=ingress.url)

    @classmethod
    def found(cls, cluster: Cluster, settings: Settings) -> Site:
        """Declares nothing of Istio."""
        inside = pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=cluster.deleted_with)
        namespaces = settings.namespaces_in(cluster.name)
        mesh = InstalledMesh(
            cluster.name,
            InstalledMeshArgs(
                cluster=cluster,
                mesh=settings.mesh,
                istio=settings.istio,
                namespaces=namespaces,
                networks_of_one=settings.networks_of_one(),
            ),
            inside,
        )
        address = pulumi.Output.from_input(cluster.gateway_known[0])
        return cls(mesh=mesh, gateway=WayIn(address=address, ready=[]), url=cluster.ingress_url)
