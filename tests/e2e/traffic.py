"""Requests, and where they were served."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import ClientError, ClientSession

from tests.e2e.environment import Environment, eventually
from vmmesh.traffic import client

# Each answer of this path takes one call of the details service, with the same number: so a request is known again in
# every access log that it has passed.
_PATH = "/api/v1/products/{}"
_ids = itertools.count(1_000_000)


def new_ids(count: int) -> list[int]:
    """Numbers that no request has had yet."""
    return list(itertools.islice(_ids, count))


def _client() -> ClientSession:
    """Opens as many connections as calls are under way."""
    return client(at_once=0, seconds=20)


async def _get(session: ClientSession, url: str) -> str:
    try:
        async with session.get(url, allow_redirects=False) as answer:
            await answer.read()
            return str(answer.status)
    except (ClientError, TimeoutError) as error:
        return type(error).__name__


def send(base: str, ids: Iterable[int | str], concurrency: int = 16) -> Counter[str]:
    """Send one request for each number, several at once. Returns how often which status or error came back."""

    async def run() -> Counter[str]:
        waiting = iter(ids)
        results: Counter[str] = Counter()

        async def worker(session: ClientSession) -> None:
            for number in waiting:
                results[await _get(session, base + _PATH.format(number))] += 1

        async with _client() as session:
            await asyncio.gather(*(worker(session) for _ in range(concurrency)))
        return results

    return asyncio.run(run())


class Stream:
    """A constant stream of requests while the block runs; ``results`` counts how often which status or error came.

    ``failed`` has when, by the monotonic clock, each answer that was none came.
    """

    def __init__(self, base: str, rate: float, path: str = _PATH) -> None:
        self.results: Counter[str] = Counter()
        self.failed: list[float] = []
        self.seconds = 0.0
        self._url, self._rate = base + path, rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        # An open loop: the next request does not wait for the answer to the last, as users do not.
        # TaskGroup inside: it waits for the answers that are still to come before the client is closed.
        async with _client() as session, asyncio.TaskGroup() as tasks:
            for count in itertools.count(1):
                tasks.create_task(self._one(session))
                await asyncio.sleep(max(0.0, start + count / self._rate - loop.time()))
                if self._stop.is_set():
                    break
        self.seconds = loop.time() - start

    async def _one(self, session: ClientSession) -> None:
        result = await _get(session, self._url.format(next(_ids)))
        self.results[result] += 1
        if result != "200":
            self.failed.append(time.monotonic())


@dataclass(frozen=True)
class Logs:
    """Access logs that are being followed: of the caller, and of each destination."""

    files: dict[str, Path]

    def served(self, name: str, ids: set[str]) -> Counter[str]:
        """How often each of the numbered requests to details was logged there, by the Envoy cluster that it went to."""
        return Counter(line["upstream_cluster"] for line in self._lines(name) if _number(line) in ids)

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        with self.files[name].open() as file:
            for line in file:
                # The agent's own messages are between the requests, and the last line may be half written.
                if line.startswith("{") and line.endswith("}\n"):
                    yield json.loads(line)


def _number(line: dict[str, Any]) -> str | None:
    path = str(line.get("path"))
    return path.removeprefix("/details/") if path.startswith("/details/") else None


@contextmanager
def followed(environment: Environment, folder: Path, caller: str) -> Generator[Logs]:
    """Follow the access logs of productpage's sidecar in ``caller``, of details in each cluster, and of the VM.

    Followed and not read afterwards, because kubelet rotates a log away at 10 MiB.
    """
    commands = {"caller": _pod_log(environment, caller, "app=productpage")}
    for cluster in environment.outputs["urls"]:
        commands[cluster] = _pod_log(environment, cluster, "app=details")
    transport = environment.outputs["transports"]["vm1"].split()
    commands["vm1"] = [*transport, "tail", "-n", "0", "-F", "/var/log/istio/istio.log"]
    files = {name: folder / f"{name}.log" for name in commands}
    with ExitStack() as stack:
        for name, command in commands.items():
            file = stack.enter_context(files[name].open("w"))
            follower = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL, env=environment.variables)
            stack.callback(follower.wait)
            stack.callback(follower.terminate)
        logs = Logs(files)
        _wait_until_followed(environment, logs, caller)
        yield logs


def _pod_log(environment: Environment, cluster: str, selector: str) -> list[str]:
    # kubectl's request timeout would end a log that is followed.
    command = environment.kubectl_command(cluster, "logs", "-f", "--since=1s", "-c", "istio-proxy")
    return [word for word in command if not word.startswith("--request-timeout")] + [environment.pod(cluster, selector)]


def _wait_until_followed(environment: Environment, logs: Logs, caller: str) -> None:
    """Requests that the logs show prove that following has begun; a log shows them up to a second later."""
    sent: set[str] = set()

    def seen() -> None:
        ids = new_ids(5)
        sent.update(str(number) for number in ids)
        send(environment.outputs["urls"][caller], ids)
        assert logs.served("caller", sent)

    eventually(seen)
