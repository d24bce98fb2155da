"""A migration over time, of the metrics that the management cluster keeps."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from toolchain.problem import Problem
from vmmesh.history import stays
from vmmesh.kept_metrics import curves, span
from vmmesh.mesh import connect
from vmmesh.observe import in_place
from vmmesh.picture.page import page_of
from vmmesh.picture.png import png
from vmmesh.picture.style import Theme
from vmmesh.picture.timeline import Curve, Part, Timeline, failures, shares, within
from vmmesh.picture.timeline_drawing import draw, sections, title
from vmmesh.place import Place
from vmmesh.routes import route_of
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse

_UNITS = {"m": 60, "h": 3600, "d": 24 * 3600}


def seconds_of(words: str) -> int:
    """A time as people write it. Raises Misuse if it is none."""
    match = re.fullmatch(r"([1-9][0-9]{0,3})([mhd])", words)
    if not match:
        raise Misuse(f"--over must be minutes, hours or days, such as 30m, 6h or 2d, not {words}")
    return int(match[1]) * _UNITS[match[2]]


def over(place: Place, service: str | None, seconds: int) -> Timeline:
    """The last so many ``seconds`` of the routes of a stack, or of one.

    Raises SettingsError, Misuse (there is no such route, or nothing keeps metrics), or Problem.
    """
    config = place.file.settings()
    if service:
        route_of(config, service)
    if config.management.metrics is None:
        raise Misuse("nothing keeps metrics of this stack: set management.cluster and management.metrics in its config")
    place.enter()
    stack = Stack(place.root, place.name, "graph")
    outputs = stack.outputs()
    settings = in_place(config, outputs)
    routes = [service] if service else list(settings.routes)
    if service and service not in settings.routes:
        raise Problem(f"the route of {service} is in the config only", "run `make up` first")
    when = span(seconds, config.management.metrics.interval, time.time())
    history = stack.history()
    with connect(settings, outputs) as mesh:
        parts = [
            Part(
                service=route,
                curves=curves(settings, route, when, mesh.metrics),
                stays=within(stays(history, route), when.start),
            )
            for route in routes
        ]
    return Timeline(stack=place.name, moments=when.moments, parts=parts)


def rendered(timeline: Timeline, ending: str, theme: Theme | None) -> bytes:
    """The picture as the file format of an ending."""
    if ending == ".png":
        return png(draw(timeline, Theme.LIGHT if theme in (None, Theme.AUTO) else theme))
    svg = draw(timeline, theme or Theme.AUTO)
    if ending == ".html":
        return page_of(title(timeline), svg, theme or Theme.AUTO, sections(timeline)).encode()
    return svg.encode()


def document(timeline: Timeline, output: Path | None) -> dict[str, Any]:
    """What the picture shows, as JSON."""
    return {
        "output": str(output) if output else None,
        "stack": timeline.stack,
        "moments": list(timeline.moments),
        "routes": [_part(part) for part in timeline.parts],
    }


def _part(part: Part) -> dict[str, Any]:
    percents = shares(part)
    return {
        "service": part.service,
        "stages": [asdict(stay) for stay in part.stays],
        "destinations": {curve.destination: _curve(curve, percents[curve.destination]) for curve in part.curves},
    }


def _curve(curve: Curve, percents: Sequence[float | None]) -> dict[str, Any]:
    return {
        "calls_per_second": list(curve.calls),
        "percent": percents,
        "failed_percent": failures(curve),
        "p50_milliseconds": list(curve.p50),
        "p99_milliseconds": list(curve.p99),
    }
