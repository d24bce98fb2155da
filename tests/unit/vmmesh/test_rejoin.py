"""Machines join again, and nothing else of the config is put in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.vmmesh.support import CONFIG
from toolchain.problem import Problem
from vmmesh import rejoin
from vmmesh.place import Place


class Fake:
    """A stack that says which stage is in place, and notes what is run once more."""

    def __init__(self, applied: str) -> None:
        self.applied = applied
        self.again: list[str] = []

    def opened(self, *_arguments: object) -> Fake:
        return self

    def export(self, *, secrets: bool) -> dict[str, Any]:
        assert secrets
        return {}

    def outputs(self, _export: object) -> dict[str, Any]:
        return {"stages": {"details": self.applied}}

    def up(self, _progress: object, *, again: list[str]) -> None:
        self.again += again


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "Pulumi.test.yaml").write_text(CONFIG)
    return Place(root=tmp_path, name="test", environment=lambda _root: {})


def test_machines_join_once_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Fake("canary")
    monkeypatch.setattr(rejoin, "Stack", stack.opened)
    assert rejoin.rejoin(place, []) == ["vm1"]
    assert stack.again == ["vm1-join"]


def test_with_a_stage_that_is_in_the_config_only_nothing_is_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Fake("vm-only")
    monkeypatch.setattr(rejoin, "Stack", stack.opened)
    with pytest.raises(Problem, match="put vm-only in place"):
        rejoin.rejoin(place, ["vm1"])
    assert not stack.again
