"""Whatever state a run that was killed has left, the next one makes config, stack and mesh agree, and goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from policy.rules import Violation
from settings import GateSettings
from tests.unit.vmmesh.support import CONFIG
from toolchain.problem import Problem
from vmmesh import advance, guard
from vmmesh.advance import Order, mover, proof
from vmmesh.advance.mover import Mover
from vmmesh.calls import Calls
from vmmesh.counting import Counted
from vmmesh.history import Update, proven
from vmmesh.judge import Verdict, judge
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Proxy
from vmmesh.place import Place
from vmmesh.recovery import Held
from vmmesh.routes import Route
from vmmesh.routing import Routing
from vmmesh.stackfile import Misuse
from vmmesh.traffic import Stopped

START = CONFIG.replace("canary  #", "vm-only  #").replace(
    '{vm-only: {vm1: 100}, canary: {vm1: 75, cluster1: 25}, all: {cluster1: 100}, "on": {vm1: 100}}',
    "{vm-only: {vm1: 100}, canary: {vm1: 75, cluster1: 25}, all: {cluster1: 100}}\n"
    "        gate: {successRate: 99, duration: 1}\n"
    "        gates: {canary: {pause: true}}",
)
STAGES: Mapping[str, Mapping[str, int]] = {
    "vm-only": {"vm1": 100},
    "canary": {"vm1": 75, "cluster1": 25},
    "all": {"cluster1": 100},
}


class Killed(BaseException):
    """The process is gone: nothing of it puts anything right."""


class World:
    """A stack and its mesh. ``bad`` are stages that do not hold their gates, ``deaths`` when the process dies."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.applied = "vm-only"
        self.mesh = "vm-only"
        self.updates: list[Update] = []
        self.bad: set[str] = set()
        self.deaths: dict[str, BaseException] = {}
        self.log: list[str] = []
        self.note_update("made")

    @property
    def config(self) -> str:
        return self.place.file.settings().stages["details"]

    def reach(self, point: str) -> None:
        """A point of a run at which it may die."""
        self.log.append(point)
        if error := self.deaths.pop(point, None):
            raise error

    def note_update(self, message: str, *, applied: bool = True) -> None:
        self.updates.append(
            Update(
                message=message,
                ended=datetime.now(UTC),
                applied=applied,
                stages={"details": self.config},
                routes={"details": {"stages": STAGES}},
            )
        )

    # The stack

    def stack(self, *_arguments: object) -> World:
        return self

    def preview(self) -> list[Any]:
        self.reach(f"preview {self.config}")
        return []

    def up(self, _progress: object, *, show_all: bool, message: str) -> None:
        assert show_all
        self.reach(f"up {self.config}")
        self.mesh = self.config
        self.reach(f"half up {self.config}")
        self.applied = self.config
        self.note_update(message)

    def note(self, message: str, route: str) -> None:
        assert route == "details"
        self.reach(f"note {self.config}")
        self.note_update(message, applied=False)

    def export(self, *, secrets: bool) -> dict[str, Any]:
        assert secrets
        return {}

    def outputs(self, _export: object = None) -> dict[str, Any]:
        return {"stages": {"details": self.applied}}

    def history(self) -> list[Update]:
        return list(self.updates)

    # The mesh

    @contextmanager
    def connect(self, *_arguments: object) -> Generator[World]:
        yield self

    def routes(self, route: Route) -> dict[Proxy, Routing]:
        percents = dict.fromkeys(route.percents, 0) | dict(STAGES[self.mesh])
        return {Proxy("cluster1", "default/caller", str): Routing(percents=percents)}

    def wait_for_routes(self, route: Route, _seconds: float) -> None:
        self.reach(f"routes {route.stage}")
        assert route.stage == self.mesh

    def verify(
        self, _mesh: object, routes: Sequence[Route], _requests: int, _progress: object, *, stop: Any, answers: bool
    ) -> list[Verdict]:
        assert answers == (stop is None)
        self.reach(f"verify {routes[0].stage}")
        if stop and stop.is_set():
            raise Stopped
        counts = {name: Calls(percent) for name, percent in routes[0].percents.items()}
        return [judge(routes[0], Counted(calls=dict.fromkeys(routes[0].clusters, counts)), {}, 1.0)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    place = Place(root=tmp_path, name="dev", environment=lambda _root: {})
    place.file.write(START)
    world = World(place)

    class Gatekeeper:
        """A gate that is held unless its stage is bad."""

        def __init__(self, _mesh: object, gate: Any, _root: Path) -> None:
            self.gate = gate
            self.why = ["1 of 1 calls failed"]
            self.detected_seconds = 1.5
            self.broken = self

        def is_set(self) -> bool:
            return self.gate.route.stage in world.bad

        def __enter__(self) -> Gatekeeper:
            world.reach(f"ask before {self.gate.route.stage}")
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def begin(self) -> None:
            pass

        def wait(self, _patience: float, _show: Callable[[str], None]) -> bool:
            world.reach(f"gate {self.gate.route.stage}")
            return not self.is_set()

    monkeypatch.setattr(mover, "Stack", world.stack)
    monkeypatch.setattr(mover, "connect", world.connect)
    monkeypatch.setattr(proof, "Gatekeeper", Gatekeeper)
    monkeypatch.setattr(proof.verify, "verify", world.verify)
    return world


def run(world: World, **order: Any) -> advance.Advanced:
    return advance.advance(world.place, None, Order(**order))


def agree(world: World, stage: str) -> None:
    assert (world.config, world.applied, world.mesh) == (stage, stage, stage)


def test_a_step_is_previewed_applied_verified_watched_and_recorded(world: World) -> None:
    done = run(world)
    assert world.log == [
        "preview canary",
        "ask before canary",
        "up canary",
        "half up canary",
        "routes canary",
        "verify canary",
        "gate canary",
        "note canary",
    ]
    agree(world, "canary")
    assert (done.stage, done.end, [step.outcome for step in done.steps]) == ("canary", "done", ["kept"])
    assert world.updates[-1].message == proven("details", "canary")


def test_all_pauses_where_the_gate_says_so_and_goes_on_when_asked_again(world: World) -> None:
    paused = run(world, all=True)
    assert (paused.stage, paused.end) == ("canary", "paused")
    finished = run(world, all=True)
    assert (finished.stage, finished.end, len(finished.steps)) == ("all", "done", 1)
    assert run(world, all=True).steps == []
    agree(world, "all")


def test_a_walk_ends_at_the_stage_that_is_named(world: World) -> None:
    assert run(world, to="canary").stage == "canary"
    with pytest.raises(Misuse, match="no stage canry; did you mean canary"):
        run(world, to="canry")
    with pytest.raises(Misuse, match="which comes after vm-only"):
        run(world, to="vm-only")


def test_a_stage_that_breaks_its_gate_is_taken_back(world: World) -> None:
    world.bad.add("canary")
    done = run(world)
    agree(world, "vm-only")
    [step] = done.steps
    assert (done.end, done.stage, step.outcome, step.detected_seconds) == ("rolled back", "vm-only", "rolled back", 1.5)
    assert step.restored_seconds is not None
    assert "rolled back: 1 of 1 calls failed" in world.updates[-1].message
    assert advance.document("dev", done)["steps"][0]["why"] == ["1 of 1 calls failed"]


POINTS = [
    "preview canary",
    "ask before canary",
    "up canary",
    "half up canary",
    "routes canary",
    "verify canary",
    "gate canary",
    "note canary",
]


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_was_killed_is_gone_on_with(world: World, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """A kill puts nothing right, so neither may the test: the config stays as the run has written it."""
    world.deaths[point] = Killed()
    killed(world, monkeypatch)
    done = run(world)
    agree(world, "canary")
    assert (done.stage, done.end, len(done.steps)) == ("canary", "done", 1)
    assert [update.message for update in world.updates].count(proven("details", "canary")) == 1


@pytest.mark.parametrize("point", ["up vm-only", "half up vm-only", "routes vm-only"])
def test_a_rollback_that_was_killed_is_finished_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    world.bad.add("canary")
    world.deaths[point] = Killed()
    killed(world, monkeypatch)
    world.bad.clear()
    done = run(world, all=True)
    if point == "routes vm-only":  # by then it was done
        agree(world, "canary")
    else:
        agree(world, "vm-only")
        assert (done.end, done.stage) == ("rolled back", "vm-only")


def test_a_stage_without_a_gate_is_not_gone_past_unproven_either(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.place.file.write(re.sub(r"\n +gates?: .*", "", START))
    world.deaths["verify canary"] = Killed()
    killed(world, monkeypatch)
    agree(world, "canary")
    world.log.clear()
    assert run(world).stage == "canary"
    assert world.log == ["routes canary", "verify canary", "note canary"]
    assert run(world).stage == "all"


def killed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("vmmesh.stackfile.StackFile.restored_on", not_restored)
        patch.setattr(Mover, "take_back_edit", lambda _self: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        with pytest.raises(Killed):
            run(world)


@contextmanager
def not_restored(*_arguments: object) -> Generator[None]:
    yield


def test_a_mesh_that_is_apart_from_the_stack_is_mended_first(world: World) -> None:
    world.mesh = "all"
    run(world)
    assert world.log[:4] == ["preview vm-only", "up vm-only", "half up vm-only", "routes vm-only"]
    agree(world, "canary")


@pytest.mark.parametrize("point", POINTS)
def test_ctrl_c_leaves_one_stage_in_place(world: World, point: str) -> None:
    world.deaths[point] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(world)
    agree(world, "vm-only" if point in POINTS[:4] else "canary")


def test_ctrl_c_does_not_stop_a_rollback_half_way(world: World) -> None:
    world.bad.add("canary")
    world.deaths["half up vm-only"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(world)
    agree(world, "vm-only")


def test_an_update_that_fails_is_taken_back(world: World) -> None:
    world.deaths["half up canary"] = Problem("one of two clusters failed")
    with pytest.raises(Problem, match="one of two clusters"):
        run(world)
    agree(world, "vm-only")


def test_a_stack_that_another_run_holds_is_left_alone(world: World) -> None:
    world.deaths["up canary"] = Held("the stack is locked")
    with pytest.raises(Held):
        run(world)
    agree(world, "vm-only")


def test_a_stack_that_another_run_takes_on_the_way_is_left_where_it_has_come_to(world: World) -> None:
    run(world)
    world.deaths["up all"] = Held("the stack is locked")
    with pytest.raises(Held):
        run(world, all=True)
    agree(world, "canary")


def test_callers_that_do_not_answer_before_anything_is_applied_leave_all_as_it_was(world: World) -> None:
    world.deaths["ask before canary"] = Unreachable("no answer")
    with pytest.raises(Unreachable):
        run(world)
    agree(world, "vm-only")
    assert "up canary" not in world.log


def test_rules_hold_for_an_advance_and_its_length_only_forward(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def jumps(_steps: object, _settings: object) -> list[Violation]:
        return [Violation(rule="steps-small", urn="urn:pulumi:dev::x::y::details-weights", message="too far")]

    monkeypatch.setattr(guard, "jumps", jumps)
    with pytest.raises(Problem, match=r"break rules:\n  - details-weights: too far \(steps-small\)"):
        run(world)
    agree(world, "vm-only")
    monkeypatch.setattr(guard, "jumps", lambda _steps, _settings: [])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    run(world)
    monkeypatch.setattr(guard, "jumps", jumps)
    assert advance.rollback(world.place, None).stage == "vm-only"


def test_rollback_goes_to_the_stage_before_and_no_further(world: World) -> None:
    run(world)
    done = advance.rollback(world.place, None)
    agree(world, "vm-only")
    assert done.stage == "vm-only"
    with pytest.raises(Misuse, match="in no stage before vm-only"):
        advance.rollback(world.place, "details")
    agree(world, "vm-only")


def test_rollback_of_what_is_in_the_config_only_goes_to_what_is_in_place(world: World) -> None:
    world.place.file.write(START.replace("vm-only  #", "all  #"))
    assert advance.rollback(world.place, None).stage == "vm-only"
    agree(world, "vm-only")


def test_a_stage_of_ones_own_gate_has_what_the_route_says_beside_it(world: World) -> None:
    route = world.place.file.settings().routes["details"]
    assert route.gate_of("canary") == GateSettings(success_rate=99, duration=1, pause=True)
    assert route.gate_of("all") == GateSettings(success_rate=99, duration=1)
