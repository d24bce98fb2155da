"""Pictures and reports of the running mesh say what was really served."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, followed

pytestmark = [pytest.mark.e2e, pytest.mark.long]

SPREAD = {"vm1": 50, "cluster1": 25, "cluster2": 25}
PROBE = {"0"}
"""The number in the path of the requests that a report sends: the route's probePath."""
REQUESTS = 300


@pytest.fixture(scope="module")
def spread(running: Environment) -> Iterator[Environment]:
    """The environment in a stage in which every destination has calls; nothing else sends any."""
    running.set_stage("spread")
    running.up()
    yield running
    running.set_stage("vm-only")
    running.up()


def vmmesh(environment: Environment, *arguments: str) -> dict[str, Any]:
    """Run a command of the stack. Returns its JSON."""
    command = [sys.executable, "-m", "vmmesh", *arguments, "--stack", environment.stack, "--json"]
    return json.loads(environment.run(*command))


def test_a_report_counts_what_every_destination_has_logged(spread: Environment, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    with followed(spread, tmp_path, "cluster1") as logs:
        found = vmmesh(spread, "report", "details", "--requests", str(REQUESTS), "--output", str(page))
        counted: dict[str, int] = dict.fromkeys(SPREAD, 0)
        for cluster in found["routes"][0]["clusters"].values():
            for name, destination in cluster["destinations"].items():
                counted[name] += destination["counted"]

        def all_logged() -> None:
            assert {name: logs.served(name, PROBE).total() for name in SPREAD} == counted

        eventually(all_logged)
    assert found["passed"] is True
    assert sum(counted.values()) == 2 * REQUESTS
    assert found["history"]["details"][-1]["stage"] == "spread"
    (vm,) = found["vms"]
    assert (vm["name"], vm["registered"], vm["healthy"]) == ("vm1", True, True)
    text = page.read_text()
    for name, calls in counted.items():
        assert f"{100 * calls / (2 * REQUESTS):.1f} % observed, {calls} calls" in text, name
    assert "Passed" in text


def test_a_picture_has_the_shares_of_the_calls_that_pass(spread: Environment, tmp_path: Path) -> None:
    image = tmp_path / "picture.png"
    with Stream(spread.outputs["urls"]["cluster2"], rate=60) as stream:
        found = vmmesh(spread, "graph", "--window", "6", "--output", str(image))
    assert set(stream.results) == {"200"}
    assert image.read_bytes().startswith(b"\x89PNG")
    (panel,) = found["panels"]
    zones = {zone["name"]: zone for cluster in panel["zones"] for zone in (cluster, *cluster["vms"])}
    shares = {name: zone["destination"] for name, zone in zones.items()}
    assert panel["stage"] == "spread"
    assert {name: share["percent"] for name, share in shares.items()} == SPREAD
    assert panel["counted"]["passed"] is True
    assert sum(share["seen"]["calls"] for share in shares.values()) == panel["counted"]["calls"]
    assert 100 < panel["counted"]["calls"] <= stream.results.total()
    assert zones["vm1"]["health"]["good"] is True


def test_a_stage_that_is_not_applied_is_told_from_the_one_that_is(spread: Environment) -> None:
    spread.set_stage("canary")
    try:
        (panel,) = vmmesh(spread, "graph", "details", "--window", "0.1")["panels"]
    finally:
        spread.set_stage("spread")
    assert (panel["stage"], panel["config"]) == ("spread", "canary")
