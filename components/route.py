"""How the calls to a service are spread over its destinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.connections import renewed
from components.deletion import ROUTES_SECONDS, linger
from components.exports import Exports
from components.failover import RETRIES, TRAFFIC_POLICY, Failover
from components.http_routes import http_routes
from components.istio_object import istio_object
from components.member import Member
from components.mesh import Mesh
from components.workload_group import WorkloadGroup
from settings import RouteSettings, RuleSettings, Settings, first_subset, service_host, vm_service


@dataclass(frozen=True, kw_only=True)
class RouteArgs:
    """A service, its destinations, the weights and rules of the stage that it is in, and whom they are for."""

    service: str
    route: RouteSettings
    callers: Sequence[str]
    """Clusters whose callers follow it."""
    clusters: Mapping[str, Cluster]
    """All clusters that take part in the application."""
    meshes: Mapping[str, Mesh]
    vms: Mapping[str, WorkloadGroup]
    """VMs that run the service, by name."""
    joined: Sequence[pulumi.Resource]
    """What a weight waits for: the VMs' machines that have joined."""
    weights: Mapping[str, int]
    """Destination -> percent of the stage."""
    rule: RuleSettings
    """How calls are treated in the stage, beside the weights."""
    failover: Failover | None
    """Who takes over from a destination that fails."""
    exports: Exports
    """What is written down of the destinations for clusters that do not read each other's."""

    @classmethod
    def of(
        cls,
        service: str,
        settings: Settings,
        vms: Mapping[str, Member],
        clusters: Mapping[str, Cluster],
        meshes: Mapping[str, Mesh],
        exports: Exports,
    ) -> RouteArgs:
        """Those of the route of ``service`` in a config. Declares its failover, if it has one."""
        serving = {name: vms[name] for name in settings.vms_of(service)}
        groups = {name: vm.group for name, vm in serving.items()}
        return cls(
            service=service,
            route=settings.routes[service],
            callers=settings.callers(service),
            weights=settings.weights(service),
            rule=settings.rule(service),
            vms=groups,
            joined=[step for vm in serving.values() for step in vm.joined],
            clusters=clusters,
            meshes=meshes,
            failover=Failover.of(service, settings, groups, clusters, meshes),
            exports=exports,
        )


class Route(pulumi.ComponentResource):
    """The destination rule and the virtual service of one service, the same in every cluster.

    Only weights and rules depend on the stage, and both are in the virtual service: every destination that a stage can
    name is there before a weight or a rule names it, so a stage's diff is one VirtualService for each cluster that
    calls. A cluster's pods are the subset that Istio's own labels tell apart (``Mesh.pods_of``); the destination rule
    is in every cluster, called from or not, because each east-west gateway builds its passthrough routes from its own
    (pilot/pkg/networking/core/gateway.go).
    """

    def __init__(self, name: str, args: RouteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Route", name, None, opts)
        host = service_host(args.service, args.route.namespace)
        rules = [
            self._destination_rule(f"{name}-{cluster.name}", host, cluster, args) for cluster in args.clusters.values()
        ]
        failover = args.failover.declared if args.failover else []
        # Not before the subsets know them apart.
        exported = args.exports.of(args.service, after=[*rules, *failover])
        destinations = [*rules, *args.vms.values(), *args.joined]
        # Proxies that have not heard yet that the route is gone would answer 503 without any of these.
        pause = linger(name, ROUTES_SECONDS, self, destinations, args.clusters)
        for cluster in args.clusters.values():
            if cluster.name in args.callers:
                after = [*destinations, pause, *exported, *failover]
                self._virtual_service(f"{name}-{cluster.name}", host, cluster, args, after)
        self.register_outputs({})

    def _destination_rule(self, name: str, host: str, cluster: Cluster, args: RouteArgs) -> pulumi.Resource:
        # Auto mTLS does not reach subsets that only the other cluster has endpoints of.
        policy = TRAFFIC_POLICY if args.failover else {"tls": {"mode": "ISTIO_MUTUAL"}}
        return istio_object(
            f"{name}-destinations",
            "DestinationRule",
            {"name": args.service, "namespace": args.route.namespace},
            {
                "host": host,
                "trafficPolicy": policy,
                "subsets": [
                    {
                        "name": destination,
                        "labels": args.meshes[cluster.name].pods_of(place),
                        "trafficPolicy": renewed(policy),
                    }
                    for destination, place in args.clusters.items()
                ],
            },
            self._in(cluster, args),
        )

    def _virtual_service(
        self, name: str, host: str, cluster: Cluster, args: RouteArgs, after: Sequence[pulumi.Resource]
    ) -> None:
        istio_object(
            f"{name}-weights",
            "VirtualService",
            {"name": args.service, "namespace": args.route.namespace},
            {
                "hosts": [host],
                "exportTo": list(args.route.callers.namespaces or ["*"]),
                "http": http_routes(
                    _destinations(host, args, failing_over=args.failover is not None),
                    args.weights,
                    args.rule,
                    # A copy goes nowhere else: another destination would have the call twice.
                    copied_to=_destinations(host, args),
                    retries=RETRIES if args.failover else None,
                ),
            },
            self._in(cluster, args, *after),
        )

    def _in(self, cluster: Cluster, args: RouteArgs, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return cluster.inside(self, *args.meshes[cluster.name].configures(args.route.namespace), *after)


def _destinations(host: str, args: RouteArgs, *, failing_over: bool = False) -> dict[str, dict[str, str]]:
    """Host and subset of every destination that a stage can name."""
    vms = {
        name: {"host": service_host(vm_service(args.service, name), group.namespace)}
        for name, group in args.vms.items()
    }
    alone = {**vms, **{name: {"host": host, "subset": name} for name in args.clusters}}
    return {name: {**place, "subset": first_subset(name)} if failing_over else place for name, place in alone.items()}
