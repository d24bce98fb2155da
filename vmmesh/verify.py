"""Sends requests the way that people's requests come, counts where the calls went, and judges that."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh.calls import Calls
from vmmesh.counting import counted
from vmmesh.judge import FALSE_ALARMS, Judged, Verdict, judge
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh
from vmmesh.routes import Route
from vmmesh.traffic import send

REQUESTS = 1000
ROUTES_SECONDS = 10.0


def verify(
    mesh: Mesh,
    routes: Sequence[Route],
    requests: int,
    progress: Progress,
    *,
    stop: threading.Event | None = None,
    answers: bool = True,
    false_alarms: float = FALSE_ALARMS,
) -> list[Verdict]:
    """Judges routes, one after the other, by ``requests`` through each caller cluster's ingress.

    ``false_alarms`` is how often one of them is judged wrong though it is right. Without ``answers`` only where calls
    went is judged, not how they were answered: a gate does that. Raises Problem if the mesh cannot be asked, and
    Stopped as soon as ``stop`` is set.
    """
    verdicts: list[Verdict] = []
    for route in routes:
        with progress.step(
            "verify", f"{requests} requests for {route.service} through each of {', '.join(route.clusters)}"
        ):
            verdicts.append(_verify(mesh, route, requests, false_alarms / len(routes), stop, answers=answers))
    return verdicts


def watch(
    mesh: Mesh, routes: Sequence[Route], seconds: float, progress: Progress, *, false_alarms: float = FALSE_ALARMS
) -> list[Verdict]:
    """Judges routes by what passes in ``seconds``; sends nothing. The rest is as of :func:`verify`."""
    with progress.step("verify", f"counting for {seconds:g} s the calls that pass"):
        before = [mesh.counts(route) for route in routes]
        started = time.monotonic()
        time.sleep(seconds)
        after = [mesh.counts(route) for route in routes]
        took = time.monotonic() - started
    return [
        judge(route, counted(route, *counts), {}, took, false_alarms=false_alarms / len(routes))
        for route, *counts in zip(routes, before, after, strict=True)
    ]


def _verify(
    mesh: Mesh, route: Route, requests: int, false_alarms: float, stop: threading.Event | None, *, answers: bool
) -> Verdict:
    wrong: list[str] = []
    try:
        mesh.wait_for_routes(route, ROUTES_SECONDS)
    except Unreachable:
        raise
    except Problem as problem:
        wrong.append(str(problem))
    urls = {cluster: url for cluster in route.clusters if (url := mesh.url(cluster))}
    wrong += [
        f"{cluster} has no ingress address to send requests to" for cluster in route.clusters if cluster not in urls
    ]
    before = mesh.counts(route)
    started = time.monotonic()
    sent = send({cluster: f"{url}{route.probe_path}" for cluster, url in urls.items()}, requests, stop)
    took = time.monotonic() - started
    return judge(route, counted(route, before, mesh.counts(route)), sent, took, wrong, false_alarms, answers=answers)


def document(stack: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The verdicts as JSON: ``passed``, and the counts that it was judged by."""
    return {
        "stack": stack,
        "passed": all(verdict.passed for verdict in verdicts),
        "false_alarm_rate": FALSE_ALARMS,
        "routes": [_route(verdict) for verdict in verdicts],
    }


def _route(verdict: Verdict) -> dict[str, Any]:
    return {
        "service": verdict.route.service,
        "stage": verdict.route.stage,
        "passed": verdict.passed,
        "wrong": list(verdict.wrong),
        "notes": list(verdict.notes),
        "seconds": round(verdict.seconds, 2),
        "clusters": {
            judged.cluster: {
                "passed": not judged.wrong,
                "wrong": list(judged.wrong),
                "notes": list(judged.notes),
                "sent": judged.sent.requests,
                "failed": judged.sent.failed,
                "counted": judged.counted,
                "p_value": judged.p_value,
                "destinations": {
                    name: {
                        "percent": verdict.route.percents.get(name, 0),
                        "expected": judged.counted * verdict.route.percents.get(name, 0) / 100,
                        "counted": calls.total,
                        "failures": calls.failed,
                    }
                    for name, calls in judged.calls.items()
                },
                "matched": {
                    name: {"counted": calls.total, "failures": calls.failed} for name, calls in judged.matched.items()
                },
                "copies": {
                    name: {
                        "percent": verdict.route.rule.mirror.get(name, 0),
                        "counted": calls.total,
                        "failures": calls.failed,
                    }
                    for name, calls in judged.copies.items()
                },
            }
            for judged in verdict.clusters
        },
    }


def show(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Prints the counts and the verdict."""
    for verdict in verdicts:
        route = verdict.route
        table = Table(title=f"{route.service}, stage {route.stage}", title_justify="left", box=None, pad_edge=False)
        for heading in ("callers in", "destination"):
            table.add_column(heading)
        for heading in ("percent", "expected", "counted", "observed", "5xx"):
            table.add_column(heading, justify="right")
        for judged in verdict.clusters:
            for row in _rows(route, judged):
                table.add_row(judged.cluster, *row)
        console.print(table)
        for judged in verdict.clusters:
            likely = "" if judged.p_value is None else f", p = {judged.p_value:.2g}"
            sent = f"{judged.sent.requests} requests sent through its ingress, {judged.sent.failed} failed; "
            counted = f"{judged.counted} calls counted{likely}"
            console.print(f"{judged.cluster}: {sent if judged.sent.requests else ''}{counted}", soft_wrap=True)
            for line in judged.notes:
                console.print(Text(f"  {line}"), soft_wrap=True)
            for line in judged.wrong:
                console.print(Text(f"  {line}", style="red"), soft_wrap=True)
        for line in verdict.notes:
            console.print(Text(f"  {line}"), soft_wrap=True)
        for line in verdict.wrong:
            console.print(Text(f"  {line}", style="red"), soft_wrap=True)
        mark = Text("passed", style="bold green") if verdict.passed else Text("FAILED", style="bold red")
        console.print(Text(f"{route.service}: ") + mark + Text(f" in {verdict.seconds:.1f} s"))


def _rows(route: Route, judged: Judged) -> Iterator[list[str]]:
    """A row for each destination; then for what has come there beside the weights."""

    def row(name: str, percent: int, calls: Calls) -> list[str]:
        expected = f"{judged.counted * percent / 100:.0f}"
        observed = f"{100 * calls.total / judged.counted:.1f}%" if judged.counted else "-"
        return [name, f"{percent}%", expected, str(calls.total), observed, str(calls.failed)]

    for name, calls in judged.calls.items():
        yield row(name, route.percents.get(name, 0), calls)
    for name, calls in judged.copies.items():
        yield row(f"{name} (copies)", route.rule.mirror.get(name, 0), calls)
    for name, calls in judged.matched.items():
        yield [f"{name} (matched)", "-", "-", str(calls.total), "-", str(calls.failed)]
