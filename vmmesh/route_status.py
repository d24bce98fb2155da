"""How the routes are: the stage in config, stack and proxies, and how the calls of each destination are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from settings import Settings
from vmmesh.calls import Calls
from vmmesh.calls import document as calls_document
from vmmesh.counting import counted, of_all_callers
from vmmesh.drift import in_lines, misrouted, restaged
from vmmesh.mesh import Mesh, Snapshot, each
from vmmesh.routes import Route, applied_route


def states(
    mesh: Mesh,
    settings: Settings,
    routes: Sequence[Route],
    applied: Mapping[str, str],
    before: Sequence[Snapshot],
    window: float,
) -> list[dict[str, Any]]:
    """The routes as JSON, by the calls that passed since ``before``, in a ``window`` of seconds. Raises Unreachable."""
    found: list[dict[str, Any]] = []
    for route, old, new, have in zip(routes, before, each(mesh.counts, routes), each(mesh.routes, routes), strict=True):
        stage = applied.get(route.service)
        apart = restaged(route.service, route.stage, stage) + misrouted(applied_route(settings, route, stage), have)
        seen = counted(route, old, new)
        calls = of_all_callers(route, seen.calls, seen.matched)
        found.append(
            {
                "service": route.service,
                "stage": route.stage,
                "applied": stage,
                "intended": dict(route.percents),
                "observed": observation(of_all_callers(route, seen.calls), window),
                "destinations": {name: calls_document(part) for name, part in calls.items()},
                "drift": in_lines(apart),
            }
        )
    return found


def observation(calls: Mapping[str, Calls], window: float) -> dict[str, Any]:
    """Percents of the calls that were counted in a ``window`` of seconds; none if there was no call."""
    requests = sum(part.total for part in calls.values())
    percents = {name: round(100 * part.total / requests, 1) for name, part in calls.items()} if requests else {}
    return {"percent": percents, "requests": requests, "window": window}


def show(console: Console, document: Sequence[Mapping[str, Any]]) -> None:
    """Prints the routes as a table, and where they are apart from it."""
    console.print(_table(document))
    for route in document:
        for line in route["drift"]:
            console.print(Text(line, style="yellow"), soft_wrap=True)


def _table(document: Sequence[Mapping[str, Any]]) -> Table:
    routes = Table(box=None, pad_edge=False)
    for heading in ("route", "stage", "destination"):
        routes.add_column(heading)
    for heading in ("intended", "observed", "requests", "failed", "p50", "p99"):
        routes.add_column(heading, justify="right")
    for route in document:
        observed = route["observed"]
        stage = Text(route["stage"])
        if route["applied"] != route["stage"]:
            stage.append(f" (not applied, {route['applied']} is)", style="yellow")
        for name, answered in route["destinations"].items():
            seen, success = observed["percent"].get(name), answered["success_rate"]
            routes.add_row(
                route["service"],
                stage,
                name,
                f"{route['intended'].get(name, 0)}%",
                "-" if seen is None else f"{seen}%",
                f"{observed['requests']} in {observed['window']} s",
                "-" if success is None else Text(f"{100 - success:.3g}%", style="red" if success < 100 else ""),
                milliseconds(answered["p50_milliseconds"]),
                milliseconds(answered["p99_milliseconds"]),
            )
    return routes


def milliseconds(value: float | None) -> str:
    """A time in a table."""
    return "-" if value is None else f"{value:.3g} ms"
