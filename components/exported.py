"""What clusters that hold no credentials of each other know of a service elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster import Cluster
from components.deletion import linger
from components.istio_object import istio_object
from components.mesh import Mesh
from settings import EXPORTED_LABEL

# As long as istiod waits at most for a cluster whose credentials it has got (``istiod_values``).
_LINGER_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Pods of a deployment, or machines of a VM, that other clusters call."""

    name: str
    labels: Mapping[str, str]
    """By which the service's Kubernetes Service selects them."""
    weight: int
    """How many there are: their share of the calls that choose no cluster."""


@dataclass(frozen=True, kw_only=True)
class ExportedArgs:
    """Where a service runs, and who is told."""

    namespace: str
    account: str
    """Service account of the workloads: whom callers expect behind the gateway."""
    workloads: Mapping[str, Sequence[Workload]]
    """Cluster -> what it exports; a VM is exported by the cluster that it has joined."""
    clusters: Mapping[str, Cluster]
    """Clusters of which each is told of the others."""
    meshes: Mapping[str, Mesh]
    service: Mapping[str, int]
    """Kubernetes Service -> port, for clusters where nobody else declares it."""
    selector: Mapping[str, str]
    """Labels that this Service selects."""
    after: Sequence[pulumi.Resource]
    """What must be there before anybody is told."""


class Exported(pulumi.ComponentResource):
    """In each cluster an entry for every workload of the others, by way of their gateways.

    An entry has no address but a network, that of the cluster which exports it: istiod puts the network's gateway in
    its place (``EndpointsByNetworkFilter`` in pilot/pkg/xds/endpoints/ep_filters.go), and the gateway knows the
    endpoints and which of them are ready. The gateway itself sees no entry of another network, so that no call goes
    round. It is a WorkloadEntry and no ServiceEntry with endpoints: the Kubernetes Service that is called selects it
    beside its pods, as it does VMs, and so host, subsets and identity are those of the other mode.
    """

    declared: list[pulumi.Resource]
    """What a weight waits for before it names a destination elsewhere."""

    def __init__(self, name: str, args: ExportedArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Exported", name, None, opts)
        services = [
            self._service(f"{name}-{cluster.name}-{service}", service, port, cluster, args)
            for cluster in args.clusters.values()
            for service, port in args.service.items()
            if cluster.name not in args.workloads
        ]
        entries = [
            self._entry(f"{name}-{cluster.name}-knows-{home}-{workload.name}", workload, cluster, home, args)
            for cluster in args.clusters.values()
            for home, workloads in args.workloads.items()
            for workload in workloads
            if cluster.name != home
        ]
        # When clusters are given credentials in place of entries, they have the time to read what these stood for.
        self.declared = [*services, *entries, linger(name, _LINGER_SECONDS, self, entries, args.clusters)]
        self.register_outputs({})

    def _service(self, name: str, service: str, port: int, cluster: Cluster, args: ExportedArgs) -> pulumi.Resource:
        """The Service in a cluster that runs none of it, so that the name is known there and selects the entries."""
        return kubernetes.core.v1.Service(
            name,
            metadata={
                "name": service,
                "namespace": args.namespace,
                "labels": dict(args.selector),
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={"selector": dict(args.selector), "ports": [{"name": "http", "port": port}]},
            opts=cluster.inside(self, args.meshes[cluster.name].namespaces[args.namespace]),
        )

    def _entry(self, name: str, workload: Workload, cluster: Cluster, home: str, args: ExportedArgs) -> pulumi.Resource:
        return istio_object(
            name,
            "WorkloadEntry",
            # The workload's labels are the entry's alone: as the object's they would make it one of a VM's own entries,
            # for all that looks for these.
            {"name": f"{workload.name}.{home}", "namespace": args.namespace, "labels": {EXPORTED_LABEL: home}},
            {
                "network": args.clusters[home].network,
                "labels": dict(workload.labels),
                "serviceAccount": args.account,
                "weight": workload.weight,
            },
            cluster.inside(self, *args.meshes[cluster.name].configures(args.namespace), *args.after),
        )
