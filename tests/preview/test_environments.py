"""Environments that are not there yet, or are to be others: what a preview says, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from settings import PROJECT
from tests.preview import recording
from tests.preview.conftest import AGAIN, Project, config_at

pytestmark = pytest.mark.preview

BROKEN: dict[str, Any] = {
    **config_at("canray"),
    f"{PROJECT}:clusters": {"cluster1": {"network": "network1", "kind": {"ingressport": 8081}}},
    f"{PROJECT}:mesh": {"trustDomain": "Cluster.Local"},
}
MISTAKES = (
    f"{PROJECT}:clusters.cluster1.kind.ingressport: unknown key",
    f"{PROJECT}:mesh.trustDomain: must be a lower-case DNS name",
    f"{PROJECT}:routes.details.callers.clusters[1]: there is no cluster",
    f"{PROJECT}:routes.details.stages.spread.cluster2: there is no VM or cluster",
    f'{PROJECT}:stages.details: there is no stage "canray"',
)


def urns(resources: list[recording.Resource]) -> set[str]:
    # Default providers are the engine's, and no program declares them.
    return {it["urn"] for it in resources if "::default_" not in it["urn"]}


@pytest.fixture
def empty(project: Project) -> Project:
    project.become([])
    return project


@pytest.fixture
def running(project: Project) -> Project:
    project.become(recording.load()[0])
    return project


def test_from_nothing_a_preview_creates_all_of_it(empty: Project) -> None:
    empty.configure(config_at("vm-only"))
    preview = empty.preview()
    assert preview.succeeded, preview.output
    assert [*preview.changes] == ["create"]
    recorded = urns(recording.load()[0])
    assert urns(preview.steps) == recorded, AGAIN
    assert len(recorded) > 100


def test_another_vm_touches_neither_the_clusters_nor_the_vm_that_is_there(running: Project) -> None:
    config = config_at("vm-only")
    config[f"{PROJECT}:vms"]["vm2"] = config[f"{PROJECT}:vms"]["vm1"]
    running.configure(config)
    preview = running.preview()
    assert preview.succeeded, preview.output
    assert {*preview.changes} == {"create", "update"}
    assert all("::vm2" in urn for urn in preview.changes["create"])
    assert {urn.split("::")[-1] for urn in preview.changes["update"]} == {
        "details-cluster1-weights",
        "details-cluster2-weights",
    }


@pytest.mark.parametrize("command", [("preview",), ("up", "--yes", "--skip-preview")], ids=lambda it: it[0])
def test_a_config_with_mistakes_is_refused_with_all_of_them_and_nothing_is_touched(
    command: tuple[str, ...], running: Project
) -> None:
    there = running.resources()
    running.configure(BROKEN)
    refusal = running.refusal(*command)
    for mistake in MISTAKES:
        assert mistake in refusal
    assert "Traceback" not in refusal
    assert running.resources() == there
