"""The stages of a route are read from the stack's own history, whoever has set them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from pulumi.automation import UpdateSummary

from vmmesh.history import Stay, Update, before, is_proven, once_more, path, proven, stays, updates

STAGES = {"vm-only": {"vm1": 100}, "canary": {"vm1": 75, "cluster1": 25}, "kubernetes": {"cluster1": 100}}
KNOWN = list(STAGES)


BEGIN = datetime(2026, 11, 24, 10)  # as Pulumi's automation API has it: UTC, without saying so


def entry(stage: str, message: str = "", kind: str = "update", **other: Any) -> UpdateSummary:
    """An update that began in the same second as all others."""
    config = {"stages": {"details": stage}, "routes": {"details": {"stages": STAGES}}} if stage else {}
    values = {f"vm-mesh:{key}": {"value": json.dumps(value), "secret": False} for key, value in config.items()}
    given: dict[str, Any] = {"result": "succeeded", "start_time": BEGIN, "end_time": BEGIN + timedelta(seconds=30)}
    return UpdateSummary(kind=kind, message=message, environment={}, config=values, **(given | other))


def history(*stages: str) -> list[Update]:
    return updates(reversed([entry(stage) for stage in stages]))


def test_updates_are_the_oldest_first_and_only_those_that_succeeded() -> None:
    newest_first = [
        entry("canary", "second"),
        entry("kubernetes", "failed", result="failed"),
        entry("vm-only", "first"),
    ]
    found = updates(newest_first)
    assert [update.message for update in found] == ["first", "second"]
    assert found[1].stages == {"details": "canary"}


def test_a_stack_that_was_destroyed_begins_anew() -> None:
    newest_first = [entry("vm-only", "second"), entry("canary", kind="destroy"), entry("canary", "first")]
    assert [update.message for update in updates(newest_first)] == ["second"]


def test_a_stack_that_never_had_the_keys_has_no_stages() -> None:
    assert updates([entry("")])[0].stages == {}


def test_the_stages_of_a_route_are_told_with_when_they_were_there() -> None:
    def at(minute: int, *arguments: str, **other: Any) -> UpdateSummary:
        began = BEGIN + timedelta(minutes=minute)
        return entry(*arguments, start_time=began, end_time=began + timedelta(seconds=30), **other)

    found = updates([at(4, "canary"), at(3, "canary"), at(2, "spread", kind="refresh"), at(1, "vm-only"), at(0, "")])
    assert stays(found, "details") == [
        Stay(stage="vm-only", since="2026-11-24T10:01:30+00:00"),
        Stay(stage="canary", since="2026-11-24T10:03:30+00:00"),
    ]
    assert stays(found, "reviews") == []


def test_a_refresh_has_put_no_stage_in_place() -> None:
    found = updates([entry("kubernetes", kind="refresh"), entry("canary"), entry("vm-only")])
    assert path(found, "details", KNOWN) == ["vm-only", "canary"]


def test_who_runs_commands_once_more_has_put_no_stage_in_place() -> None:
    found = updates([entry("kubernetes", once_more(["vm1-join"])), entry("canary"), entry("vm-only")])
    assert path(found, "details", KNOWN) == ["vm-only", "canary"]


@pytest.mark.parametrize(
    ("stages", "led"),
    [
        ([], []),
        (["vm-only", "vm-only"], ["vm-only"]),
        (["vm-only", "canary", "kubernetes"], ["vm-only", "canary", "kubernetes"]),
        (["vm-only", "canary", "vm-only"], ["vm-only"]),
        (["vm-only", "canary", "kubernetes", "canary"], ["vm-only", "canary"]),
        (["vm-only", "kubernetes", "canary"], ["vm-only", "kubernetes", "canary"]),
        (["vm-only", "gone", "canary"], ["vm-only", "canary"]),
    ],
)
def test_the_path_to_the_present_stage(stages: list[str], led: list[str]) -> None:
    assert path(history(*stages), "details", KNOWN) == led


@pytest.mark.parametrize(
    ("stages", "here", "to"),
    [
        (["vm-only", "canary"], "canary", "vm-only"),
        (["vm-only", "kubernetes"], "kubernetes", "vm-only"),
        (["vm-only", "canary", "vm-only"], "vm-only", None),
        (["vm-only"], "canary", "vm-only"),  # in the config only
        (["canary"], "canary", "vm-only"),  # where the migration began: by the order of the config
        ([], "kubernetes", "canary"),
        ([], "vm-only", None),
    ],
)
def test_the_stage_before(stages: list[str], here: str, to: str | None) -> None:
    assert before(history(*stages), "details", here, KNOWN) == to


def test_a_stage_is_proven_since_it_was_taken() -> None:
    taken, note = entry("canary"), entry("canary", proven("details", "canary"), kind="refresh")
    noted = updates([note, taken, entry("vm-only")])
    assert is_proven(noted, "details", "canary", STAGES["canary"])
    assert not is_proven(noted[:-1], "details", "canary", STAGES["canary"])


def test_a_stage_that_was_proven_before_it_was_left_is_not() -> None:
    note = entry("canary", proven("details", "canary"), kind="refresh")
    assert not is_proven(updates([entry("canary"), entry("vm-only"), note]), "details", "canary", STAGES["canary"])


def test_a_stage_that_was_proven_with_other_weights_is_not() -> None:
    note = entry("canary", proven("details", "canary"), kind="refresh")
    assert not is_proven(updates([note]), "details", "canary", {"vm1": 50, "cluster1": 50})


def test_an_update_of_another_kind_keeps_what_was_proven() -> None:
    note = entry("canary", proven("details", "canary"), kind="refresh")
    assert is_proven(updates([entry("canary", "another key"), note]), "details", "canary", STAGES["canary"])
