"""How the routes are: the stage in config, stack and proxies, and how the calls of each destination are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from settings import Settings
from vmmesh.figures import Figures, by_destination
from vmmesh.figures import document as figures_document
from vmmesh.mesh import Mesh, Proxy, each, shown
from vmmesh.proxies import Calls
from vmmesh.routes import Route
from vmmesh.verify import difference

Snapshot = Mapping[Proxy, Mapping[str, Figures]]


def states(
    mesh: Mesh,
    settings: Settings,
    routes: Sequence[Route],
    applied: Mapping[str, str],
    before: Sequence[Snapshot],
    window: float,
) -> list[dict[str, Any]]:
    """The routes as JSON, by the calls that passed since ``before``, in a ``window`` of seconds. Raises Unreachable."""
    after = each(mesh.figures, routes)
    shares = each(mesh.shares, routes)
    return [
        {
            "service": route.service,
            "stage": route.stage,
            "applied": applied.get(route.service),
            "intended": dict(route.percents),
            "observed": observation(route, difference(route, calls(old), calls(new)), window),
            "destinations": {
                name: figures_document(figures)
                for name, figures in by_destination(route, _since(route, old, new)).items()
            },
            "drift": drift(settings, route, applied.get(route.service), share),
        }
        for route, old, new, share in zip(routes, before, after, shares, strict=True)
    ]


def calls(snapshot: Snapshot) -> dict[Proxy, dict[str, Calls]]:
    """A snapshot as calls that were begun and failed."""
    return {
        proxy: {name: Calls(part.begun, part.failed) for name, part in figures.items()}
        for proxy, figures in snapshot.items()
    }


def observation(route: Route, counted: Mapping[str, Mapping[str, Calls]], window: float) -> dict[str, Any]:
    """Percents of the calls that were counted in a ``window`` of seconds; none if there was no call."""
    totals: dict[str, int] = dict.fromkeys(route.percents, 0)
    for cluster in route.clusters:
        for destination, count in counted.get(cluster, {}).items():
            totals[destination] = totals.get(destination, 0) + count.total
    requests = sum(totals.values())
    percents = {name: round(100 * total / requests, 1) for name, total in totals.items()} if requests else {}
    return {"percent": percents, "requests": requests, "window": window}


def drift(
    settings: Settings, route: Route, applied: str | None, shares: Mapping[Proxy, Mapping[str, int] | None]
) -> list[str]:
    """Where config, stack and the callers' proxies are apart."""
    found: list[str] = []
    if applied != route.stage:
        found.append(f"the config says {route.stage}, the last update has put {applied or 'nothing'} in place")
    weights = settings.routes[route.service].stages.get(applied or "")
    if weights is None:
        return found
    wanted = dict.fromkeys(route.percents, 0) | dict(weights)
    callers = {proxy: share for proxy, share in shares.items() if proxy.cluster in route.clusters}
    apart = {proxy: share for proxy, share in callers.items() if share != wanted}
    for share in {shown(share) for share in apart.values()}:
        names = [f"{proxy.cluster} {proxy.name}" for proxy, has in apart.items() if shown(has) == share]
        found.append(
            f"{len(names)} of {len(callers)} callers' proxies have {share} in place of {shown(wanted)}: "
            f"{', '.join(names[:3])}{', ...' if names[3:] else ''}"
        )
    return found


def table(document: Sequence[Mapping[str, Any]]) -> Table:
    """The routes as a table."""
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
        for name in {**route["intended"], **observed["percent"]}:
            seen = observed["percent"].get(name)
            figures = route["destinations"].get(name, {})
            success = figures.get("success_rate")
            routes.add_row(
                route["service"],
                stage,
                name,
                f"{route['intended'].get(name, 0)}%",
                "-" if seen is None else f"{seen}%",
                f"{observed['requests']} in {observed['window']} s",
                "-" if success is None else Text(f"{100 - success:.3g}%", style="red" if success < 100 else ""),
                _milliseconds(figures.get("p50_milliseconds")),
                _milliseconds(figures.get("p99_milliseconds")),
            )
    return routes


def drift_lines(document: Sequence[Mapping[str, Any]]) -> list[Text]:
    """Where the routes are apart, a line each."""
    return [Text(f"{route['service']}: {line}", style="yellow") for route in document for line in route["drift"]]


def _since(route: Route, before: Snapshot, after: Snapshot) -> list[dict[str, Figures]]:
    return [
        {name: part.since(before.get(proxy, {}).get(name, Figures())) for name, part in figures.items()}
        for proxy, figures in after.items()
        if proxy.cluster in route.clusters
    ]


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} ms"
