"""A run reads the state once where nothing changes, and begins nothing that a rule or an API server is against."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from policy.rules import Violation
from tests.unit.vmmesh.support import CONFIG, Programs, state_with
from toolchain.problem import Problem
from vmmesh import api_servers, planned, up
from vmmesh.place import Place

CHANGES = {"update": 2, "same": 100}


class Fake:
    """A stack, which notes what is asked of it."""

    name = "dev"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.state: dict[str, Any] = state_with("cluster1", "cluster2")
        self.log: list[str] = []

    def stack(self, *_arguments: object, make: bool) -> Fake:
        assert make
        return self

    def export(self, *, secrets: bool) -> dict[str, Any]:
        assert secrets
        self.log.append("export")
        return self.state

    def outputs(self, export: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.log.append("outputs of the state that was read" if export is self.state else "outputs")
        return {"urls": {}}

    def unfinished(self, _export: object) -> bool:
        return False

    def preview(self) -> list[EngineEvent]:
        self.log.append("preview")
        return []

    def up(self, _progress: object, *, one_by_one: bool = False) -> dict[str, int]:
        self.log.append(f"up{' one by one' if one_by_one else ''}")
        return CHANGES

    def up_again(self, _progress: object) -> None:
        self.log.append("what was broken off")

    @contextmanager
    def connect(self, *_arguments: object) -> Generator[Fake]:
        yield self


@pytest.fixture
def fake(tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Fake:
    place = Place(root=tmp_path, name="dev", environment=lambda _root: {})
    place.file.write(CONFIG)
    fake = Fake(place)
    programs.make("kubectl")
    monkeypatch.setattr(up, "Stack", fake.stack)
    monkeypatch.setattr(up, "connect", fake.connect)
    monkeypatch.setattr(up.tools, "ensure", lambda _place: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    for tends in ("remove_stale", "lapsed"):
        monkeypatch.setattr(up, tends, lambda *_: ())  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    return fake


def changing(monkeypatch: pytest.MonkeyPatch, *, nothing: bool) -> None:
    monkeypatch.setattr(planned, "nothing", lambda _events: nothing)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


def test_where_nothing_changes_the_state_is_read_once(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(monkeypatch, nothing=True)
    assert up.up(fake.place)["changed"] == {}
    # The edit that something was broken off in may have been taken back.
    assert fake.log == ["export", "preview", "what was broken off", "outputs of the state that was read"]


def test_an_update_has_outputs_of_its_own(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(monkeypatch, nothing=False)
    assert up.up(fake.place)["changed"] == {"update": 2}
    assert fake.log == ["export", "preview", "up", "what was broken off", "outputs"]


@pytest.mark.parametrize(("changes", "asked"), [({"create": 9}, 1), ({"update": 9}, 0)])
def test_what_is_made_is_ready_when_the_other_networks_are_reached(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, changes: dict[str, int], asked: int
) -> None:
    changing(monkeypatch, nothing=False)
    monkeypatch.setattr(fake, "up", lambda *_, **__: changes)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(up, "await_gateways", lambda *_: fake.log.append("gateways"))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    up.up(fake.place)
    assert fake.log.count("gateways") == asked


def test_a_stack_that_was_just_made_is_not_asked(fake: Fake, programs: Programs) -> None:
    fake.state = {}
    up.up(fake.place)
    assert fake.log == ["export", "preview", "up", "what was broken off", "outputs"]
    assert programs.calls == []


def test_rules_hold_from_the_first_run_on(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.state = {}
    violation = Violation(rule="images-pinned", urn="urn:pulumi:dev::x::y::vm1", message="vm1 has a moving tag")
    monkeypatch.setattr(up.guard, "findings", lambda *_: [violation])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(Problem, match="vm1 has a moving tag"):
        up.up(fake.place)
    assert fake.log == ["export", "preview"]


def test_a_cluster_that_hangs_ends_it_before_the_preview(
    fake: Fake, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_servers, "WAIT_SECONDS", 0.0)
    programs.make("kubectl", "echo refused >&2; exit 1")
    with pytest.raises(Problem, match=r"nothing was changed.*\n  - cluster1: .*refused\n  - cluster2: "):
        up.up(fake.place)
    assert fake.log == ["export"]


def test_agents_are_waited_for_when_those_that_were_away_for_too_long_have_joined_again(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noting(called: str) -> Callable[..., None]:
        return lambda *_: fake.log.append(called)

    changing(monkeypatch, nothing=True)
    monkeypatch.setattr(up, "lapsed", lambda *_: ["vm1"])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    for called in ("await_pods", "join_again", "await_agents"):
        monkeypatch.setattr(up, called, noting(called))
    up.up(fake.place)
    assert [it for it in fake.log if "output" not in it] == [
        "export",
        "await_pods",
        "preview",
        "what was broken off",
        "join_again",
        "await_agents",
    ]
