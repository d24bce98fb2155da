"""Pods that call details themselves, with any header and cookie, where productpage hands on only some."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import new_ids
from vmmesh.routes import Route, route_of
from vmmesh.routing import routes_path, routing, routing_for
from vmmesh.stackfile import load

URL = "http://details.default:9080/details/{}"
NAMES = {
    "outbound|9080||details-vm1.virtual-machines.svc.cluster.local": "vm1",
    "outbound|9080|cluster1|details.default.svc.cluster.local": "cluster1",
    "outbound|9080|cluster2|details.default.svc.cluster.local": "cluster2",
}


@dataclass(frozen=True)
class Call:
    """A line of a caller's access log."""

    destination: str
    status: int
    attempts: int
    milliseconds: int
    flags: str


@dataclass(frozen=True)
class Caller:
    """A pod with a sidecar and curl."""

    environment: Environment
    cluster: str
    name: str
    namespace: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    def send(self, count: int, *options: str) -> list[int]:
        """Sends requests one after the other, each with a number of its own, by one curl with these options.

        Answers of 200 only; what else came is in the access log.
        """
        ids = new_ids(count)
        statuses = self.curl(*options, URL.format(f"[{ids[0]}-{ids[-1]}]"))
        assert statuses == ["200"] * count, statuses
        return ids

    def curl(self, *options: str) -> list[str]:
        """The statuses of the requests of one curl."""
        command = ["curl", "-s", "-m", "20", "-o", "/dev/null", "-w", r"%{http_code}\n", *options]
        return self.execute("curl", *command).split()

    def sessions(self, count: int, requests: int) -> list[list[int]]:
        """As many sessions, each of so many requests: a curl that keeps the cookies that it gets."""
        ids = new_ids(count * requests)
        url = URL.format(f"[$first-$((first+{requests - 1}))]")
        script = f"for first in $(seq {ids[0]} {requests} {ids[-1]}); do curl -s -b '' -o /dev/null \"{url}\"; done"
        self.execute("curl", "sh", "-c", script)
        return [ids[start : start + requests] for start in range(0, len(ids), requests)]

    def calls(self, ids: Iterable[int | str]) -> dict[str, Call]:
        """What the caller's own proxy has logged of calls, by number, once it has logged all of them."""
        wanted = {str(number) for number in ids}
        found: dict[str, Call] = {}

        def all_logged() -> None:
            for line in lines(self.environment.kubectl(self.cluster, "logs", "-n", self.namespace, *self._proxy)):
                number = str(line.get("path")).removeprefix("/details/")
                if number in wanted:
                    cluster = str(line["upstream_cluster"])
                    where = NAMES.get(cluster, cluster)
                    status, attempts, took = (int(line[key]) for key in ("response_code", "attempts", "duration"))
                    found[number] = Call(where, status, attempts, took, line["response_flags"])
            assert len(found) == len(wanted)

        eventually(all_logged)
        return found

    def went_to(self, *options: str, count: int = 20) -> set[str]:
        """The destinations of some calls with these options."""
        return {call.destination for call in self.calls(self.send(count, *options)).values()}

    def execute(self, container: str, *command: str) -> str:
        """Output of a command in a container of the pod."""
        return self.environment.kubectl(
            self.cluster, "exec", "-n", self.namespace, self.name, "-c", container, "--", *command
        )

    def settled(self) -> None:
        """Waits until the proxy has what the config says that it is to have."""
        route = configured(self.environment)

        def check() -> None:
            dump = self.execute("istio-proxy", "pilot-agent", "request", "GET", routes_path(route))
            assert routing(route, dump) == routing_for(route, self.namespace, self.labels)

        eventually(check)

    @property
    def _proxy(self) -> Sequence[str]:
        return (self.name, "-c", "istio-proxy", "--since=300s")


def configured(environment: Environment) -> Route:
    """The route of details, as the config has it."""
    file = environment.root / f"Pulumi.{environment.stack}.yaml"
    return route_of(load(file.read_text(), file.name), "details")


def lines(log: str) -> list[dict[str, Any]]:
    """The requests in an access log, between the agent's own messages; the last line may be half written."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]


@contextmanager
def in_place(callers: Sequence[Caller]) -> Generator[None]:
    """The pods, while the block runs: Istio's own proxy image, which has curl, as a user whom the sidecar captures."""
    for caller in callers:
        environment = caller.environment
        front = environment.pod(caller.cluster, "app=productpage")
        path = "jsonpath={.spec.initContainers[?(@.name=='istio-init')].image}"
        image = environment.kubectl(caller.cluster, "get", front, "-o", path)
        container = {
            "name": "curl",
            "image": image,
            "command": ["sleep", "infinity"],
            "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": caller.name, "namespace": caller.namespace, "labels": dict(caller.labels)},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
        }
        file = environment.kubeconfigs / f"{caller.name}.json"
        file.write_text(json.dumps(pod))
        environment.kubectl(caller.cluster, "create", "-f", str(file))
    try:
        for caller in callers:
            wait = ("wait", "-n", caller.namespace, "--for=condition=Ready", f"pod/{caller.name}", "--timeout=50s")
            caller.environment.kubectl(caller.cluster, *wait)
        yield
    finally:
        for caller in callers:
            caller.environment.kubectl(
                caller.cluster, "delete", "-n", caller.namespace, f"pod/{caller.name}", "--now", "--ignore-not-found"
            )
