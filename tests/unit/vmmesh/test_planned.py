"""What a preview plans, as the commands read it."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.automation import EngineEvent

from tests.unit.vmmesh.support import event_of, urn
from vmmesh import planned

STACK = "pulumi:pulumi:Stack"


def end(before: dict[str, Any] | None, after: dict[str, Any]) -> EngineEvent:
    """The stack's own last event, with its outputs."""
    metadata = {
        "op": "same",
        "urn": urn(STACK, "vm-mesh-dev"),
        "type": STACK,
        "provider": "",
        "old": None if before is None else {"outputs": before},
        "new": {"outputs": after},
    }
    return event_of({"sequence": 1, "timestamp": 1, "resOutputsEvent": {"metadata": metadata}})


def summary(**changes: int) -> EngineEvent:
    event = {"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": changes, "PolicyPacks": {}}
    return event_of({"sequence": 1, "timestamp": 1, "summaryEvent": event})


CANARY = {"stages": {"details": "canary"}}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([end(CANARY, CANARY), summary(same=9)], True),
        ([end(CANARY, CANARY), summary(same=9, update=1)], False),
        # Two stages may have the same weights, and then differ in the stack's output alone.
        ([end({"stages": {"details": "vm-only"}}, CANARY), summary(same=9)], False),
        ([end(None, CANARY), summary(same=9)], False),
        ([end(CANARY, CANARY)], False),  # a preview that has not come to its end
    ],
)
def test_a_preview_changes_nothing_only_if_all_is_the_same(events: list[EngineEvent], expected: bool) -> None:
    assert planned.nothing(events) is expected
