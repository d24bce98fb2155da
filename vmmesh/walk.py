"""One walk through the stages of a service, on a stack that nobody else is at work on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from settings import GateSettings, Settings
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import verify
from vmmesh.changes import Change, changes
from vmmesh.gate import Gate, Standing
from vmmesh.history import Update, before, has_held, held
from vmmesh.judge import Verdict
from vmmesh.mesh import Mesh, connect
from vmmesh.place import Place
from vmmesh.recovery import Held
from vmmesh.routes import Route, route_of
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse, load, nearest, with_stage
from vmmesh.stage import ROUTES_SECONDS, refuse_loss
from vmmesh.steps import Advanced, Step
from vmmesh.traffic import Stopped
from vmmesh.watcher import Watcher

PATIENCE = 3.0
"""A gate that is neither held nor broken when its time is over is watched for so many times that time."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done: one stage further, as far as ``to``, or all the way."""

    service: str | None = None
    to: str | None = None
    all: bool = False
    requests: int = verify.REQUESTS

    @property
    def far(self) -> bool:
        """Whether it may be more than one step."""
        return self.all or self.to is not None


class _GoBack(Exception):
    """A stage is not kept. ``args`` are the reasons."""

    detected: float | None = None
    verdicts: Sequence[Verdict] = ()


def last_of(settings: Settings, service: str, order: Order) -> int:
    """Where an order ends, as an index of the stages. Raises Misuse if that is not ahead."""
    stages, here = list(settings.routes[service].stages), settings.stages[service]
    if order.all:
        return len(stages) - 1
    if order.to is None:
        return min(stages.index(here) + 1, len(stages) - 1)
    if order.to not in stages:
        raise Misuse(f"{service} has no stage {order.to}{nearest(order.to, stages)}")
    if stages.index(order.to) < stages.index(here):
        raise Misuse(
            f"{service} is in stage {here}, which comes after {order.to}",
            f"`vmmesh rollback {service}` goes one stage back, `vmmesh stage {service} {order.to}` straight to it",
        )
    return stages.index(order.to)


class Walk:
    """One run: looks at config, stack and mesh, makes them agree, and goes on from there."""

    def __init__(
        self,
        place: Place,
        service: str,
        progress: Progress,
        show: Callable[[Sequence[Change]], None],
        order: Order,
    ) -> None:
        self._place = place
        self._service = service
        self._progress = progress
        self._show = show
        self._order = order
        self._stack = Stack(place.root, place.name, "advance")
        self._settings = place.file.settings()
        self._stages = list(self._settings.routes[service].stages)

    def run(self) -> Advanced:
        """Advances as ordered."""
        with self._progress.step("look", "where config, stack and mesh are"):
            outputs = self._stack.outputs()
            history = self._stack.history()
        here, applied = self._settings.stages[self._service], outputs["stages"].get(self._service)
        last = last_of(self._settings, self._service, self._order)
        done = Advanced(service=self._service, stage=here)
        if here != applied and applied in self._stages and self._index(here) < self._index(applied):
            return self._finish_going_back(done, applied)
        if here != applied:
            self._say(f"the config says {here}, but {applied} is in place: going on from there")
            if not self._took(done, applied if applied in self._stages else None, here):
                return done
        elif not self._present_is_proven(done, here, history):
            return done
        if done.steps and not self._order.far:  # what was begun before was the one step that is asked for
            return done
        while self._index(done.stage) < last:
            if done.steps and self._pauses(done.stage):
                done.end = "paused"
                done.message = f"the gate of {done.stage} says to pause here; the next `vmmesh advance` goes on"
                return done
            if not self._took(done, done.stage, self._stages[self._index(done.stage) + 1]):
                return done
        return done

    def back(self) -> Advanced:
        """Goes to the stage before."""
        with self._progress.step("look", "which stage was before"):
            outputs = self._stack.outputs()
            history = self._stack.history()
        here, applied = self._settings.stages[self._service], outputs["stages"].get(self._service)
        done = Advanced(service=self._service, stage=here)
        if here != applied and applied in self._stages and self._index(here) < self._index(applied):
            return self._finish_going_back(done, applied)
        to = applied if here != applied and applied in self._stages else self._before(history, here)
        if to is None:
            raise Misuse(f"{self._service} has been in no stage before {here}", "nothing was changed")
        began = time.monotonic()
        found = self._edited(to)
        self._settle(to, f"vmmesh: {self._service} {here} -> {to}, asked for")
        done.stage = to
        done.steps.append(
            Step(
                before=here,
                stage=here,
                outcome="rolled back",
                seconds=time.monotonic() - began,
                changes=found,
                why=["it was asked for"],
                restored_seconds=time.monotonic() - began,
            )
        )
        return done

    # Where things are

    def _index(self, stage: str) -> int:
        return self._stages.index(stage)

    def _gate(self, stage: str) -> GateSettings | None:
        return self._settings.routes[self._service].gate_of(stage)

    def _pauses(self, stage: str) -> bool:
        gate = self._gate(stage)
        return gate is not None and gate.pause

    def _before(self, history: Sequence[Update], stage: str) -> str | None:
        return before(history, self._service, stage, self._stages)

    def _finish_going_back(self, done: Advanced, applied: str) -> Advanced:
        """The config is at an earlier stage than the stack: somebody has begun to go back."""
        began = time.monotonic()
        self._say(f"{applied} was being taken back to {done.stage}: finishing that")
        self._settle(done.stage, f"vmmesh: {self._service} {applied} -> {done.stage}, begun before")
        done.end = "rolled back"
        done.message = f"an interrupted way back from {applied} is finished; the next `vmmesh advance` tries it again"
        took = time.monotonic() - began
        done.steps.append(
            Step(
                before=done.stage,
                stage=applied,
                outcome="rolled back",
                seconds=took,
                why=["it was begun before"],
                restored_seconds=took,
            )
        )
        return done

    def _present_is_proven(self, done: Advanced, here: str, history: Sequence[Update]) -> bool:
        """Mends a mesh that is apart from the stack, and watches the gate of the present stage if need be."""
        route = route_of(self._settings, self._service)
        with connect(self._settings, self._stack.outputs()) as mesh:
            shares = mesh.shares(route)
        if any(share != route.percents for proxy, share in shares.items() if proxy.cluster in route.clusters):
            self._say(f"the callers' proxies are not all in {here}: applying it again")
            self._settle(here, f"vmmesh: {self._service} {here}, applied again")
        previous = self._before(history, here)
        weights = self._settings.weights(self._service)
        if previous is None or self._gate(here) is None or has_held(history, self._service, here, weights):
            return True
        self._say(f"{here} is in place, but has not held its gate yet")
        return self._took(done, previous, here, in_place=True)

    # What is done

    def _took(self, done: Advanced, previous: str | None, stage: str, *, in_place: bool = False) -> bool:
        """Takes a stage, and notes what became of it. Returns whether it is kept."""
        began = time.monotonic()
        found = [] if in_place else self._edited(stage)
        watcher: Watcher | None = None
        try:
            watcher, verdicts = self._proven(previous, stage, in_place=in_place)
        except _GoBack as reason:
            decided = time.monotonic()
            why = [str(line) for line in reason.args]
            for line in why:
                self._say(line, "red")
            if previous is None:
                raise Problem(f"{stage} is not kept: {why[0]}", "there is no stage before it to go back to") from None
            self._settle(previous, f"vmmesh: {self._service} {stage} -> {previous}, rolled back: {why[0]}"[:500])
            now = time.monotonic()
            done.end, done.stage = "rolled back", previous
            done.message = f"{stage} was not kept: {why[0]}"
            done.steps.append(
                Step(
                    before=previous,
                    stage=stage,
                    outcome="rolled back",
                    seconds=now - began,
                    changes=found,
                    verdicts=reason.verdicts,
                    standings=self._standings,
                    why=why,
                    detected_seconds=reason.detected,
                    restored_seconds=now - decided,
                )
            )
            return False
        if watcher is not None:
            with self._progress.step("record", f"in the stack's history that {stage} has held its gate"):
                self._stack.note(held(self._service, stage), self._service)
        done.stage = stage
        done.steps.append(
            Step(
                before=previous,
                stage=stage,
                outcome="kept",
                seconds=time.monotonic() - began,
                changes=found,
                verdicts=verdicts,
                standings=self._standings,
            )
        )
        return True

    _standings: Sequence[Standing] = ()

    def _edited(self, stage: str) -> list[Change]:
        """Edits the config and shows what that changes. Whatever ends this leaves the config as it was."""
        with self._place.file.restored_on(BaseException):
            self._edit(stage)
            with self._progress.step("preview", f"what {stage} would change"):
                found = changes(self._stack.preview(), route_of(self._settings, self._service))
            self._show(found)
            refuse_loss(found)
        return found

    def _edit(self, stage: str) -> None:
        file = self._place.file
        text = with_stage(file.text, self._service, stage)
        file.write(text)
        self._settings = load(text, file.path.name)

    def _proven(self, previous: str | None, stage: str, *, in_place: bool) -> tuple[Watcher | None, Sequence[Verdict]]:
        """Applies a stage whose config is written, verifies it and watches its gate. Raises _GoBack."""
        route = route_of(self._settings, self._service)
        gate = self._gate(stage)
        self._standings = ()
        with connect(self._settings, self._stack.outputs()) as mesh:
            if gate is None:
                self._apply(previous, stage)
                mesh.wait_for_routes(route, ROUTES_SECONDS)
                verdicts = self._verified(mesh, route, None)
                return None, verdicts
            with Watcher(mesh, Gate(gate, route), self._place.root) as watcher:
                try:
                    if not in_place:
                        self._apply(previous, stage)
                    with self._progress.step("routes", f"until every caller's proxy has the routes of {stage}"):
                        self._routes(mesh, route)
                    watcher.begin()
                    verdicts = self._verified(mesh, route, watcher)
                    self._watched(watcher, stage)
                finally:
                    self._standings = watcher.gate.standings
                return watcher, verdicts

    def _apply(self, previous: str | None, stage: str) -> None:
        """Updates the stack; if that fails or is interrupted, it is as before."""
        try:
            self._stack.up(self._progress, show_all=True, message=f"vmmesh: {self._service} {previous} -> {stage}")
        except Held:
            raise
        except (Problem, KeyboardInterrupt):
            if previous is not None:
                self._say(f"the update to {stage} did not come to its end: going back to {previous}", "yellow")
                self._settle(previous, f"vmmesh: {self._service} {stage} -> {previous}, not applied")
            raise

    def _routes(self, mesh: Mesh, route: Route) -> None:
        try:
            mesh.wait_for_routes(route, ROUTES_SECONDS)
        except Problem as problem:
            raise _GoBack(str(problem)) from problem

    def _verified(self, mesh: Mesh, route: Route, watcher: Watcher | None) -> Sequence[Verdict]:
        if route.probe_path is None:
            return []
        try:
            verdicts = verify.verify(
                mesh,
                [route],
                self._order.requests,
                self._progress,
                stop=watcher.broken if watcher else None,
                # Where a gate says how many calls may fail, it judges that.
                answers=watcher is None or watcher.gate.settings.success_rate is None,
            )
        except Stopped:
            assert watcher
            raise self._broken(watcher) from None
        if watcher and watcher.broken.is_set():
            raise self._broken(watcher)
        if wrong := [line for verdict in verdicts for line in verdict.reasons]:
            reason = _GoBack(*wrong)
            reason.verdicts = verdicts
            raise reason
        return verdicts

    def _watched(self, watcher: Watcher, stage: str) -> None:
        seconds = watcher.gate.settings.duration
        with self._progress.step("gate", f"whether {stage} holds its gate for {seconds} s") as step:
            is_held = watcher.wait(PATIENCE, lambda line: _append(step.log, line))
        if not is_held:
            raise self._broken(watcher)

    @staticmethod
    def _broken(watcher: Watcher) -> _GoBack:
        reason = _GoBack(*watcher.why)
        reason.detected = watcher.detected_seconds
        return reason

    def _settle(self, stage: str, message: str) -> None:
        """Puts a stage in place, in config, stack and mesh. Ctrl-C does not leave it half done, but twice does."""
        self._edit(stage)
        interrupted = False
        try:
            self._stack.up(self._progress, show_all=True, message=message)
        except KeyboardInterrupt:
            interrupted = True
            self._say(f"going back to {stage} comes to its end first; Ctrl-C once more breaks it off", "yellow")
            self._stack.up(self._progress, show_all=True, message=message)
        route = route_of(self._settings, self._service)
        with (
            connect(self._settings, self._stack.outputs()) as mesh,
            self._progress.step("routes", f"until every caller's proxy has the routes of {stage}"),
        ):
            mesh.wait_for_routes(route, ROUTES_SECONDS)
        if interrupted:
            raise KeyboardInterrupt

    def _say(self, line: str, style: str = "") -> None:
        self._progress.say(Text(line, style=style))


def _append(log: Path, line: str) -> None:
    with log.open("a") as file:
        file.write(f"{line}\n")
