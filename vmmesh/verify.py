"""Sends requests the way that people's requests come, counts where the calls went, and judges that."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh.counting import counted
from vmmesh.judge import FALSE_ALARMS, Judged, Sent, Verdict, judge
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh
from vmmesh.proxies import Calls
from vmmesh.routes import Route

REQUESTS = 1000
AT_ONCE = 16
ROUTES_SECONDS = 10.0
REQUEST_SECONDS = 10.0


def verify(mesh: Mesh, routes: Sequence[Route], requests: int, progress: Progress) -> list[Verdict]:
    """Judges routes, one after the other, by ``requests`` through each caller cluster's ingress.

    Raises Problem if the mesh cannot be asked.
    """
    verdicts: list[Verdict] = []
    for route in routes:
        with progress.step(
            "verify", f"{requests} requests for {route.service} through each of {', '.join(route.clusters)}"
        ):
            verdicts.append(_verify(mesh, route, requests, FALSE_ALARMS / len(routes)))
    return verdicts


def watch(mesh: Mesh, routes: Sequence[Route], seconds: float, progress: Progress) -> list[Verdict]:
    """Judges routes by what passes in ``seconds``; sends nothing. Raises as :func:`verify` does."""
    with progress.step("verify", f"counting for {seconds:g} s the calls that pass"):
        before = [mesh.counts(route) for route in routes]
        started = time.monotonic()
        time.sleep(seconds)
        after = [mesh.counts(route) for route in routes]
        took = time.monotonic() - started
    return [
        judge(route, counted(route, *counts), {}, took, false_alarms=FALSE_ALARMS / len(routes))
        for route, *counts in zip(routes, before, after, strict=True)
    ]


def _verify(mesh: Mesh, route: Route, requests: int, false_alarms: float) -> Verdict:
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
    sent = asyncio.run(send({cluster: f"{url}{route.probe_path}" for cluster, url in urls.items()}, requests))
    took = time.monotonic() - started
    return judge(route, counted(route, before, mesh.counts(route)), sent, took, wrong, false_alarms)


async def send(urls: Mapping[str, str], requests: int) -> dict[str, Sent]:
    """Requests each URL as often, at most :data:`AT_ONCE` at a time."""
    failures: dict[str, Counter[str]] = {name: Counter() for name in urls}
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    # The requests are for gateways of this machine or network: a proxy of the environment is not for them.
    async with httpx.AsyncClient(limits=limits, timeout=REQUEST_SECONDS, trust_env=False) as client:
        # A cookie that one answer sets would make a single session of all requests after it.
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        rest = iter([(name, url) for _ in range(requests) for name, url in urls.items()])

        async def work() -> None:
            for name, url in rest:
                try:
                    answer = await client.get(url)
                except httpx.HTTPError as error:
                    failures[name][str(error) or type(error).__name__] += 1
                else:
                    if not answer.is_success:
                        failures[name][f"HTTP {answer.status_code}"] += 1

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return {name: Sent(requests=requests, failures=failed) for name, failed in failures.items()}


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
