"""Looking at clusters over connections that stay open: kubectl itself would be slower than what is looked at."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

from tests.e2e.environment import Environment
from vmmesh.routes import Route
from vmmesh.routing import routes_path, routing

INTERVAL = 0.01
ENVOY_ADMIN = 15000
ISTIOD_METRICS = 15014
_SECONDS = 300.0


def _streaming(environment: Environment, cluster: str, *arguments: str) -> list[str]:
    """kubectl without a time limit, for what ends when we are done with it."""
    command = environment.kubectl_command(cluster, *arguments)
    return [word for word in command if not word.startswith("--request-timeout")]


@contextmanager
def _running(environment: Environment, command: Sequence[str]) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment.variables
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def forwarded(
    environment: Environment, cluster: str, target: str, port: int, namespace: str
) -> Generator[httpx.Client]:
    """A client of a pod's port, which only its own cluster reaches."""
    command = _streaming(environment, cluster, "port-forward", "--namespace", namespace, target, f":{port}")
    with _running(environment, command) as process:
        assert process.stdout
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found, f"{target} of {cluster} cannot be reached"
        with httpx.Client(base_url=f"http://127.0.0.1:{found[1]}", timeout=20) as client:
            yield client


class Written:
    """Notes when the API server has written a VirtualService anew."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._moments: list[float] = []
        self._thread = threading.Thread(target=self._read, args=[process], daemon=True)
        self._thread.start()
        wait_until(lambda: bool(self._moments))  # the state of now is told first, and so the watch has begun

    def end(self) -> None:
        """Waits until the watch, which somebody has ended, has told the last."""
        self._thread.join()

    def after(self, moment: float) -> float:
        """When it was written first after a moment."""
        wait_until(lambda: self._moments[-1] > moment, 0.005)
        return next(at for at in self._moments if at > moment)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for _ in process.stdout:
            self._moments.append(time.monotonic())


@contextmanager
def written(environment: Environment, cluster: str, route: str, namespace: str) -> Generator[Written]:
    """Watches the VirtualService of a route for the time of a block."""
    words = ("get", "virtualservice", route, "--namespace", namespace, "--watch", "--output=name")
    with _running(environment, _streaming(environment, cluster, *words)) as process:
        watch = Written(process)
        try:
            yield watch
        finally:
            process.terminate()
            watch.end()


def _percents(route: Route, config_dump: str) -> Mapping[str, int] | None:
    found = routing(route, config_dump)
    return found.percents if found else None


@dataclass(frozen=True, kw_only=True)
class Push:
    """A change of a route in one cluster: when the API server had it, and when a caller's proxy."""

    written: float
    routed: float

    @property
    def milliseconds(self) -> float:
        return 1000 * (self.routed - self.written)


Watches = Mapping[str, Written]
"""By cluster."""


class Callers:
    """A caller's proxy in each cluster, asked every 10 ms how it divides the calls of a route."""

    def __init__(self, clients: Mapping[str, httpx.Client]) -> None:
        self._clients = clients

    def pushed(self, route: Route, watches: Watches, change: Callable[[], object]) -> dict[str, Push]:
        """Does a ``change`` after which the proxies divide the calls as ``route`` says; by cluster, when they did."""
        started = time.monotonic()
        with ThreadPoolExecutor(len(self._clients)) as pool:
            found = {
                cluster: pool.submit(self._push, client, route, watches[cluster], started)
                for cluster, client in self._clients.items()
            }
            change()
            return {cluster: future.result() for cluster, future in found.items()}

    def until_endpoints(self, cluster: str, envoy_cluster: str, count: int) -> None:
        """Waits until a cluster's proxy has that many endpoints. Raises TimeoutError."""
        path = "/clusters?format=json"

        def known() -> bool:
            statuses = self._clients[cluster].get(path).json()["cluster_statuses"]
            return any(it["name"] == envoy_cluster and len(it.get("host_statuses", ())) >= count for it in statuses)

        wait_until(known, 0.1)

    def _push(self, client: httpx.Client, route: Route, watch: Written, started: float) -> Push:
        # Asked from then on only: what is asked a hundred times a second would slow down what brings it about.
        written = watch.after(started)
        path = f"/{routes_path(route)}"
        wait_until(lambda: _percents(route, client.get(path).text) == route.percents, INTERVAL)
        return Push(written=written, routed=time.monotonic())


@contextmanager
def callers(environment: Environment, clusters: Sequence[str]) -> Generator[Callers]:
    """The proxies of productpage, which is what calls details."""
    with ExitStack() as stack:
        clients = {
            cluster: stack.enter_context(
                forwarded(environment, cluster, environment.pod(cluster, "app=productpage"), ENVOY_ADMIN, "default")
            )
            for cluster in clusters
        }
        yield Callers(clients)


def wait_until(holds: Callable[[], bool], interval: float = 0.001) -> None:
    """Asks again and again. Raises TimeoutError after five minutes."""
    deadline = time.monotonic() + _SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {_SECONDS:.0f} s")
        time.sleep(interval)
