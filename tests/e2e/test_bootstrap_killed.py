"""A bootstrap that is killed, in each of its steps: the next run brings the machine in as if nothing had been."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.faults import kill_all
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = [pytest.mark.e2e, pytest.mark.long]

STEPS = ["container", "preflight", "sidecar", "serve-details", "join", "membership"]
SETTINGS: dict[str, Any] = {
    "cluster": "cluster1",
    "services": {"details": {"port": 9080, "command": "/usr/local/bin/details"}},
    "probe": {"http": {"path": "/health", "port": 9080}},
}


@pytest.fixture(scope="module", autouse=True)
def as_it_was(running: Environment) -> Iterator[None]:
    yield
    running.set_stage("vm-only")
    running.up()
    with running.edited() as config:
        for step in STEPS:
            config["vm-mesh:vms"].pop(f"in-{step}", None)
            config["vm-mesh:routes"]["details"]["stages"].pop(f"in-{step}", None)
    running.make("up")
    running.forget_outputs()


@pytest.mark.parametrize("step", STEPS)
def test_a_bootstrap_that_is_killed_is_finished_by_the_next_run(running: Environment, step: str) -> None:
    vm = f"in-{step}"
    with running.edited() as config:
        config["vm-mesh:vms"][vm] = SETTINGS
        config["vm-mesh:routes"]["details"]["stages"][vm] = {vm: 100}
    with Stream(running.outputs["urls"]["cluster1"], rate=40) as stream:
        killed_in(running, f"{vm}-{step}")
        started = time.monotonic()
        running.make("up")
        took = time.monotonic() - started
    print(f"{step}: healed in {took:.0f} s; {dict(stream.results)}")
    assert set(stream.results) == {"200"}
    assert running.changes() == []
    eventually(lambda: is_healthy(running, vm))
    running.set_stage(vm)
    running.up()
    with Stream(running.outputs["urls"]["cluster2"], rate=40) as stream:
        time.sleep(2)
    assert set(stream.results) == {"200"}
    assert send(running.outputs["urls"]["cluster1"], new_ids(20)) == {"200": 20}
    running.set_stage("vm-only")
    running.up()


def test_an_edit_that_is_taken_back_after_a_kill_is_taken_back_on_the_machine_too(running: Environment) -> None:
    """To Pulumi nothing differs then from what the step was given the last time that it came to its end."""
    vm = "in-join"
    given(running, vm, SETTINGS)
    running.make("up")
    running.forget_outputs()
    given(running, vm, SETTINGS | {"labels": {"edited": "yes"}})
    killed_in(running, f"{vm}-join", "changing", lambda: eventually(lambda: edited(running, vm)))
    given(running, vm, SETTINGS)
    print(running.make("up"))
    with pytest.raises(AssertionError):
        edited(running, vm)
    eventually(lambda: is_healthy(running, vm))
    assert running.changes() == []


def given(environment: Environment, vm: str, settings: dict[str, Any]) -> None:
    with environment.edited() as config:
        config["vm-mesh:vms"][vm] = settings


def edited(environment: Environment, vm: str) -> None:
    assert "edited" in environment.on_vm("cat /var/lib/istio/envoy/cluster.env", vm)


def killed_in(
    environment: Environment,
    step: str,
    verb: str = "making",
    # Into the step, each of which takes longer.
    far_enough: Callable[[], None] = lambda: time.sleep(0.5),
) -> None:
    """Runs `vmmesh up` until a step is under way, and kills it and all that it has started."""
    run = subprocess.Popen(
        [sys.executable, "-m", "vmmesh", "up", "--stack", environment.stack],
        cwd=environment.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert run.stdout
    with run.stdout:
        reached = any(line.startswith(f"{step}: {verb}") for line in run.stdout)
        try:
            if reached:
                far_enough()
        finally:
            kill_all(run)
    assert reached, f"{step} was never begun"


def is_healthy(environment: Environment, vm: str) -> None:
    found = json.loads(environment.vmmesh("status", "--json"))
    (shown,) = (it for it in found["vms"] if it["name"] == vm)
    assert (shown["registered"], shown["healthy"]) == (True, True), shown
