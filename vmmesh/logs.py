"""The access logs of machines and clusters in the order of time: the talk's three windows in one."""

from __future__ import annotations

import heapq
import json
import queue
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from settings import Settings
from vmmesh.kubectl import kubectl
from vmmesh.mesh import SIDECAR

VM_LOG = "/var/log/istio/istio.log"
SETTLE_SECONDS = 1.0
"""How long a line waits for earlier ones of other sources: a log shows a request up to a second late."""


# What is started on a machine outlives the docker or ssh that has started it, but not the input that this gave it.
_FOLLOW = 'tail -n "$1" -F "$2" & cat >/dev/null; kill $!'


@dataclass(frozen=True, kw_only=True)
class Source:
    """A machine, or the pods of a service in a cluster: the place that lines are shown under, and how to read them."""

    place: str
    services: Mapping[int, str]
    """Services that are served there, by port."""
    only: str | None
    """Service of which calls are shown; None: of all."""
    command: Sequence[str]

    def service(self, line: Mapping[str, Any]) -> str | None:
        """The service that a line of the log is about: the one called, or the one that calls. None: none of them."""
        kind, port, *_ = (*str(line.get("upstream_cluster", "")).split("|"), "")
        if kind == "inbound" and port.isdigit():
            return self.services.get(int(port))
        return "+".join(self.services.values())


@dataclass(frozen=True, order=True)
class Entry:
    """A request in an access log."""

    start_time: str
    place: str
    service: str
    fields: str
    """The line itself."""

    @property
    def line(self) -> Mapping[str, Any]:
        return json.loads(self.fields)


def sources(
    settings: Settings,
    kubeconfigs: Mapping[str, Path],
    transports: Mapping[str, str],
    service: str | None,
    lines: int,
    *,
    follow: bool,
) -> list[Source]:
    """The logs of ``service``, or of all services, each from its last ``lines`` on."""
    found: list[Source] = []
    tail = ["sh", "-c", _FOLLOW, "sh", str(lines), VM_LOG] if follow else ["tail", "-n", str(lines), VM_LOG]
    for name, vm in settings.vms.items():
        for machine in vm.all_machines(name):
            if service in (None, *vm.services) and machine in transports:
                ports = {entry.port: known for known, entry in vm.services.items()}
                command = [*shlex.split(transports[machine]), *tail]
                found.append(Source(place=machine, services=ports, only=service, command=command))
    for cluster, kubeconfig in kubeconfigs.items():
        for name, entry in settings.services_in(cluster).items():
            if service in (None, name):
                command = kubectl(
                    kubeconfig,
                    "logs",
                    f"--namespace={entry.namespace}",
                    f"--selector=app={name}",
                    f"--container={SIDECAR}",
                    f"--tail={lines}",
                    # Five is kubectl's default of how many pods it follows at once.
                    *(["--follow", "--max-log-requests=100"] if follow else []),
                )
                found.append(Source(place=cluster, services={entry.port: name}, only=service, command=command))
    return found


def entry(source: Source, line: str) -> Entry | None:
    """A line of an access log; None: the agent speaks of itself."""
    if not line.startswith("{"):
        return None
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    started, service = fields.get("start_time"), source.service(fields)
    if not isinstance(started, str) or service is None or source.only not in (None, *service.split("+")):
        return None
    return Entry(started, source.place, service, line.strip())


def inbound(found: Entry) -> bool:
    """Whether it is a call that was served there, and not one that was made from there."""
    return str(found.line.get("upstream_cluster", "")).startswith("inbound|")


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """A source that is read."""

    source: Source
    process: subprocess.Popen[str]
    errors: IO[str]

    def entries(self) -> Iterator[Entry]:
        """What its log holds, to the end."""
        assert self.process.stdout
        return (found for line in self.process.stdout if (found := entry(self.source, line)))

    def failure(self) -> str | None:
        """Why it could not be read, once it has come to its end; None: it could."""
        code = self.process.wait()
        if code == 0:
            return None
        self.errors.seek(0)
        said = self.errors.read().strip().splitlines() or [f"ended with code {code}"]
        return f"{self.source.place} {'+'.join(self.source.services.values())} cannot be read: {said[-1]}"


def read(of: Sequence[Source], lost: Callable[[str], None]) -> list[Entry]:
    """What the logs hold, in the order of time; ``lost`` is told of each that cannot be read, and why."""
    with _running(of) as readings:
        found = sorted(found for reading in readings for found in reading.entries())
        for failure in filter(None, (reading.failure() for reading in readings)):
            lost(failure)
    return found


def follow(of: Sequence[Source], lost: Callable[[str], None]) -> Generator[Entry]:
    """What the logs hold and what comes, likewise. Ends when all logs have."""
    lines: queue.SimpleQueue[Entry | _Reading] = queue.SimpleQueue()

    def pump(reading: _Reading) -> None:
        for found in reading.entries():
            lines.put(found)
        lines.put(reading)

    with _running(of) as readings:
        for reading in readings:
            threading.Thread(target=pump, args=(reading,), daemon=True).start()
        yield from _in_order(lines, len(readings), lost)


def _in_order(lines: queue.SimpleQueue[Entry | _Reading], open_: int, lost: Callable[[str], None]) -> Iterator[Entry]:
    """Entries by time; a source in the place of an entry has come to its end."""
    waiting: list[tuple[str, float, Entry]] = []
    while open_ or waiting:
        try:
            found = lines.get(timeout=SETTLE_SECONDS / 4)
        except queue.Empty:
            pass
        else:
            if isinstance(found, _Reading):
                open_ -= 1
                if failure := found.failure():
                    lost(failure)
            else:
                heapq.heappush(waiting, (found.start_time, time.monotonic(), found))
        while waiting and (not open_ or time.monotonic() - waiting[0][1] >= SETTLE_SECONDS):
            yield heapq.heappop(waiting)[2]


@contextmanager
def _running(of: Sequence[Source]) -> Generator[list[_Reading]]:
    """Runs the commands of sources, which end with the block."""
    with ExitStack() as stack:
        readings: list[_Reading] = []
        for source in of:
            # A pipe would be full one day, and nobody reads it before the end.
            errors = stack.enter_context(tempfile.TemporaryFile("w+", errors="replace"))
            process = stack.enter_context(
                subprocess.Popen(
                    source.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    errors="replace",
                )
            )
            assert process.stdin
            stack.callback(process.terminate)
            stack.callback(process.stdin.close)
            readings.append(_Reading(source=source, process=process, errors=errors))
        yield readings
