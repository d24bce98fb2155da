"""Somebody changes the mesh by hand: it is named, and put right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually

pytestmark = pytest.mark.e2e

BY_HAND = [
    {"op": "replace", "path": f"/spec/http/0/route/{index}/weight", "value": weight}
    for index, weight in ((0, 60), (1, 40))
]
VIRTUAL_SERVICE = ("virtualservices.networking.istio.io", "details", "--namespace=default")


def drift(environment: Environment) -> list[dict[str, Any]]:
    """What ``vmmesh drift`` says; checks that it ends as it says."""
    done = subprocess.run(
        [sys.executable, "-m", "vmmesh", "drift", "--stack", environment.stack, "--json"],
        cwd=environment.root,
        env=environment.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert found["drifted"] == bool(found["differences"]) == bool(done.returncode)
    return found["differences"]


@pytest.fixture
def put_right(running: Environment) -> Iterator[None]:
    yield
    running.pulumi("refresh", "--yes", "--skip-preview")
    running.up()


@pytest.mark.long
def test_a_mesh_that_nobody_has_changed_has_no_drift(running: Environment) -> None:
    assert drift(running) == []


@pytest.mark.long
def test_config_that_is_not_applied_is_drift(running: Environment) -> None:
    running.set_stage("canary")
    try:
        found = drift(running)
    finally:
        running.set_stage("vm-only")
    assert {it["where"] for it in found} == {"config"}  # proxies are as the stage that is applied has them
    assert "is in stage canary, applied is vm-only" in {it["what"] for it in found}


@pytest.mark.usefixtures("put_right")
def test_a_route_that_is_changed_by_hand_is_drift_and_is_put_right(running: Environment) -> None:
    running.kubectl("cluster2", "patch", *VIRTUAL_SERVICE, "--type=json", f"--patch={json.dumps(BY_HAND)}")

    def told() -> None:
        found = drift(running)
        assert {it["cluster"] for it in found} == {"cluster2"}
        (changed,) = (it for it in found if it["where"] == "object")
        assert changed["name"] == "details-cluster2-weights"
        assert "spec.http[0].route[0].weight" in changed["what"]
        assert any("as vm1 60%, cluster1 40%, not vm1 100%" in it["what"] for it in found if it["where"] == "proxy")

    eventually(told)
    running.pulumi("refresh", "--yes", "--skip-preview")
    running.up()
    eventually(lambda: _none(running))


def _none(environment: Environment) -> None:
    assert drift(environment) == []
