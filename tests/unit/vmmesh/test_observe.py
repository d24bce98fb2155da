"""What is in place, what a stage would be, and how a route came to where it is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from pulumi.automation import UpdateSummary

from tests.unit.vmmesh.support import settings
from toolchain.problem import Problem
from vmmesh.observe import Stay, in_place, planned, stays
from vmmesh.stackfile import Misuse

BEGIN = datetime(2026, 11, 24, 10)  # as Pulumi's automation API has it: UTC, without saying so


def update(minute: int, stage: str | None, kind: str = "update", result: str = "succeeded") -> UpdateSummary:
    config = {"vm-mesh:stages": {"value": json.dumps({"details": stage}), "secret": False}} if stage else {}
    began = BEGIN + timedelta(minutes=minute)
    return UpdateSummary(kind, began, "", {}, config, result, began + timedelta(seconds=30))


def test_the_stages_of_a_route_are_told_by_the_stack_s_updates() -> None:
    updates = [
        update(5, "kubernetes", result="failed"),
        update(4, "canary"),
        update(3, "canary"),
        update(2, "spread", kind="refresh"),
        update(1, "vm-only"),
        update(0, None),
    ]
    assert stays(updates, "details") == [
        Stay(stage="vm-only", since="2026-11-24T10:01:30+00:00"),
        Stay(stage="canary", since="2026-11-24T10:03:30+00:00"),
    ]
    assert stays(updates, "reviews") == []


def test_a_stack_that_was_destroyed_begins_anew() -> None:
    updates = [update(1, "canary"), update(2, "canary", kind="destroy"), update(3, "vm-only")]
    assert [stay.stage for stay in stays(updates, "details")] == ["vm-only"]


def test_in_place_are_the_stages_of_the_last_update_and_its_vms() -> None:
    found = in_place(settings(), {"stages": {"details": "vm-only"}, "transports": {}})
    assert found.stages == {"details": "vm-only"}
    assert found.vms == {}
    assert in_place(settings(), {"stages": {}, "transports": {"vm1": "docker exec x"}}).routes == {}


def test_a_stage_that_is_in_place_and_not_in_the_config_is_a_problem() -> None:
    with pytest.raises(Problem, match="details is in stage gone, which the config does not have any more"):
        in_place(settings(), {"stages": {"details": "gone"}, "transports": {}})


def test_a_stage_to_come_is_of_every_route_that_has_it() -> None:
    assert planned(settings(), None, "all") == {"details": "all"}
    assert planned(settings(), "details", "all") == {"details": "all"}
    with pytest.raises(Misuse, match=r"details has no stage al \(known: all, canary, on, vm-only\)"):
        planned(settings(), "details", "al")
    with pytest.raises(Misuse, match="did you mean details"):
        planned(settings(), "detail", "all")
