"""What the other clusters call in the management cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster import Cluster
from components.mesh import Mesh
from components.on_node import loaded
from settings import MANAGEMENT_NAMESPACE
from toolchain.artifacts import ManagementImage


@dataclass(frozen=True, kw_only=True)
class ManagementArgs:
    """Which services there are, and where."""

    services: Mapping[str, int]
    """Service -> port. Its pods have the label ``app`` and the account of its name."""
    images: Mapping[str, ManagementImage]
    """Images that every cluster needs, of what tells and of what is told."""
    home: Cluster
    """The management cluster."""
    clusters: Mapping[str, Cluster]
    """Those that call it, itself among them."""
    meshes: Mapping[str, Mesh]


class Management(pulumi.ComponentResource):
    """The services of the management cluster, by the same name in every cluster that calls them.

    All that the clusters have to tell goes there through the mesh: by the sender's sidecar and the management cluster's
    east-west gateway, with the sender's identity. So no cluster holds credentials of another for it.
    """

    declared: dict[str, list[pulumi.Resource]]
    """Service -> what its pods, and those who call it, wait for."""
    loaded: dict[str, list[pulumi.Resource]]
    """Cluster -> what pods of these images wait for there."""

    def __init__(self, name: str, args: ManagementArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Management", name, None, opts)
        self.declared = {service: self._declare(name, service, port, args) for service, port in args.services.items()}
        self.loaded = {
            cluster.name: [
                step
                for image_name, image in args.images.items()
                for step in loaded(f"{name}-{cluster.name}-{image_name}", image, cluster, self)
            ]
            for cluster in args.clusters.values()
        }
        self.register_outputs({})

    def _declare(self, name: str, service: str, port: int, args: ManagementArgs) -> list[pulumi.Resource]:
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-{service}-account",
            metadata={"name": service, "namespace": MANAGEMENT_NAMESPACE},
            automount_service_account_token=False,
            opts=self._in(args.home, args),
        )
        services = [
            kubernetes.core.v1.Service(
                f"{name}-{cluster.name}-{service}",
                metadata={
                    "name": service,
                    "namespace": MANAGEMENT_NAMESPACE,
                    "labels": {"app": service},
                    "annotations": {"pulumi.com/skipAwait": "true"},
                },
                spec={"selector": {"app": service}, "ports": [{"name": "http", "port": port}]},
                opts=self._in(cluster, args),
            )
            for cluster in args.clusters.values()
        ]
        return [account, *services]

    def _in(self, cluster: Cluster, args: ManagementArgs) -> pulumi.ResourceOptions:
        return cluster.inside(self, args.meshes[cluster.name].namespaces[MANAGEMENT_NAMESPACE])
