"""Each stage of the talk, previewed from each other one, on the state of a mesh that cannot be reached."""

from __future__ import annotations

import re
from typing import Any

import pytest

from settings import PROJECT
from tests.preview import recording
from tests.preview.conftest import AGAIN, DEV, STAGES, Project, config_at

pytestmark = pytest.mark.preview

CALLERS: list[str] = DEV[f"{PROJECT}:routes"]["details"]["callers"]["clusters"]
WEIGHT = re.compile(r"spec\.http\[0\]\.route\[\d+\]\.weight")


@pytest.fixture(scope="module", params=STAGES)
def before(request: pytest.FixtureRequest, project: Project) -> str:
    """A stage that the mesh is in."""
    resources, _ = recording.load()
    project.become(recording.at_stage(resources, "details", request.param, STAGES[request.param]))
    return request.param


def weights(step: dict[str, Any]) -> list[int]:
    (http,) = step["newState"]["inputs"]["spec"]["http"]
    return [route["weight"] for route in http["route"]]


@pytest.mark.parametrize("after", STAGES)
def test_a_stage_is_one_update_for_each_calling_cluster(before: str, after: str, project: Project) -> None:
    project.configure(config_at(after))
    preview = project.preview()
    assert preview.succeeded, preview.output
    if after == before:
        assert preview.changes == {}, AGAIN
        return

    assert [*preview.changes] == ["update"], AGAIN
    steps = [step for step in preview.steps if step["op"] != "same"]
    updated = sorted(step["urn"].split("::")[-1] for step in steps)
    assert updated == [f"details-{cluster}-weights" for cluster in CALLERS], AGAIN
    for step in steps:
        assert all(WEIGHT.fullmatch(path) for path in step["detailedDiff"])
        assert {change["kind"] for change in step["detailedDiff"].values()} == {"update"}
        assert weights(step) == [STAGES[after].get(it, 0) for it in ("vm1", "cluster1", "cluster2")]
