"""A VM as the mesh knows it: an identity, a group of machines, and a destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.cluster import Cluster
from components.istio_object import istio_object
from components.mesh import Mesh
from components.sidecar_config import readiness_probe
from settings import VM_LABEL, VmServiceSettings, VmSettings, vm_service


@dataclass(frozen=True, kw_only=True)
class WorkloadGroupArgs:
    """Who the machines of a VM are, and who calls them."""

    name: str
    """Name of the VM: of its service account, and of the destination that it is."""
    vm: VmSettings
    clusters: Mapping[str, Cluster]
    """Clusters from which the VM's services are called."""
    meshes: Mapping[str, Mesh]
    ports: Mapping[str, int]
    """Service -> the port at which it is called, which need not be the one that it has on the VM."""


class WorkloadGroup(pulumi.ComponentResource):
    """Service account and workload group in the cluster that a VM joins, and its Services in every cluster.

    The Service is the VM's own, whatever runs in the clusters beside it: the entry of a VM carries the label
    ``topology.istio.io/cluster`` too, so subsets of one host could not tell it from that cluster's pods. All machines
    of the VM are endpoints of it, and share its calls evenly.
    """

    namespace: str
    declared: list[pulumi.Resource]
    """What a machine waits for before it joins, and what goes only when it has left."""

    def __init__(self, name: str, args: WorkloadGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:WorkloadGroup", name, None, opts)
        self.namespace = args.vm.namespace
        services = [
            self._service(f"{name}-{cluster.name}-{service_name}", cluster, service_name, service, args)
            for cluster in args.clusters.values()
            for service_name, service in args.vm.services.items()
        ]
        self.declared = [*services, *self._group(name, args)]
        self.register_outputs({})

    def _service(
        self, name: str, cluster: Cluster, service_name: str, service: VmServiceSettings, args: WorkloadGroupArgs
    ) -> pulumi.Resource:
        return kubernetes.core.v1.Service(
            name,
            metadata={
                "name": vm_service(service_name, args.name),
                "namespace": args.vm.namespace,
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec=ServiceSpecArgs(selector={VM_LABEL: args.name}, ports=[_port(args.ports[service_name], service.port)]),
            opts=self._in(cluster, args),
        )

    def _group(self, name: str, args: WorkloadGroupArgs) -> Sequence[pulumi.Resource]:
        metadata = ObjectMetaArgs(name=args.name, namespace=args.vm.namespace)
        home = args.clusters[args.vm.cluster]
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=metadata,
            automount_service_account_token=False,
            opts=self._in(home, args),
        )
        group = istio_object(
            f"{name}-group",
            "WorkloadGroup",
            metadata,
            {
                # Labels belong here, not on the entries alone, or telemetry lacks them (istio/istio#33299).
                "metadata": {"labels": args.vm.all_labels(args.name)},
                "template": {
                    "serviceAccount": args.name,
                    "network": args.vm.network,
                    "ports": {service_name: service.port for service_name, service in args.vm.services.items()},
                },
                "probe": readiness_probe(args.vm.probe),
            },
            self._in(home, args, *args.meshes[home.name].control_planes.values()),
        )
        return account, group

    def _in(self, cluster: Cluster, args: WorkloadGroupArgs, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return cluster.inside(self, args.meshes[cluster.name].namespaces[args.vm.namespace], *after)


def _port(called: int, served: int) -> ServicePortArgs:
    return ServicePortArgs(name="http", port=called, target_port=served if served != called else None)
