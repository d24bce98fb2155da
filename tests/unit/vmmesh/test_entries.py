"""Which workload entries nobody stands behind."""

from __future__ import annotations

from typing import Any

import pytest

from vmmesh.entries import stale


def entry(name: str, machine: str | None, connected: str = "") -> dict[str, Any]:
    labels = {"vm-mesh/machine": machine} if machine else {}
    annotations = {"istio.io/connectedAt": connected} if connected else {}
    return {"metadata": {"name": name, "labels": labels, "annotations": annotations}}


@pytest.mark.parametrize(
    ("entries", "left_behind"),
    [
        ([], []),
        ([entry("a", "vm1", "2026-01-01")], []),
        ([entry("a", "vm1")], []),
        ([entry("new", "vm1", "2026-01-02"), entry("old", "vm1", "2026-01-01")], ["old"]),
        ([entry("old", "vm1", "2026-01-01"), entry("new", "vm1", "2026-01-02")], ["old"]),
        ([entry("a", "vm1", "2026-01-01"), entry("b", "vm2", "2026-01-02")], []),
        ([entry("gone", "vm9", "2026-01-01"), entry("unnamed", None, "2026-01-01")], ["gone", "unnamed"]),
    ],
)
def test_a_machine_stands_behind_one_entry(entries: list[Any], left_behind: list[str]) -> None:
    assert [it["metadata"]["name"] for it in stale(entries, ["vm1", "vm2"])] == left_behind
