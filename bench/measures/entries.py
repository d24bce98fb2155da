"""A thousand workload entries: what they do to a stage, and to istiod."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from bench.result import Bar, Result, Series
from bench.session import Session
from bench.target import NAME, NAMESPACE, Target, target
from bench.watching import ISTIOD_METRICS, Callers, callers, forwarded, written
from tests.e2e.environment import Environment
from vmmesh.routes import route_of
from vmmesh.stackfile import StackFile

_HOME = "bench-entries"
_HOW = """\
{count:,} WorkloadEntries of addresses that nobody has, and a Service that selects them, in a namespace of their own of
cluster1, made by one `kubectl create`. As for the benchmark *stage*, by hand: a VirtualService is edited to and fro in
both clusters, and timed from the API server's word until productpage's proxy has it, first without the entries and
then with them, the same number of edits each. istiod of cluster1 says by its own metrics what memory it has after the
edits, and what share of a processor they took; *entries sent* is the time from the end of that command until
productpage's proxy knows all of them."""


def measure(session: Session) -> Result:
    environment = session.environment
    settings = StackFile(environment.root, environment.stack).settings()
    route = route_of(settings, next(iter(settings.routes)))
    count, rounds = session.times(1000, 50), session.times(20, 3)
    with ExitStack() as stack:
        by_hand = stack.enter_context(target(environment, route, session.folder()))
        watched = stack.enter_context(callers(environment, route.clusters))
        istiod = stack.enter_context(
            forwarded(environment, "cluster1", "deployment/istiod", ISTIOD_METRICS, "istio-system")
        )
        edits = _Edits(session, by_hand, watched, istiod)
        series = edits.made("without entries", rounds)
        with _entries(environment, count, session.folder()):
            series.append(Series(name="entries sent", unit="s", values=[edits.known(count)]))
            series += edits.made("with entries", rounds)
    return _judged(
        Result(name="entries", title=f"{count:,} workload entries", how=_HOW.format(count=count), series=series)
    )


def _judged(found: Result) -> Result:
    before, after = found["pushed, without entries"], found["pushed, with entries"]
    bars = [
        Bar(
            what="a stage's push with the entries, worst",
            aim=800,
            found=after.worst,
            unit="ms",
            anchor="twice what the benchmark stage allows",
        ),
        Bar(
            what="istiod with the entries",
            aim=2,
            found=found["istiod's processors, with entries"].greatest,
            unit="processors",
            anchor="one for 1,000 services and 2,000 sidecars in Istio's performance page",
        ),
    ]
    note = f"With the entries a push takes {after.median / before.median:.2f} times as long (medians)."
    return replace(found, bars=bars, notes=[note])


class _Edits:
    def __init__(self, session: Session, by_hand: Target, watched: Callers, istiod: httpx.Client) -> None:
        self._session, self._by_hand, self._watched, self._istiod = session, by_hand, watched, istiod

    def made(self, when: str, rounds: int) -> list[Series]:
        """Edits to and fro, and what istiod needed for them."""
        environment, route = self._session.environment, self._by_hand.route
        one, other = list(route.hosts)[:2]
        pushed: list[float] = []
        cpu, started = self._metric("process_cpu_seconds_total"), time.monotonic()
        with ExitStack() as stack:
            watches = {
                cluster: stack.enter_context(written(environment, cluster, NAME, NAMESPACE))
                for cluster in route.clusters
            }
            for turn in range(1, rounds + 1):
                with self._session.round("entries", f"edit {when}", turn, rounds):
                    share = 40 if turn % 2 else 60
                    wanted = self._by_hand.at({one: share, other: 100 - share})
                    pushes = self._watched.pushed(wanted, watches, self._by_hand.apply)
                    pushed += [push.milliseconds for push in pushes.values()]
        used = (self._metric("process_cpu_seconds_total") - cpu) / (time.monotonic() - started)
        memory = self._metric("process_resident_memory_bytes") / 2**20
        return [
            Series(name=f"pushed, {when}", unit="ms", values=pushed),
            Series(name=f"istiod's processors, {when}", unit="processors", values=[used]),
            Series(name=f"istiod's memory, {when}", unit="MiB", values=[memory]),
        ]

    def known(self, count: int) -> float:
        """Seconds until productpage's proxy of cluster1 has that many endpoints of the Service."""
        started = time.monotonic()
        self._watched.until_endpoints("cluster1", f"outbound|9080||entries.{_HOME}.svc.cluster.local", count)
        return time.monotonic() - started

    def _metric(self, name: str) -> float:
        found = re.search(rf"^{name} (\S+)$", self._istiod.get("/metrics").text, re.MULTILINE)
        assert found, name
        return float(found[1])


@contextmanager
def _entries(environment: Environment, count: int, folder: Path) -> Generator[None]:
    file = folder / "entries.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [*_objects(count)]}))
    try:
        # Created and not applied: kubectl would ask for each of them first.
        environment.kubectl("cluster1", "create", "--filename", str(file))
        yield
    finally:
        environment.kubectl("cluster1", "delete", "namespace", _HOME, "--ignore-not-found", "--request-timeout=0")


def _objects(count: int) -> Generator[dict[str, Any]]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _HOME}}
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "entries", "namespace": _HOME},
        "spec": {"selector": {"app": "entries"}, "ports": [{"name": "http", "port": 9080}]},
    }
    for number in range(count):
        yield {
            "apiVersion": "networking.istio.io/v1",
            "kind": "WorkloadEntry",
            "metadata": {"name": f"entry-{number}", "namespace": _HOME},
            "spec": {
                # 198.18.0.0/15 is for benchmarks (RFC 2544): no machine has such an address.
                "address": f"198.18.{number // 250}.{number % 250 + 1}",
                "labels": {"app": "entries"},
                "network": "vm-network",
                "serviceAccount": "entries",
            },
        }
