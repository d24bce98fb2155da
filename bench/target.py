"""A service that is routed as details is, by hand: the same VirtualService, which nothing of the stack depends on."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from settings import service_host
from tests.e2e.environment import Environment
from vmmesh.routes import Route

NAME, NAMESPACE = "by-hand", "default"


class Target:
    """The service in every cluster of a route, and the files by which its weights are applied."""

    def __init__(self, environment: Environment, route: Route, folder: Path) -> None:
        self.route = replace(route, host=service_host(NAME, NAMESPACE))
        self._environment = environment
        self._folder = folder

    def at(self, percents: Mapping[str, int]) -> Route:
        """The route with these percents, its file written: the edit that a user would make."""
        route = replace(self.route, percents=dict.fromkeys(self.route.percents, 0) | dict(percents))
        self._file.write_text(json.dumps(_virtual_service(route)))
        return route

    def apply(self) -> None:
        """Applies the file to one cluster after the other, as a user would."""
        for cluster in self.route.clusters:
            self._environment.kubectl(cluster, "apply", "--filename", str(self._file))

    @property
    def _file(self) -> Path:
        return self._folder / "weights.json"


@contextmanager
def target(environment: Environment, route: Route, folder: Path) -> Generator[Target]:
    """The service, there for the time of a block; in the weights of ``route`` at first."""
    service = folder / "service.json"
    service.write_text(json.dumps(_service(route)))
    found = Target(environment, route, folder)
    try:
        for cluster in route.clusters:
            environment.kubectl(cluster, "apply", "--filename", str(service))
        found.at(route.percents)
        found.apply()
        yield found
    finally:
        for cluster in route.clusters:
            words = ("--namespace", NAMESPACE, "--ignore-not-found")
            environment.kubectl(cluster, "delete", f"virtualservice/{NAME}", f"service/{NAME}", *words)


def _service(route: Route) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"selector": {"app": route.service}, "ports": [{"name": "http", "port": route.port}]},
    }


def _virtual_service(route: Route) -> dict[str, Any]:
    spread: Sequence[dict[str, Any]] = [
        {"destination": {"host": host} | ({"subset": subset} if subset else {}), "weight": route.percents[name]}
        for name, (host, subset) in route.hosts.items()
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"hosts": [route.host], "exportTo": [*route.namespaces], "http": [{"route": spread}]},
    }
