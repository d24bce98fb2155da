"""A stage is previewed before it is applied, and whatever stops it before leaves the config as it was."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from tests.unit.vmmesh.support import CONFIG, Programs, state_with, step
from toolchain.problem import Problem
from vmmesh import api_servers, stage
from vmmesh.calls import Calls
from vmmesh.changes import Change
from vmmesh.counting import Counted
from vmmesh.judge import Verdict, judge
from vmmesh.place import Place
from vmmesh.recovery import Held
from vmmesh.routes import Route
from vmmesh.stackfile import Misuse

COMMAND = "command:local:Command"


class Fake:
    """A stack and its mesh, which note what is asked of them and with which config."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.events: list[EngineEvent] = [step("resourcePreEvent", "update", COMMAND, "weights")]
        self.error: BaseException | None = None
        self.state: dict[str, Any] = {}
        self.log: list[str] = []

    def note(self, what: str) -> None:
        self.log.append(f"{what} {self.place.file.settings().stages['details']}")

    def stack(self, *_arguments: object) -> Fake:
        return self

    def preview(self) -> list[EngineEvent]:
        self.note("preview")
        if isinstance(self.error, KeyboardInterrupt):
            raise self.error
        return self.events

    def up(self, _progress: object, *, show_all: bool, message: str) -> None:
        assert show_all
        assert message.startswith("vmmesh: details canary -> ")
        if self.error:
            raise self.error
        self.note("up")

    def export(self, *, secrets: bool) -> dict[str, Any]:
        assert secrets
        return self.state

    def outputs(self) -> Mapping[str, Any]:
        return {}

    @contextmanager
    def connect(self, *_arguments: object) -> Generator[Fake]:
        yield self

    def wait_for_routes(self, route: Route, _seconds: float) -> None:
        self.log.append(f"routes of {route.stage}")

    def verify(self, _mesh: object, routes: Sequence[Route], requests: int, _progress: object) -> list[Verdict]:
        self.log.append(f"verify {requests}")
        return [judge(route, Counted(calls={"cluster1": {"vm1": Calls(10)}}), {}, 1.0) for route in routes]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    place = Place(root=tmp_path, name="dev", environment=lambda _root: {})
    place.file.write(CONFIG)
    fake = Fake(place)
    monkeypatch.setattr(stage, "Stack", fake.stack)
    monkeypatch.setattr(stage, "connect", fake.connect)
    monkeypatch.setattr(stage.verify, "verify", fake.verify)
    return fake


def move(fake: Fake, to: str, service: str = "details") -> stage.Staged:
    shown: list[Sequence[Change]] = []
    try:
        return stage.stage(fake.place, service, to, 50, shown.append)
    finally:
        fake.log.append(f"shown {[change.name for found in shown for change in found]}")


def test_a_move_edits_previews_applies_waits_and_verifies(fake: Fake) -> None:
    staged = move(fake, "vm-only")
    assert fake.log == [
        "preview vm-only",
        "up vm-only",
        "routes of vm-only",
        "verify 50",
        "shown ['weights']",
    ]
    assert (staged.before, staged.route.stage) == ("canary", "vm-only")
    assert stage.document("dev", staged)["verification"]["passed"]
    assert fake.place.file.text == CONFIG.replace("canary  #", "vm-only  #")


@pytest.mark.parametrize("operation", ["replace", "delete"])
def test_a_move_that_would_destroy_something_is_refused(fake: Fake, operation: str) -> None:
    fake.events = [step("resourcePreEvent", operation, COMMAND, "node")]
    with pytest.raises(Problem, match=f"{operation} node"):
        move(fake, "vm-only")
    assert fake.log == ["preview vm-only", "shown ['node']"]
    assert fake.place.file.text == CONFIG


def test_ctrl_c_before_the_update_leaves_the_config_as_it_was(fake: Fake) -> None:
    fake.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        move(fake, "vm-only")
    assert fake.place.file.text == CONFIG


def test_a_cluster_that_hangs_ends_it_before_the_preview(
    fake: Fake, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_servers, "WAIT_SECONDS", 0.0)
    programs.make("kubectl", "echo refused >&2; exit 1")
    fake.state = state_with("cluster1")
    with pytest.raises(Problem, match=r"nothing was changed.*\n  - cluster1: .*refused"):
        move(fake, "vm-only")
    assert fake.log == ["shown []"]
    assert fake.place.file.text == CONFIG


def test_an_update_that_may_not_begin_leaves_the_config_as_it_was(fake: Fake) -> None:
    fake.error = Held("another run is at work")
    with pytest.raises(Held):
        move(fake, "vm-only")
    assert fake.place.file.text == CONFIG


def test_an_update_that_failed_half_way_is_gone_on_with(fake: Fake) -> None:
    fake.error = Problem("one of two clusters failed")
    with pytest.raises(Problem):
        move(fake, "vm-only")
    assert fake.place.file.settings().stages == {"details": "vm-only"}


def test_a_move_to_the_present_stage_verifies_only(fake: Fake) -> None:
    fake.events = []
    move(fake, "canary")
    assert fake.log == ["preview canary", "routes of canary", "verify 50", "shown []"]


def test_a_stage_with_the_same_weights_is_recorded(fake: Fake) -> None:
    fake.events = []
    move(fake, "on")
    assert "up on" in fake.log


def test_unknown_names_are_told_with_the_nearest_and_touch_nothing(fake: Fake) -> None:
    with pytest.raises(Misuse, match=r"details has no stage canry; did you mean canary\? \(known: vm-only, canary"):
        move(fake, "canry")
    with pytest.raises(Misuse, match="there is no route reviews"):
        move(fake, "canary", "reviews")
    assert not [line for line in fake.log if not line.startswith("shown")]
