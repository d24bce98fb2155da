"""A route as its callers' proxies have it: which of Envoy's clusters is which destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from settings import RuleSettings, Settings, first_subset, service_host, vm_service
from toolchain.problem import Problem
from vmmesh.stackfile import Misuse, nearest

ELSEWHERE = "elsewhere"
"""Calls of a route's service that went to none of its destinations; a route that works has none."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """A service, the stage that it is in, its destinations, and its callers."""

    service: str
    stage: str
    host: str
    port: int
    percents: Mapping[str, int]
    """Destination -> percent of the calls, zeros included."""
    hosts: Mapping[str, tuple[str, str]]
    """Destination -> host and subset, as Envoy's clusters have them."""
    clusters: Sequence[str]
    """Clusters of the callers."""
    namespaces: Sequence[str]
    """Namespaces of the callers."""
    probe_path: str | None
    rule: RuleSettings
    """How the calls are treated, beside the weights."""

    @property
    def held(self) -> bool:
        """Whether some calls go to a destination with a weight for another reason than the weight.

        Then the calls that pass are not divided by the weights, which new sessions, and calls without a condition, are.
        """
        matches = [match for match in self.rule.match if match.of_requests]
        return bool(self.rule.affinity) or any(self.percents.get(match.destination) for match in matches)

    def destination(self, envoy_cluster: str) -> str | None:
        """The destination that a cluster ``outbound|<port>|<subset>|<host>`` is; None: of none."""
        *_, subset, host = ("", *envoy_cluster.split("|"))
        for destination, place in self.hosts.items():
            if place == (host, subset) or (place[0], first_subset(destination)) == (host, subset):
                return destination
        return ELSEWHERE if host == self.host else None


def route_of(settings: Settings, service: str) -> Route:
    """The route of ``service``. Raises Misuse if there is none."""
    if service not in settings.routes:
        raise Misuse(f"there is no route {service}{nearest(service, list(settings.routes))}")
    route = settings.routes[service]
    host = service_host(service, route.namespace)
    machines = settings.vms_of(service)
    return Route(
        service=service,
        stage=settings.stages[service],
        host=host,
        port=settings.application[service].port,
        percents=dict.fromkeys((*machines, *settings.application_clusters()), 0) | settings.weights(service),
        hosts={name: (service_host(vm_service(service, name), vm.namespace), "") for name, vm in machines.items()}
        | {name: (host, name) for name in settings.application_clusters()},
        clusters=settings.callers(service),
        namespaces=route.callers.namespaces or settings.namespaces(),
        probe_path=route.probe_path,
        rule=settings.rule(service),
    )


def applied_route(settings: Settings, route: Route, stage: str | None) -> Route | None:
    """The route in the ``stage`` that the last update has put in place; None: the config does not know that one."""
    declared = settings.routes[route.service]
    weights = declared.stages.get(stage or "")
    if stage is None or weights is None:
        return None
    percents = dict.fromkeys(route.percents, 0) | dict(weights)
    return replace(route, stage=stage, percents=percents, rule=declared.rule_in(stage))


def check_applied(routes: Sequence[Route], applied: Mapping[str, str]) -> None:
    """Raises Problem if a stage is in the config only; ``applied`` are those that the last update has put in place."""
    for route in routes:
        there = applied.get(route.service, "nothing")  # the route is new in the config
        if there != route.stage:
            raise Problem(
                f"the config says that {route.service} is in stage {route.stage}, "
                f"but the last update has put {there} in place",
                "run `make up` first, or take the edit back",
            )
