"""What a mesh does at a moment, and how its routes came to where they are: what pictures and reports are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from settings import Settings
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import status, verify
from vmmesh.history import Stay, stays
from vmmesh.judge import FALSE_ALARMS, Verdict
from vmmesh.mesh import connect
from vmmesh.place import Place
from vmmesh.routes import route_of
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A stack that is up, looked at once."""

    settings: Settings
    """The config, with the stages that are in place."""
    config: Mapping[str, str]
    """The stages that the config has."""
    moment: str
    """When the counting began, by ISO 8601."""
    verdicts: Sequence[Verdict]
    vms: Sequence[Mapping[str, Any]]
    """As ``status`` has them."""
    history: Mapping[str, Sequence[Stay]]
    """Route -> its stages, the first one first."""


def observe(place: Place, service: str | None, seconds: float, requests: int | None = None) -> Observation:
    """Looks at the routes of a stack, or at one.

    Calls that pass in so many ``seconds`` are counted, or as many ``requests`` are sent through the ingress of each
    cluster with callers; a route without a probePath is counted in any case.

    Raises SettingsError, Misuse (there is no such route), or Problem (it is not in place, or the mesh does not answer).
    """
    config = place.file.settings()
    if service:
        route_of(config, service)
    place.enter()
    stack = Stack(place.root, place.name, "observe")
    outputs = stack.outputs()
    settings = in_place(config, outputs)
    if service and service not in settings.routes:
        raise Problem(f"the route of {service} is in the config only", "run `make up` first, or name a --stage")
    routes = [route_of(settings, name) for name in ([service] if service else settings.routes)]
    sending = [route for route in routes if requests and route.probe_path]
    counting = [route for route in routes if route not in sending]
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    with connect(settings, outputs) as mesh, Progress(Checkout(place.root).logs) as progress:
        verdicts: list[Verdict] = []
        # Those that are sent to and those that are counted are judged apart, and share one rate of false alarms.
        if requests and sending:
            share = FALSE_ALARMS * len(sending) / len(routes)
            verdicts += verify.verify(mesh, sending, requests, progress, false_alarms=share)
        if counting:
            share = FALSE_ALARMS * len(counting) / len(routes)
            verdicts += verify.watch(mesh, counting, seconds, progress, false_alarms=share)
        vms = status.machines(mesh, settings)
    history = stack.history()
    return Observation(
        settings=settings,
        config=config.stages,
        moment=moment,
        verdicts=verdicts,
        vms=vms,
        history={route.service: stays(history, route.service) for route in routes},
    )


def in_place(config: Settings, outputs: Mapping[str, Any]) -> Settings:
    """The part of a config that the last update has put in place, in the stages that it has put in place.

    Raises Problem if the config does not know such a stage any more.
    """
    applied: Mapping[str, str] = outputs["stages"]
    for service, stage in applied.items():
        if service in config.routes and stage not in config.routes[service].stages:
            raise Problem(
                f"{service} is in stage {stage}, which the config does not have any more", "run `make up` first"
            )
    routes = {name: route for name, route in config.routes.items() if name in applied}
    there = outputs["transports"].keys()
    vms = {name: vm for name, vm in config.vms.items() if not there.isdisjoint(vm.all_machines(name))}
    return config.model_copy(update={"routes": routes, "stages": {name: applied[name] for name in routes}, "vms": vms})


def planned(config: Settings, service: str | None, stage: str) -> dict[str, str]:
    """Route -> ``stage``, for the route of ``service`` or all that have such a stage. Raises Misuse if none has it."""
    names = [service] if service else list(config.routes)
    if service:
        route_of(config, service)
    found = {name: stage for name in names if stage in config.routes[name].stages}
    if not found:
        known = sorted({known for name in names for known in config.routes[name].stages})
        of = service or "any route"
        raise Misuse(f"{of} has no stage {stage} (known: {', '.join(known) or 'none'})")
    return found
