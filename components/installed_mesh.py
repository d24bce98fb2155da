"""Istio in a cluster, where another stack has installed it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.mesh import Mesh
from components.revisions import Revisions
from settings import IstioSettings, MeshSettings


@dataclass(frozen=True, kw_only=True)
class InstalledMeshArgs:
    """What is known of a mesh that is there."""

    cluster: Cluster
    mesh: MeshSettings
    istio: IstioSettings
    """Which control planes there are; of what is installed nothing is asked."""
    namespaces: Sequence[str]
    """Namespaces of this stack's workloads, which it makes."""
    networks_of_one: Collection[str]
    """Networks that hold one cluster and no other, of this stack or not."""


class InstalledMesh(Mesh):
    """A cluster's part in a mesh that is another stack's: this one adds namespaces, and what runs in them.

    So one mesh may have many stacks: one makes it, and each team's adds VMs, services and routes.
    """

    def __init__(self, name: str, args: InstalledMeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        pulumi.ComponentResource.__init__(self, "vm-mesh:index:InstalledMesh", name, None, opts)
        self.revisions = Revisions(istio=args.istio, mesh=args.mesh)
        self.networks_of_one = args.networks_of_one
        # Nothing of Istio has to be waited for: the way into the cluster stands for all of it.
        self.system_namespace = args.cluster.provider
        self.control_planes = dict.fromkeys(args.istio.revisions, args.cluster.provider)
        self.namespaces = {namespace: self._namespace(name, namespace) for namespace in args.namespaces}
        self.register_outputs({})
