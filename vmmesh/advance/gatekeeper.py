"""Watches a gate in the background: asks the callers' proxies every second, makes the checks, fills up traffic."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from vmmesh.advance.checks import failures
from vmmesh.advance.gate import Gate
from vmmesh.calls import by_destination
from vmmesh.counting import counted, of_all_callers
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh, Proxy, Snapshot
from vmmesh.traffic import Stopped, send

POLL_SECONDS = 1.0
ALL_SECONDS = 10.0
"""How often all proxies are asked, and not only those that call: a VM's takes a command on it."""
CHECK_SECONDS = 5.0
BLIND_SECONDS = 20.0
"""How long the proxies may give no answer."""
MOST_A_SECOND = 100
"""Requests of our own to each ingress, where the traffic is too little for the gate's least requests."""


class Gatekeeper:
    """Watches in a block; ``broken`` is set as soon as the gate is, and ``why`` says why.

    Use it as a context manager around all that puts the stage in place. The gate's time begins with :meth:`begin`.
    """

    def __init__(self, mesh: Mesh, gate: Gate, root: Path) -> None:
        self.gate = gate
        self.broken = threading.Event()
        self.detected_seconds: float | None = None
        """From the first call that told to the decision."""
        self._mesh = mesh
        self._root = root
        self._why: list[str] = []
        self._ended = threading.Event()
        self._began: float | None = None
        self._bad_from: float | None = None
        self._checked = not gate.settings.checks
        self._before: Snapshot = {}
        self._now: Snapshot = {}
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._watch, self._check, self._fill)]

    def __enter__(self) -> Gatekeeper:
        self._before = self._mesh.counts(self.gate.route)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def begin(self) -> None:
        """Begins the gate's time: its routes are in place."""
        self._began = time.monotonic()

    @property
    def why(self) -> list[str]:
        """What is wrong, beyond chance."""
        return self._why or self.gate.broken

    @property
    def lacking(self) -> list[str]:
        """What is missing to hold the gate, its time aside."""
        return [*self.gate.lacking, *([] if self._checked else ["no check has been made yet"])]

    @property
    def seconds(self) -> float:
        """The gate's time so far."""
        return time.monotonic() - self._began if self._began is not None else 0.0

    def wait(self, patience: float, show: Callable[[str], None]) -> bool:
        """Waits until the gate is held, or broken, or ``patience`` times its time is over. Returns if it is held."""
        duration = self.gate.settings.duration
        while not self.broken.wait(POLL_SECONDS / 2):
            show(self._standing())
            if self.seconds >= duration and not self.lacking:
                return True
            if self.seconds >= patience * duration:
                self._why = [f"after {self.seconds:.0f} s it is not held: {line}" for line in self.lacking]
                return False
            if not self._threads[0].is_alive():
                self._why = ["nobody counts its calls any more"]
                return False
        return False

    def _standing(self) -> str:
        parts = [
            f"{standing.destination} {standing.calls.ended} calls, {standing.calls.bad} failed"
            for standing in self.gate.standings
        ]
        return f"{self.seconds:.0f} of {self.gate.settings.duration} s; {'; '.join(parts)}"

    def _break(self, why: list[str]) -> None:
        if not self.broken.is_set():
            self._why = why
            self.detected_seconds = time.monotonic() - (self._bad_from or time.monotonic())
            self.broken.set()

    def _watch(self) -> None:
        asked_all = answered = time.monotonic()
        last_good = answered
        while not self._ended.wait(max(0.0, POLL_SECONDS - (time.monotonic() - answered))):
            began = time.monotonic()
            callers = self._callers()
            everyone = not callers or began - asked_all >= ALL_SECONDS
            try:
                self._now = {**self._now, **self._mesh.counts(self.gate.route, None if everyone else callers)}
            except Unreachable as error:
                if began - last_good > BLIND_SECONDS:
                    self._break([f"the callers' proxies have not answered for {BLIND_SECONDS:.0f} s: {error}"])
                answered = began
                continue
            asked_all = began if everyone else asked_all
            self._take(began, last_good)
            answered = last_good = began

    def _callers(self) -> list[Proxy]:
        """Those that have called a destination of the route."""
        counts = {**self._before, **self._now}
        calls = {proxy: by_destination(self.gate.route, count).values() for proxy, count in counts.items()}
        return [proxy for proxy, found in calls.items() if any(part.total or part.bad for part in found)]

    def _take(self, at: float, before: float) -> None:
        found = counted(self.gate.route, self._before, self._now)
        # Whoever was sent there by a match has a call that must not fail too; of a copy nobody sees the answer.
        self.gate.take(at, of_all_callers(self.gate.route, found.calls, found.matched))
        if self._bad_from is None and any(standing.calls.bad or standing.late for standing in self.gate.standings):
            self._bad_from = before
        if self.gate.broken:
            self._break(self.gate.broken)

    def _check(self) -> None:
        while self.gate.settings.checks and not self._ended.wait(CHECK_SECONDS if self._checked else POLL_SECONDS):
            if self._began is not None:
                began = time.monotonic()
                wrong = failures(self.gate.settings.checks, self.gate.route, self._root)
                if wrong:
                    self._bad_from = self._bad_from or began
                    self._break(wrong)
                self._checked = True

    def _fill(self) -> None:
        """Sends what the traffic lacks for the gate's least requests."""
        route = self.gate.route
        if route.probe_path is None:
            return
        bases = {cluster: url for cluster in route.clusters if (url := self._mesh.url(cluster))}
        urls = {cluster: f"{base}{route.probe_path}" for cluster, base in bases.items()}
        while urls and not self._ended.wait(POLL_SECONDS):
            if self._began is None or not (count := self._lacking_a_second() // len(urls)):
                continue
            try:
                send(urls, min(MOST_A_SECOND, count), self._ended)
            except Stopped:
                return

    def _lacking_a_second(self) -> int:
        """Requests a second by which each destination has its least requests in time, beyond those that come anyway."""
        settings = self.gate.settings
        rest = max(1.0, settings.duration - self.seconds)
        lacking = [
            (max(1, settings.min_requests) - standing.calls.ended * (1 + rest / max(1.0, self.seconds)))
            / (standing.percent / 100)
            for standing in self.gate.standings
        ]
        return round(max(0.0, *lacking) / rest * 1.5)
