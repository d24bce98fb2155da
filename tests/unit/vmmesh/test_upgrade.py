"""By way of which stages a VM is freed of calls, and how they come back, also after a run that was stopped."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from policy.rules import Violation
from tests.unit.vmmesh.support import CONFIG, settings
from toolchain.problem import Problem
from vmmesh import guard, upgrade
from vmmesh.history import Update, once_more
from vmmesh.judge import Verdict
from vmmesh.place import Place
from vmmesh.rejoin import machines_of
from vmmesh.routes import Route
from vmmesh.stackfile import Misuse, load
from vmmesh.upgrade import detours


class Fake:
    """A stack and its mesh, which note what is done to them and with which config; ``fails`` says at what."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.applied = "canary"
        self.updates: list[Update] = []
        self.log: list[str] = []
        self.fails: dict[str, BaseException] = {}

    def reach(self, point: str) -> None:
        self.log.append(point)
        self.reach_silently(point)

    def reach_silently(self, point: str) -> None:
        if error := self.fails.pop(point, None):
            raise error

    @property
    def stage(self) -> str:
        return self.place.file.settings().stages["details"]

    def stack(self, *_arguments: object) -> Fake:
        return self

    def export(self, *, secrets: bool) -> dict[str, Any]:
        assert secrets
        return {}

    def outputs(self, _export: object) -> dict[str, Any]:
        return {"stages": {"details": self.applied}}

    def history(self) -> list[Update]:
        return list(self.updates)

    def preview(self) -> list[EngineEvent]:
        self.reach("preview")
        return []

    def up(self, _progress: object, *, message: str, only: Sequence[str] = ()) -> Mapping[str, int]:
        self.reach(f"weights of {self.stage}" if only else "up")
        assert set(only) <= {"details-cluster1-weights", "details-cluster2-weights"}
        self.note(message)
        self.reach_silently(f"after {self.stage}" if only else "after up")
        return {"update": 1}

    def up_again(self, _progress: object) -> None:
        self.reach("what was broken off")

    def note(self, message: str) -> None:
        """An update by anybody."""
        self.applied = self.stage
        self.updates.append(
            Update(message=message, ended=datetime.now(UTC), applied=True, stages={"details": self.stage}, routes={})
        )

    @contextmanager
    def connect(self, *_arguments: object) -> Generator[Fake]:
        yield self

    def wait_for_routes(self, route: Route, _seconds: float) -> None:
        assert route.stage == self.applied
        self.reach_silently(f"routes of {route.stage}")

    def drain(self, _mesh: object, machine: str) -> None:
        self.reach(f"drain {machine}")

    def healthy(self, *_arguments: object) -> None:
        self.reach("healthy")

    def verify(self, *_arguments: object) -> list[Verdict]:
        self.reach(f"verify {self.stage}")
        return []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    place = Place(root=tmp_path, name="dev", environment=lambda _root: {})
    place.file.write(CONFIG)
    fake = Fake(place)
    monkeypatch.setattr(upgrade, "Stack", fake.stack)
    monkeypatch.setattr(upgrade, "connect", fake.connect)
    monkeypatch.setattr(upgrade, "_drain", fake.drain)
    monkeypatch.setattr(upgrade, "_wait_until_healthy", fake.healthy)
    monkeypatch.setattr(upgrade.verify, "verify", fake.verify)
    return fake


def run(fake: Fake) -> upgrade.Upgraded:
    fake.log.clear()
    return upgrade.upgrade(fake.place, "vm1", None, 50)


AWAY = ["drain vm1", "up", "what was broken off", "healthy"]
WHOLE = ["preview", "weights of all", *AWAY, "weights of canary", "verify canary"]


def test_calls_go_round_the_vm_while_it_is_changed(fake: Fake) -> None:
    assert run(fake).through == {"details": ("canary", "all")}
    assert fake.log == WHOLE
    assert fake.place.file.text == CONFIG
    assert run(fake).through == {"details": ("canary", "all")}


def test_rules_hold_for_an_upgrade_too(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    violation = Violation(rule="replacements-allowed", urn="urn:pulumi:dev::x::y::vm1", message="vm1 would be replaced")
    monkeypatch.setattr(guard, "findings", lambda *_: [violation])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(Problem, match="vm1 would be replaced"):
        run(fake)
    assert fake.log == ["preview"]
    assert fake.place.file.text == CONFIG


@pytest.mark.parametrize("point", ["after all", "routes of all", "drain vm1", "up", "healthy", "weights of canary"])
@pytest.mark.parametrize("error", [Problem("it does not work"), KeyboardInterrupt()])
def test_the_next_run_brings_back_the_calls_that_one_that_was_stopped_has_moved(
    fake: Fake, point: str, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.fails[point] = error
    with pytest.raises(type(error)):
        run(fake)
    assert fake.stage == "all"
    way_back = "details stays in stage all: run this again, or make stage SERVICE=details STAGE=canary"
    assert way_back in capsys.readouterr().err
    assert run(fake).through == {"details": ("canary", "all")}
    assert fake.log == WHOLE
    assert fake.place.file.text == CONFIG


def test_calls_that_could_not_be_moved_are_where_the_config_had_them(fake: Fake) -> None:
    fake.fails["weights of all"] = Problem("one of two clusters failed")
    with pytest.raises(Problem, match="one of two clusters failed"):
        run(fake)
    assert fake.place.file.text == CONFIG


def test_a_way_back_that_failed_in_one_of_two_clusters_is_gone_on_with(
    fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine writes down the outputs of an update that failed, too: the stage that it was to come to."""
    fake.fails["weights of canary"] = Problem("one of two clusters failed")
    with pytest.raises(Problem, match="one of two clusters failed"):
        run(fake)
    assert "details stays in stage all: run this again" in capsys.readouterr().err
    fake.applied = "canary"
    assert run(fake).through == {"details": ("canary", "all")}
    assert fake.place.file.text == CONFIG


@pytest.mark.parametrize("point", ["after canary", "routes of canary"])
def test_calls_that_are_back_are_not_said_to_stay(fake: Fake, point: str, capsys: pytest.CaptureFixture[str]) -> None:
    fake.fails[point] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(fake)
    assert fake.place.file.text == CONFIG
    assert "stays in stage" not in capsys.readouterr().err


def test_a_step_that_is_run_once_more_ends_no_way_back(fake: Fake) -> None:
    fake.fails["healthy"] = Problem("it does not work")
    with pytest.raises(Problem):
        run(fake)
    fake.note(once_more(["vm1-join"]))
    assert run(fake).through == {"details": ("canary", "all")}
    assert fake.place.file.text == CONFIG


def test_a_stage_that_somebody_has_seen_since_stays(fake: Fake) -> None:
    fake.fails["healthy"] = Problem("it does not work")
    with pytest.raises(Problem):
        run(fake)
    fake.note("somebody's own")
    assert run(fake).through == {}
    assert fake.stage == "all"


def test_a_way_round_that_is_in_the_config_only_is_none(fake: Fake) -> None:
    """A run that was killed before its first update, or an edit of which the VM's callers know nothing yet."""
    fake.place.file.set_stage("details", "all")
    with pytest.raises(Problem, match="details is in stage all, but canary is in place, which calls vm1") as problem:
        run(fake)
    assert "STAGE=canary" in problem.value.advice
    assert fake.log == []


def test_calls_take_the_first_stage_that_sends_the_vm_none() -> None:
    assert detours(settings(), "vm1", None) == {"details": ("canary", "all")}


def test_calls_take_the_stage_that_is_named() -> None:
    assert detours(settings(), "vm1", "all") == {"details": ("canary", "all")}
    with pytest.raises(Misuse, match="details has no stage vm-only that sends vm1 nothing"):
        detours(settings(), "vm1", "vm-only")


def test_a_vm_that_nobody_calls_needs_none() -> None:
    nobody = load(CONFIG.replace("details:   canary", "details: all"), "Pulumi.test.yaml")
    assert detours(nobody, "vm1", None) == {}


def test_a_route_that_always_calls_the_vm_is_told_what_it_lacks() -> None:
    always = load(CONFIG.replace("all: {cluster1: 100}", "all: {vm1: 1, cluster1: 99}"), "Pulumi.test.yaml")
    with pytest.raises(Misuse, match="every stage of details sends calls to vm1") as misuse:
        detours(always, "vm1", None)
    assert "vm-mesh:routes.details.stages" in misuse.value.advice


def test_what_there_is_not_is_misuse() -> None:
    with pytest.raises(Misuse, match="there is no VM vm2; did you mean vm1"):
        detours(settings(), "vm2", None)
    with pytest.raises(Misuse, match="there is no machine vm2"):
        machines_of(settings(), ["vm2"])
    assert machines_of(settings()) == ["vm1"]
