"""The access logs of VMs and clusters, merged in the order of time or side by side: the talk's three windows in one."""

from __future__ import annotations

import heapq
import json
import queue
import shlex
import subprocess
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from settings import Settings
from vmmesh.kubectl import kubectl
from vmmesh.mesh import SIDECAR

VM_LOG = "/var/log/istio/istio.log"
SETTLE_SECONDS = 1.0
"""How long a line waits for earlier ones of other sources: a log shows a request up to a second late."""


@dataclass(frozen=True)
class Source:
    """A VM, or the pods of a service in a cluster: the place that lines are shown under, and how to read them."""

    place: str
    service: str
    command: Sequence[str]


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
    for name, vm in settings.vms.items():
        if service in (None, *vm.services) and name in transports:
            command = ["tail", f"--lines={lines}", *(["--follow=name", "--retry"] if follow else []), VM_LOG]
            found.append(Source(name, "+".join(vm.services), [*shlex.split(transports[name]), *command]))
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
                found.append(Source(cluster, name, command))
    return found


def entry(source: Source, line: str) -> Entry | None:
    """A line of an access log; None: the agent speaks of itself."""
    if not line.startswith("{"):
        return None
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    started = fields.get("start_time")
    return Entry(started, source.place, source.service, line.strip()) if isinstance(started, str) else None


def inbound(found: Entry) -> bool:
    """Whether it is a call that was served there, and not one that was made from there."""
    return str(found.line.get("upstream_cluster", "")).startswith("inbound|")


def read(of: Sequence[Source]) -> list[Entry]:
    """What the logs hold, in the order of time."""
    with _running(of) as pipes:
        return sorted(found for source, pipe in pipes for line in pipe if (found := entry(source, line)))


def follow(of: Sequence[Source]) -> Iterator[Entry]:
    """What the logs hold and what comes, in the order of time. Ends when all logs have."""
    lines: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()

    def pump(source: Source, pipe: Iterable[str]) -> None:
        for line in pipe:
            if found := entry(source, line):
                lines.put(found)
        lines.put(None)

    with _running(of) as pipes:
        for source, pipe in pipes:
            threading.Thread(target=pump, args=(source, pipe), daemon=True).start()
        yield from _in_order(lines, len(pipes))


def _in_order(lines: queue.SimpleQueue[Entry | None], open_: int) -> Iterator[Entry]:
    waiting: list[tuple[str, float, Entry]] = []
    while open_ or waiting:
        try:
            found = lines.get(timeout=SETTLE_SECONDS / 4)
        except queue.Empty:
            pass
        else:
            if found is None:
                open_ -= 1
            else:
                heapq.heappush(waiting, (found.start_time, time.monotonic(), found))
        while waiting and (not open_ or time.monotonic() - waiting[0][1] >= SETTLE_SECONDS):
            yield heapq.heappop(waiting)[2]


@contextmanager
def _running(of: Sequence[Source]) -> Generator[list[tuple[Source, IO[str]]]]:
    """The output of the commands of sources, which end with the block."""
    with ExitStack() as stack:
        pipes: list[tuple[Source, IO[str]]] = []
        for source in of:
            process = stack.enter_context(
                subprocess.Popen(
                    source.command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    errors="replace",
                )
            )
            stack.callback(process.terminate)
            assert process.stdout
            pipes.append((source, process.stdout))
        yield pipes


def document(found: Entry) -> str:
    """An entry as a line of JSON: where it is from, and the access log's own fields."""
    return json.dumps({"place": found.place, "service": found.service, **found.line})


class Shown:
    """Prints entries on a console: merged, or in a column for each place."""

    def __init__(self, console: Console, places: Sequence[str], *, columns: bool) -> None:
        self._console = console
        self._places = places
        self._columns = columns
        self._width = max(24, console.width // max(1, len(places)))
        if columns:
            heads = "".join(f"{place:<{self._width}}" for place in places)
            console.print(Text(heads.rstrip(), style="bold"), soft_wrap=True)

    def __call__(self, found: Entry) -> None:
        """Prints an entry."""
        line = found.line
        code = str(line.get("response_code", "-"))
        style = "red" if code.startswith("5") else ""
        what = f"{_clock(found.start_time)} {code} {line.get('method', '-')} {line.get('path', '-')}"
        if self._columns:
            text = f"{what} {line.get('duration', '-')}ms"
            indent = " " * (self._width * self._places.index(found.place))
            self._console.print(Text(indent + _cut(text, self._width - 1), style=style), soft_wrap=True)
            return
        peer = str(line.get("downstream_peer") or "-").rpartition("/")[2]
        width = max(map(len, self._places), default=0)
        text = f"{found.place:<{width}} {what} {line.get('duration', '-')} ms from {peer}"
        flags = line.get("response_flags")
        self._console.print(Text(text + (f" {flags}" if flags and flags != "-" else ""), style=style), soft_wrap=True)


def _clock(moment: str) -> str:
    try:
        return datetime.fromisoformat(moment).strftime("%H:%M:%S.%f")[:-3]
    except ValueError:
        return moment


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
