"""What a preview plans, as the commands read it."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.automation import EngineEvent

from policy.rules import Resource
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


def step(kind: str, operation: str, *paths: str) -> planned.Step:
    resource = Resource(urn=urn(f"kubernetes:apps/v1:{kind}", "details"), type=f"kubernetes:apps/v1:{kind}")
    return planned.Step(operation=operation, urn=resource.urn, old=resource, new=resource, paths=paths)


def test_deployments_get_new_pods_if_their_template_changes() -> None:
    anew = step("Deployment", "update", "spec.template.metadata.annotations.a")
    others = [
        step("Deployment", "update", "spec.replicas"),
        step("Deployment", "create", "spec.template.metadata.annotations.a"),
        step("DaemonSet", "update", "spec.template.metadata.annotations.a"),
    ]
    assert planned.rolled([anew, *others]) == [anew]
