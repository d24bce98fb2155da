"""What is put into the stack's history is found there again, and changes nothing."""

from __future__ import annotations

import pytest

from tests.preview import recording
from tests.preview.conftest import STAGES, Project, config_at
from vmmesh.history import is_proven, proven
from vmmesh.stack import Stack

pytestmark = pytest.mark.preview


def test_a_stage_that_was_proven_is_in_the_history(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster of the recorded state can be reached, so that the note has looked at none."""
    resources, _ = recording.load()
    project.become(recording.at_stage(resources, "details", "canary", STAGES["canary"]))
    project.configure(config_at("canary"))
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    stack = Stack(project.folder, "dev", "note")
    before = project.resources()
    assert not is_proven(stack.history(), "details", "canary", STAGES["canary"])
    stack.note(proven("details", "canary"), "details")
    assert project.resources() == before
    assert is_proven(stack.history(), "details", "canary", STAGES["canary"])
    assert not is_proven(stack.history(), "details", "canary", {"vm1": 50, "cluster1": 50})
