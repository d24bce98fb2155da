"""The live mesh: clusters through kubectl, VMs through their transports, proxies through either."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from settings import (
    MACHINE_LABEL,
    MANAGEMENT_NAMESPACE,
    METRICS_PORT,
    METRICS_SERVICE,
    SYSTEM_NAMESPACE,
    Settings,
)
from toolchain.problem import Problem
from vmmesh.calls import STATS, Calls, counters
from vmmesh.forward import Forwards
from vmmesh.kubectl import Unreachable, kubectl, of_last_update, run, written
from vmmesh.routes import Route
from vmmesh.routing import Routing, routes_path, routing, routing_for, shown

AT_ONCE = 8
SIDECAR = "istio-proxy"
INGRESS = ("istio-system", "istio-ingressgateway")

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Proxy:
    """A sidecar: the cluster that it belongs to, and its workload."""

    cluster: str
    name: str
    request: Callable[[str], str] = field(compare=False)
    """Answer of Envoy's admin interface at a path. Raises Unreachable."""
    namespace: str = field(default="", compare=False)
    labels: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    """By both, istiod knows which matches are for the caller."""


Snapshot = Mapping[Proxy, Mapping[str, Calls]]
"""Calls by proxy and Envoy cluster, at one moment."""


class Mesh:
    """The clusters and VMs of a stack that is up; made by :func:`connect`."""

    def __init__(
        self, settings: Settings, kubeconfigs: Mapping[str, Path], outputs: Mapping[str, Any], forwards: Forwards
    ) -> None:
        self._settings = settings
        self._kubeconfigs = kubeconfigs
        self._forwards = forwards
        self._urls: Mapping[str, str | None] = outputs.get("urls", {})
        self._transports: Mapping[str, str] = outputs.get("transports", {})

    def get(self, cluster: str, *arguments: str) -> dict[str, Any]:
        """The objects that ``kubectl get`` finds. Raises Unreachable."""
        return json.loads(run(self._kubectl(cluster, "get", *arguments, "--output=json")))

    def transport(self, machine: str) -> str:
        """Command line to which a command is added to run it on a machine as root. Raises Unreachable."""
        return of_last_update(self._transports, machine)

    def on_machine(self, machine: str, *command: str) -> str:
        """Output of a command that is run on a machine as root. Raises Unreachable."""
        return run([*shlex.split(self.transport(machine)), *command])

    def delete(self, cluster: str, *arguments: str) -> None:
        """Deletes objects. Raises Unreachable."""
        run(self._kubectl(cluster, "delete", *arguments))

    def url(self, cluster: str) -> str | None:
        """Base URL of what a cluster exposes; None: it has none (yet)."""
        if url := self._urls.get(cluster):
            return url.rstrip("/")
        namespace, name = INGRESS
        status = self.get(cluster, "service", name, f"--namespace={namespace}").get("status", {})
        for balancer in status.get("loadBalancer", {}).get("ingress", []):
            return f"http://{balancer.get('ip') or balancer.get('hostname')}"
        return None

    def metrics(self, path: str) -> str:
        """Answer at a path of what keeps the metrics of all clusters. Raises Unreachable."""
        where = f"deployment/{METRICS_SERVICE}"
        home = of_last_update(self._kubeconfigs, str(self._settings.management.cluster))
        return self._forwards.to(home, MANAGEMENT_NAMESPACE, where, METRICS_PORT, "Prometheus").get(path)

    def networks(self, cluster: str, istiod: str) -> set[str]:
        """Networks that a control plane knows a gateway of, the cluster's own among them. Raises Unreachable."""
        asked = ("pilot-discovery", "request", "GET", "/debug/networkz")
        where = (f"--namespace={SYSTEM_NAMESPACE}", f"deployment/{istiod}")
        gateways = json.loads(run(self._kubectl(cluster, "exec", *where, "--", *asked)))
        return {gateway["Network"] for gateway in gateways or ()}

    def callers(self, route: Route) -> list[Proxy]:
        """The proxies of the workloads that a route is for: pods, and VMs. Raises Unreachable."""
        places = [(cluster, namespace) for cluster in self._kubeconfigs for namespace in route.namespaces]
        pods = each(lambda place: self._pods(*place), places)
        return [*(proxy for found in pods for proxy in found), *self._machines(route.namespaces)]

    def proxies(self) -> list[Proxy]:
        """Every proxy of the mesh: of pods, of gateways, and of VMs. Raises Unreachable."""
        pods = each(lambda cluster: self._pods(cluster, None), self._kubeconfigs)
        return [*(proxy for found in pods for proxy in found), *self._machines(self._settings.namespaces())]

    def _kubectl(self, cluster: str, *arguments: str) -> list[str]:
        return kubectl(of_last_update(self._kubeconfigs, cluster), *arguments)

    def _machines(self, namespaces: Collection[str]) -> list[Proxy]:
        """The proxies of the VMs in these namespaces."""
        return [
            Proxy(
                vm.cluster,
                machine,
                partial(self.on_machine, machine, "pilot-agent", "request", "GET"),
                vm.namespace,
                {**vm.all_labels(name), MACHINE_LABEL: machine},
            )
            for name, vm in self._settings.vms.items()
            for machine in vm.all_machines(name)
            if vm.namespace in namespaces and machine in self._transports
        ]

    def counts(self, route: Route, of: Sequence[Proxy] | None = None) -> Snapshot:
        """What the callers have counted so far, or those ``of`` them. Raises Unreachable."""
        return self._asked(route, lambda proxy: counters(proxy.request(STATS)), of)

    def routes(self, route: Route) -> dict[Proxy, Routing | None]:
        """What each of the callers' proxies does with the route's calls; None: it has no route. Raises Unreachable."""
        have = self._asked(route, lambda proxy: routing(route, proxy.request(routes_path(route))))
        return {proxy: found for proxy, found in have.items() if proxy.cluster in route.clusters}

    def wait_for_routes(self, route: Route, seconds: float) -> None:
        """Waits until every caller's proxy does with the calls what the route says.

        Raises Problem, with what the proxies have instead, if that is not so in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            have = self.routes(route)
            late = {proxy: found for proxy, found in have.items() if found != wanted(route, proxy)}
            if not late:
                return
            if time.monotonic() > deadline:
                lines = [f"{proxy.cluster} {proxy.name} has {shown(found)}" for proxy, found in late.items()]
                first = wanted(route, next(iter(late)))
                raise Problem(
                    f"after {seconds:.0f} s {len(late)} of {len(have)} callers' proxies lack the routes "
                    f"of stage {route.stage} ({first}): {'; '.join(lines[:3])}",
                    "see what istiod says: kubectl --namespace istio-system logs deployment/istiod",
                )
            time.sleep(0.1)

    def _asked(self, route: Route, ask: Callable[[Proxy], _R], of: Sequence[Proxy] | None = None) -> dict[Proxy, _R]:
        """What every caller answers. A pod that goes while it is asked is no caller any more."""

        def answer(proxy: Proxy) -> tuple[Proxy, _R | Unreachable]:
            try:
                return proxy, ask(proxy)
            except Unreachable as error:
                return proxy, error

        answers = dict(each(answer, self.callers(route) if of is None else of))
        errors = {proxy: error for proxy, error in answers.items() if isinstance(error, Unreachable)}
        if errors:
            there = set(self.callers(route))
            for proxy, error in errors.items():
                if proxy in there:
                    raise error
        return {proxy: found for proxy, found in answers.items() if not isinstance(found, Unreachable)}

    def _pods(self, cluster: str, namespace: str | None) -> list[Proxy]:
        """Proxies of the pods of a namespace, or of all."""
        where = f"--namespace={namespace}" if namespace else "--all-namespaces"
        pods = self.get(cluster, "pods", where, "--field-selector=status.phase=Running")["items"]
        found = [pod["metadata"] for pod in pods if "deletionTimestamp" not in pod["metadata"] and has_sidecar(pod)]
        return [self._pod(cluster, it.get("namespace", namespace), it) for it in found]

    def _pod(self, cluster: str, namespace: str, metadata: Mapping[str, Any]) -> Proxy:
        name: str = metadata["name"]
        forward = self._forwards.to(self._kubeconfigs[cluster], namespace, f"pod/{name}")
        return Proxy(cluster, f"{namespace}/{name}", forward.get, namespace, metadata.get("labels", {}))


@contextmanager
def connect(settings: Settings, outputs: Mapping[str, Any]) -> Generator[Mesh]:
    """The mesh of a stack with these outputs, for the time of a block."""
    with written(outputs["kubeconfigs"]) as files, Forwards() as forwards:
        yield Mesh(settings, files, outputs, forwards)


def has_sidecar(pod: Mapping[str, Any]) -> bool:
    """Whether a pod has Istio's sidecar, as a container or as a native sidecar."""
    containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    return any(container["name"] == SIDECAR for container in containers)


def each(work: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """``work`` done on all items, several at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, items))


def wanted(route: Route, proxy: Proxy) -> Routing:
    """What a caller's proxy is to do with the route's calls."""
    return routing_for(route, proxy.namespace, proxy.labels)
