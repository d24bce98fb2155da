"""A migration that needs nobody awake: stages are proven, bad canaries go back by themselves, kills do no harm.

``FAULTS=all`` kills at every point of a step, and not only at those that differ most.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream

pytestmark = pytest.mark.e2e

GATE = {"duration": 8, "successRate": 99, "p99Milliseconds": 1000, "minRequests": 50}
RATE = 30.0
DETECTED_SECONDS = 15.0
"""Envoy adds latencies every 5 s, the proxies are asked every second, and a busy machine takes its time."""
POINTS = (
    ["up", "gate"] if os.environ.get("FAULTS") != "all" else ["preview", "up", "routes", "verify", "gate", "record"]
)


@pytest.fixture(scope="module", autouse=True)
def gated(running: Environment) -> Iterator[None]:
    """The route with a gate, and the stages of the talk only; in the end in its first stage, as it was."""
    with running.edited() as config:
        before = config["vm-mesh:routes"]["details"]
        stages = {name: weights for name, weights in before["stages"].items() if name != "uneven"}
        config["vm-mesh:routes"]["details"] = before | {"stages": stages, "gate": GATE}
    yield
    with running.edited() as config:
        config["vm-mesh:routes"]["details"] = before
        config["vm-mesh:stages"]["details"] = "vm-only"
    running.make("up")  # which frees the stack from what a killed run has left, as `pulumi up` does not


@pytest.fixture(autouse=True)
def first_stage(running: Environment) -> None:
    if where(running) != ("vm-only", "vm-only", {"vm1": 100}):
        running.set_stage("vm-only")
        running.make("up")


def command(environment: Environment, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "vmmesh", *arguments, f"--stack={environment.stack}"]


def vmmesh(environment: Environment, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Runs a command that prints JSON, and checks how it ends."""
    done = environment.ended(command(environment, *arguments, "--json"), os.environ, behind=True)
    print(done.stderr[-3000:], done.stdout if done.returncode != code else "")
    assert done.returncode == code
    return json.loads(done.stdout)


def where(environment: Environment) -> tuple[str, str, dict[str, int]]:
    """The stage in the config, the one in the stack, and the weights in each cluster, which are alike."""
    stages = json.loads(environment.pulumi("config", "get", "stages"))
    applied = json.loads(environment.pulumi("stack", "output", "stages", "--json"))
    found: list[dict[str, int]] = []
    for cluster in environment.outputs["urls"]:
        service = json.loads(environment.kubectl(cluster, "get", "virtualservice", "details", "-o", "json"))
        weights = {
            part["destination"].get("subset", "vm1"): part.get("weight", 0)
            for part in service["spec"]["http"][0]["route"]
        }
        found.append({name: weight for name, weight in weights.items() if weight})
    assert all(weights == found[0] for weights in found), found
    return stages["details"], applied["details"], found[0]


@contextmanager
def bad_canary(environment: Environment, **env: str) -> Generator[None]:
    """The version of details in the clusters has a fault; no call goes there yet."""

    def deployed(variables: dict[str, str]) -> None:
        with environment.edited() as config:
            if variables:
                config["vm-mesh:application"] = bookinfo(variables)
            else:
                del config["vm-mesh:application"]
        environment.up()

    try:
        deployed(env)
        yield
    finally:
        deployed({})


def bookinfo(env: dict[str, str]) -> dict[str, Any]:
    paths = ["/productpage", "/static", "/login", "/logout", "/api/v1/products"]
    return {
        "productpage": {"versions": {"v1": {}}, "ingressPaths": paths},
        "details": {"versions": {"v1": {"env": env}}},
        "reviews": {"versions": {"v1": {}, "v2": {}, "v3": {}}},
        "ratings": {"versions": {"v1": {}}},
    }


def traffic(environment: Environment) -> Stream:
    return Stream(environment.outputs["urls"]["cluster1"], rate=RATE)


def test_all_four_stages_under_traffic_and_none_is_lost(running: Environment) -> None:
    with traffic(running) as stream:
        done = vmmesh(running, "advance", "--all", "--requests=300")
    assert [(step["stage"], step["outcome"]) for step in done["steps"]] == [
        ("canary", "kept"),
        ("kubernetes", "kept"),
        ("spread", "kept"),
    ]
    print(f"{dict(stream.results)} in {stream.seconds:.0f} s; steps took {[step['seconds'] for step in done['steps']]}")
    assert set(stream.results) == {"200"}
    assert where(running) == ("spread", "spread", {"vm1": 50, "cluster1": 25, "cluster2": 25})
    assert vmmesh(running, "advance")["steps"] == []
    assert vmmesh(running, "rollback")["stage"] == "kubernetes"
    assert where(running) == ("kubernetes", "kubernetes", {"cluster1": 100})


def assert_rolled_back(running: Environment, done: dict[str, Any]) -> None:
    [step] = done["steps"]
    print(f"detected in {step['detected_seconds']} s, restored in {step['restored_seconds']} s: {step['why']}")
    assert (done["end"], done["stage"], step["stage"]) == ("rolled back", "vm-only", "canary")
    assert all("cluster1" in line for line in step["why"]), step["why"]
    assert step["detected_seconds"] < DETECTED_SECONDS
    assert where(running) == ("vm-only", "vm-only", {"vm1": 100})


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"ERROR_RATE": "100"}, id="answers 5xx"),
        pytest.param({"DELAY": "1500ms"}, id="is slow", marks=pytest.mark.long),
    ],
)
def test_a_bad_canary_is_rolled_back_by_itself(running: Environment, fault: dict[str, str]) -> None:
    with bad_canary(running, **fault), traffic(running):
        assert_rolled_back(running, vmmesh(running, "advance", code=1))


@pytest.mark.long
def test_a_canary_that_dies_is_rolled_back_by_itself(running: Environment) -> None:
    """It is well until its gate is watched; then its pod is gone and does not come back."""
    deployment = "deployment/details-v1"
    with long_gate(running), traffic(running), started(running) as process:
        reached(running, process, "gate")
        running.kubectl("cluster1", "scale", deployment, "--replicas=0")
        try:
            running.kubectl("cluster1", "delete", "pod", "-l", "app=details", "--grace-period=0", "--force")
            printed, _ = process.communicate(timeout=300)
        finally:
            running.kubectl("cluster1", "scale", deployment, "--replicas=1")
            running.kubectl("cluster1", "rollout", "status", deployment, "--timeout=50s")
    assert process.returncode == 1
    assert_rolled_back(running, json.loads(printed))


@contextmanager
def long_gate(environment: Environment) -> Generator[None]:
    """The gate's time begins with the routes, so the requests that prove the split could outlast a short one."""
    with environment.edited() as config:
        config["vm-mesh:routes"]["details"]["gate"] = GATE | {"duration": 120}
    yield
    with environment.edited() as config:
        config["vm-mesh:routes"]["details"]["gate"] = GATE


@contextmanager
def started(environment: Environment) -> Generator[subprocess.Popen[str]]:
    """A run, which does not outlive the block; what it shows of its progress is in :func:`progress`."""
    with progress(environment).open("w") as log:
        process = subprocess.Popen(
            command(environment, "advance", "--json", "--requests=300"),
            cwd=environment.root,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


def progress(environment: Environment) -> Path:
    return environment.kubeconfigs / "advance.progress"


def reached(environment: Environment, process: subprocess.Popen[str], point: str) -> None:
    """Waits until a run has reached a step; the update's own steps are the resources that it changes."""
    begins = {"up": "details-cluster1-weights: "}.get(point, f"{point}: ")

    def there() -> None:
        assert process.poll() is None, progress(environment).read_text()
        assert any(line.startswith(begins) for line in progress(environment).read_text().splitlines())

    eventually(there, seconds=180)


@pytest.mark.long
@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_is_killed_is_gone_on_with(running: Environment, point: str) -> None:
    with traffic(running) as stream:
        with long_gate(running), started(running) as process:
            reached(running, process, point)
            process.send_signal(signal.SIGKILL)
        done = vmmesh(running, "advance", "--requests=300")
    assert done["end"] == "done"
    if point == "record":  # whether it was recorded is a matter of luck
        assert where(running)[0] in ("canary", "kubernetes")
    else:
        assert where(running) == ("canary", "canary", {"vm1": 75, "cluster1": 25})
    assert set(stream.results) == {"200"}


@pytest.mark.long
def test_two_at_once_one_works_and_the_other_says_who_does(running: Environment) -> None:
    with traffic(running), started(running) as process:
        reached(running, process, "preview")
        began = time.monotonic()
        second = subprocess.run(
            command(running, "advance"), cwd=running.root, capture_output=True, text=True, check=False
        )
        assert time.monotonic() - began < 60
        assert second.returncode == 1
        assert f"another run is at work on the stack {running.stack}: process {process.pid}" in second.stderr
        printed, _ = process.communicate(timeout=300)
    assert json.loads(printed)["stage"] == "canary"


@pytest.mark.long
def test_ctrl_c_during_the_gate_keeps_the_stage_everywhere(running: Environment) -> None:
    with long_gate(running), traffic(running), started(running) as process:
        reached(running, process, "gate")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 130
    assert where(running) == ("canary", "canary", {"vm1": 75, "cluster1": 25})


@pytest.mark.long
def test_logs_of_all_places_in_one_window(running: Environment) -> None:
    with traffic(running):
        vmmesh(running, "advance")
    done = subprocess.run(
        command(running, "logs", "details", "--json", "--lines=200"),
        cwd=running.root,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"vm1", "cluster1"} <= {line["place"] for line in lines}
    assert lines == sorted(lines, key=lambda line: line["start_time"])
    assert all(line["path"].startswith("/details/") for line in lines)


@pytest.mark.long
def test_status_shows_latency_and_no_drift(running: Environment) -> None:
    with traffic(running):
        found = vmmesh(running, "status", "--window=8")
    [route] = found["routes"]
    assert route["drift"] == []
    assert route["destinations"]["vm1"]["success_rate"] == 100
    assert route["destinations"]["vm1"]["p99_milliseconds"] is not None
    running.set_stage("canary")
    [route] = vmmesh(running, "status", "--window=1")["routes"]
    assert route["drift"] == ["details: is in stage canary, applied is vm-only"]
