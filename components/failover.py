"""Who takes the calls of a destination that fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.aggregate_cluster import aggregate_in_place_of
from components.cluster import Cluster
from components.deletion import ROUTES_SECONDS, linger
from components.istio_object import istio_object
from components.mesh import SYSTEM_NAMESPACE, Mesh
from components.workload_group import WorkloadGroup
from settings import Settings, failover_orders, first_subset, service_host, vm_service

TRAFFIC_POLICY: Mapping[str, Any] = {
    "tls": {"mode": "ISTIO_MUTUAL"},
    # Istio waits 10 s for a connection to a cluster that is away, and two hours before it asks whether a peer still is.
    "connectionPool": {"tcp": {"connectTimeout": "1s", "tcpKeepalive": {"time": "5s", "interval": "1s", "probes": 3}}},
    # What a caller's proxy sees fail three times in a row, it leaves out; a service's own 500 is an answer. Probes take
    # out what is known to be down; this is for the seconds until then, and for a cluster that is away.
    "outlierDetection": {
        "consecutive5xxErrors": 0,
        "consecutiveGatewayErrors": 3,
        "interval": "1s",
        "baseEjectionTime": "5s",
        "maxEjectionPercent": 100,
    },
}
"""How each destination of a route with failover is called: so that its failure is noticed within seconds."""

# The conditions are Istio's own, under which no server has begun with a call. More attempts than it takes to leave a
# destination out, so that the last ones reach the next.
RETRIES = {"attempts": 5, "retryOn": "connect-failure,refused-stream,unavailable,cancelled"}


@dataclass(frozen=True, kw_only=True)
class FailoverArgs:
    """The destinations of a service, and who takes over from whom."""

    service: str
    namespace: str
    orders: Mapping[str, Mapping[str, Sequence[str]]]
    """Cluster of the callers -> destination -> who serves the calls that are meant for it, the first that can."""
    ports: Mapping[str, int]
    """Destination -> port of its Service."""
    vms: Mapping[str, WorkloadGroup]
    """VMs that run the service, by name."""
    clusters: Mapping[str, Cluster]
    meshes: Mapping[str, Mesh]
    shared: bool
    """Whether the mesh is another stack's, and so other stacks have filters beside these."""


class Failover(pulumi.ComponentResource):
    """For each destination a subset ``1st-<destination>``, whose calls go on to others when it fails.

    Istio's own failover is among the endpoints of one host, by localities or by a prefix of labels that they share with
    the caller (``failoverPriority``): neither can say "cluster1, then cluster2, then the VM", and the VM, with an
    identity of its own, is a host of its own. Envoy's aggregate cluster is that very order: of the clusters that Istio
    has made of the destinations, each with its own endpoints, identities, way through a gateway and health. Istio has
    no word for it (istio/istio#39445), so an EnvoyFilter puts it in the place of the subset's cluster, which without
    the filter is the destination alone.
    """

    declared: list[pulumi.Resource]
    """What a weight waits for before it names the subsets."""

    def __init__(self, name: str, args: FailoverArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Failover", name, None, opts)
        rules = [
            rule
            for cluster in args.clusters.values()
            for rule in self._subsets(f"{name}-{cluster.name}", cluster, args)
        ]
        filters = [
            self._order(f"{name}-{caller}", args.clusters[caller], orders, args)
            for caller, orders in args.orders.items()
        ]
        # Once no weight names the subsets, proxies are given the time to hear of that before the subsets go: without
        # their clusters, routes that are a moment older would answer 503.
        self.declared = [*rules, *filters, linger(name, ROUTES_SECONDS, self, [*rules, *filters], args.clusters)]
        self.register_outputs({})

    @classmethod
    def of(
        cls,
        service: str,
        settings: Settings,
        vms: Mapping[str, WorkloadGroup],
        clusters: Mapping[str, Cluster],
        meshes: Mapping[str, Mesh],
    ) -> Failover | None:
        """That of a route, if the config has one for it."""
        route = settings.routes[service]
        if not route.failover:
            return None
        return cls(
            f"{service}-failover",
            FailoverArgs(
                service=service,
                namespace=route.namespace,
                orders={caller: failover_orders(settings, service, caller) for caller in settings.callers(service)},
                ports=settings.ports(service),
                vms=vms,
                clusters=clusters,
                meshes=meshes,
                shared=settings.mesh.installed,
            ),
        )

    def _subsets(self, name: str, cluster: Cluster, args: FailoverArgs) -> list[pulumi.Resource]:
        """Rules of their own, which Istio joins with the route's: they outlast the weights that name their subsets."""
        mesh = args.meshes[cluster.name]
        pods = [
            {"name": first_subset(destination), "labels": mesh.pods_of(place)}
            for destination, place in args.clusters.items()
        ]
        rules = [
            self._rule(name, f"{args.service}.failover", args.namespace, args.service, {"subsets": pods}, cluster, args)
        ]
        for vm, group in args.vms.items():
            service = vm_service(args.service, vm)
            spec = {"trafficPolicy": TRAFFIC_POLICY, "subsets": [{"name": first_subset(vm)}]}
            rules.append(self._rule(f"{name}-{vm}", service, group.namespace, service, spec, cluster, args, group))
        return rules

    def _rule(
        self,
        name: str,
        rule: str,
        namespace: str,
        service: str,
        spec: Mapping[str, Any],
        cluster: Cluster,
        args: FailoverArgs,
        *after: pulumi.Resource,
    ) -> pulumi.Resource:
        return istio_object(
            f"{name}-subsets",
            "DestinationRule",
            {"name": rule, "namespace": namespace},
            {"host": service_host(service, namespace), **spec},
            cluster.inside(self, *args.meshes[cluster.name].configures(namespace), *after),
        )

    def _order(
        self, name: str, cluster: Cluster, orders: Mapping[str, Sequence[str]], args: FailoverArgs
    ) -> pulumi.Resource:
        # Routes of several stacks may have the same service, but in a namespace of their own.
        service = f"{args.service}.{args.namespace}" if args.shared else args.service
        return istio_object(
            f"{name}-order",
            "EnvoyFilter",
            # Of Istio's namespace, it is for every caller of the cluster, and for the VMs that have joined it.
            {"name": f"failover-{service}", "namespace": SYSTEM_NAMESPACE},
            {"configPatches": [patch for each, order in orders.items() for patch in _patches(each, order, args)]},
            cluster.inside(self, args.meshes[cluster.name].control_plane),
        )


def _patches(destination: str, order: Sequence[str], args: FailoverArgs) -> list[dict[str, Any]]:
    members = [_envoy_cluster(each, "" if each in args.vms else each, args) for each in order]
    name = _envoy_cluster(destination, first_subset(destination), args)
    return aggregate_in_place_of(name, members, _host(destination, args))


def _envoy_cluster(destination: str, subset: str, args: FailoverArgs) -> str:
    return f"outbound|{args.ports[destination]}|{subset}|{_host(destination, args)}"


def _host(destination: str, args: FailoverArgs) -> str:
    if destination in args.vms:
        return service_host(vm_service(args.service, destination), args.vms[destination].namespace)
    return service_host(args.service, args.namespace)
