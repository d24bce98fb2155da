"""Changes what runs on a VM while nobody calls it: its sidecar, its service, or whatever else of it was edited."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from settings import Settings
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import guard, verify
from vmmesh.api_servers import await_api_servers
from vmmesh.exclusive import exclusive
from vmmesh.history import Update, left_for, moved, upgrading
from vmmesh.judge import Verdict
from vmmesh.mesh import Mesh, connect, each
from vmmesh.place import Place
from vmmesh.routes import route_of
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse, load, nearest, with_stage
from vmmesh.status import entries_of, health

ROUTES_SECONDS = 30.0
HEALTHY_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """An upgrade: by way of which stages, what the update has changed, and how the way back is judged."""

    vm: str
    through: Mapping[str, tuple[str, str]]
    """Service -> the stage that it is in, and the one by way of which the VM was free of calls."""
    changes: Mapping[str, int]
    verdicts: Sequence[Verdict]


def detours(settings: Settings, vm: str, through: str | None) -> dict[str, tuple[str, str]]:
    """Service -> its stage and one in which ``vm`` has no weight, for each route that calls the VM now.

    ``through`` names that stage; without it the first one of the route. Raises Misuse if there is none, or no such VM.
    """
    if vm not in settings.vms:
        raise Misuse(f"there is no VM {vm}{nearest(vm, list(settings.vms))}")
    found: dict[str, tuple[str, str]] = {}
    for service, route in settings.routes.items():
        here = settings.stages[service]
        if not route.stages[here].get(vm):
            continue
        free = [name for name, weights in route.stages.items() if not weights.get(vm)]
        if through and through not in free:
            raise Misuse(f"{service} has no stage {through} that sends {vm} nothing{nearest(through, free)}")
        if not free:
            raise Misuse(
                f"every stage of {service} sends calls to {vm}",
                f"add one that does not below vm-mesh:routes.{service}.stages, such as kubernetes: {{cluster1: 100}}",
            )
        found[service] = (here, through or free[0])
    return found


def unfinished(settings: Settings, vm: str, history: Sequence[Update]) -> dict[str, tuple[str, str]]:
    """The ways that an upgrade of ``vm`` was stopped on: service -> the stage to come back to, and its present one."""
    found: dict[str, tuple[str, str]] = {}
    for service, route in settings.routes.items():
        stage = settings.stages[service]
        calling = [name for name, weights in route.stages.items() if weights.get(vm)]
        if here := left_for(history, service, stage, vm, calling):
            found[service] = (here, stage)
    return found


def upgrade(place: Place, vm: str, through: str | None, requests: int) -> Upgraded:
    """Applies what was edited of ``vm`` without losing a call of it.

    Calls move to a stage that sends the VM none; once its machines are drained the whole config is applied; when they
    are healthy again the calls come back, and the stages are verified. What an earlier upgrade was stopped at is gone
    on with. Raises Misuse before anything is touched, or Problem, also if a rule would be broken: the calls stay where
    they were at that moment, which the config says then.
    """
    settings = place.file.settings()
    ways = detours(settings, vm, through)
    machines = list(settings.vms[vm].all_machines(vm))
    place.enter()
    with exclusive(place.root, place.name), Progress(Checkout(place.root).logs) as progress:
        stack = Stack(place.root, place.name, "upgrade")
        state = stack.export(secrets=True)
        await_api_servers(state, settings, progress.say)
        outputs = stack.outputs(state)
        begun = unfinished(settings, vm, stack.history())
        # An update that failed on the way back has written down the stage that it was to come to.
        left_in = {service: stage for service, (_, stage) in begun.items()}
        _check_applied(settings, vm, outputs["stages"] | left_in)
        with progress.step("preview", "what the upgrade would change"):
            guard.refuse(guard.findings(stack.preview(), settings))
        ways |= begun
        with connect(settings, outputs) as mesh:
            with _way_back_told(place, ways, progress):
                _move(place, stack, mesh, vm, ways, progress)
                with progress.step("drain", f"until no call of {vm} is under way"):
                    each(lambda machine: _drain(mesh, machine), machines)
                changes = stack.up(progress, message=upgrading(vm, "the whole config"))
                stack.up_again(progress)
                with progress.step("healthy", f"until {', '.join(machines)} can serve again"):
                    _wait_until_healthy(mesh, settings, vm, machines)
                back = {service: (to, here) for service, (here, to) in ways.items()}
                settings = _move(place, stack, mesh, vm, back, progress)
            routes = [route for route in (route_of(settings, name) for name in back) if route.probe_path]
            verdicts = verify.verify(mesh, routes, requests, progress)
    return Upgraded(vm=vm, through=ways, changes=changes, verdicts=verdicts)


def _check_applied(settings: Settings, vm: str, applied: Mapping[str, Any]) -> None:
    """Raises Problem if a stage that sends ``vm`` nothing is in the config only, and the VM has calls still."""
    for service, route in settings.routes.items():
        stage, there = settings.stages[service], applied.get(service, "")
        if not route.stages[stage].get(vm) and route.stages.get(there, {}).get(vm):
            raise Problem(
                f"the config says that {service} is in stage {stage}, but {there} is in place, which calls {vm}",
                f"run `make stage SERVICE={service}` with STAGE={stage}, or with STAGE={there} to take it back",
            )


def _move(
    place: Place, stack: Stack, mesh: Mesh, vm: str, ways: Mapping[str, tuple[str, str]], progress: Progress
) -> Settings:
    """Takes routes from stage to stage, and puts nothing else of the config into effect; waits for every caller.

    If they do not come to it, the config stays as it was.
    """
    text = place.file.text
    for service, (_, to) in ways.items():
        text = with_stage(text, service, to)
    settings = load(text, place.file.path.name)
    if not ways:
        return settings
    routes = [route_of(settings, service) for service in ways]
    message = upgrading(vm, ", ".join(moved(service, here, to) for service, (here, to) in ways.items()))
    weights = [f"{route.service}-{cluster}-weights" for route in routes for cluster in route.clusters]
    try:
        with place.file.restored_on(BaseException):
            place.file.write(text)
            stack.up(progress, only=weights, message=message)
    except BaseException:
        if any(update.message == message for update in stack.history()[-1:]):  # Ctrl-C came when all was done
            place.file.write(text)
        raise
    for route in routes:
        with progress.step("routes", f"until every caller's proxy has the routes of {route.stage}"):
            mesh.wait_for_routes(route, ROUTES_SECONDS)
    return settings


@contextmanager
def _way_back_told(place: Place, ways: Mapping[str, tuple[str, str]], progress: Progress) -> Generator[None]:
    """Says where calls stay that whatever ends the block keeps from coming back, and what brings them back."""
    try:
        yield
    except BaseException:
        stages = place.file.settings().stages
        for service, (here, to) in ways.items():
            if stages[service] == to:
                line = f"{service} stays in stage {to}: run this again, or make stage SERVICE={service} STAGE={here}"
                progress.say(Text(line, style="yellow"))
        raise


def _drain(mesh: Mesh, machine: str) -> None:
    environment = {**os.environ, "VM": machine, "TRANSPORT": mesh.transport(machine)}
    done = subprocess.run(["sh", "bootstrap/drain.sh"], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(f"{machine} could not be drained: {done.stderr.strip()}", "nothing of it was changed; run again")


def _wait_until_healthy(mesh: Mesh, settings: Settings, vm: str, machines: Sequence[str]) -> None:
    place = settings.vms[vm]
    deadline = time.monotonic() + HEALTHY_SECONDS
    while True:
        states = {name: health(entries_of(mesh, place.cluster, place.namespace, name)) for name in machines}
        sick = {name: state["message"] for name, state in states.items() if not state["healthy"]}
        if not sick:
            return
        if time.monotonic() > deadline:
            why = "; ".join(f"{name}: {message}" for name, message in sick.items())
            raise Problem(
                f"after {HEALTHY_SECONDS:.0f} s {vm} is not healthy: {why}",
                "mend it and run the same command again",
            )
        time.sleep(0.5)
