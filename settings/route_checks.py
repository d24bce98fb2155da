"""What routes must be to their stages, and to what else a config has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from settings.application import ServiceSettings
from settings.entries import object_in, objects_in, one_of, repeated, texts_in, unknown, value_of
from settings.management_checks import WITHOUT, apart
from settings.mistakes import KeyPath, Mistake, did_you_mean, shown
from settings.routes import RouteSettings
from settings.rule_checks import RuleChecks


class RouteChecks:
    """The routes and the stages that they are in, as they are given. As :class:`settings.checks.CrossChecks`."""

    def __init__(
        self,
        routes: Mapping[str, Any],
        stages: Mapping[str, Any],
        application: Mapping[str, Any],
        vms: Mapping[str, Any],
        clusters: Mapping[str, Any],
        namespaces: Collection[str],
    ) -> None:
        self.routes, self.stages, self.application = routes, stages, application
        self.vms, self.clusters, self.namespaces = vms, clusters, namespaces

    def mistakes(self) -> Iterator[Mistake]:
        """Every mistake, in no order."""
        yield from self._in_routes()
        yield from self._in_stages()

    def _in_routes(self) -> Iterator[Mistake]:
        services = objects_in(self.application)
        for name, route in objects_in(self.routes).items():
            path = ("routes", name)
            yield from unknown(path, name, "service in the application", self.application)
            here = value_of(route, "namespace", RouteSettings)
            home = value_of(services.get(name, {}), "namespace", ServiceSettings)
            if name in services and isinstance(here, str) and here != home:
                yield (*path, "namespace"), f"is {shown(here)}, but the service is in {shown(home)}"
            callers = object_in(route.get("callers"))
            for where, cluster in texts_in((*path, "callers", "clusters"), callers.get("clusters")):
                yield from unknown(where, cluster, "cluster", self.clusters)
            whose = texts_in((*path, "callers", "namespaces"), callers.get("namespaces"))
            yield from repeated(whose, "is the same namespace as")
            order = list(texts_in((*path, "failover"), route.get("failover")))
            for where, destination in order:
                if wrong := self._wrong_with(destination, name):
                    yield where, wrong
            yield from repeated(order, "is the same destination as")
            for stage, weights in objects_in(route.get("stages")).items():
                yield from self._in_stage(name, stage, weights)
            yield from _in_gates(path, route)
            yield from RuleChecks(name, route, self.namespaces, self._wrong_with).mistakes()

    def _in_stage(self, service: str, stage: str, weights: Mapping[str, Any]) -> Iterator[Mistake]:
        for destination, weight in weights.items():
            wrong = self._wrong_with(destination, service)
            if wrong and weight != 0 and self.stages.get(service) == stage:
                wrong += f"; {shown(service)} is in this stage, so move to another stage first"
            if wrong:
                yield ("routes", service, "stages", stage, destination), wrong

    def _wrong_with(self, destination: str, service: str) -> str | None:
        """Why ``destination`` cannot take calls of ``service``."""
        if destination in self.vms:
            runs = object_in(self.vms[destination]).get("services")
            if isinstance(runs, dict) and service not in runs:
                hint = did_you_mean(service, object_in(runs))
                return f"VM {shown(destination)} does not run {shown(service)}{hint}"
        elif destination in apart(self.clusters):
            return f"cluster {shown(destination)} {WITHOUT}, and so is no destination"
        elif destination in self.clusters:
            entry = object_in(self.application.get(service))
            runs = entry.get("clusters")
            if entry.get("versions") == {} or (isinstance(runs, list | tuple) and destination not in runs):
                return f"cluster {shown(destination)} does not run {shown(service)}"
        else:
            known = (*self.vms, *self.clusters)
            return f"there is no VM or cluster {shown(destination)}{did_you_mean(destination, known)}"
        return None

    def _in_stages(self) -> Iterator[Mistake]:
        for name in self.stages:
            yield from unknown(("stages", name), name, "route", self.routes)
        for name, route in objects_in(self.routes).items():
            if name not in self.stages:
                yield ("stages", name), f"is missing; name the stage that {shown(name)} is in"
            elif stages := object_in(route.get("stages")):
                yield from unknown(("stages", name), self.stages[name], "stage", stages)


def _in_gates(path: KeyPath, route: Mapping[str, Any]) -> Iterator[Mistake]:
    gates = {(*path, "gate"): object_in(route.get("gate"))}
    for stage, gate in objects_in(route.get("gates")).items():
        if stages := object_in(route.get("stages")):
            yield from unknown((*path, "gates", stage), stage, "stage", stages)
        gates[*path, "gates", stage] = gate
    for where, gate in gates.items():
        for name, check in objects_in(gate.get("checks")).items():
            yield from one_of((*where, "checks", name), check, ("command", "url"))
