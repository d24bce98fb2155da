"""The VM's disk is full, or its clock is wrong: it is said, and nothing is half done.

No test turns the clock of a machine: a container shares its host's, and what would deceive programs about it
(libfaketime) does not reach the agent, which asks the kernel itself. So the machine's ``date`` tells another time to
who looks.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.faults import HEALED_SECONDS, RATE, all_is_well, served, told
from tests.e2e.small_disks import EMPTY, FILL, in_machine, small_on_vm
from tests.e2e.traffic import Stream

pytestmark = [pytest.mark.e2e, pytest.mark.long]

LOGS, SETTINGS = "/var/log/istio", "/var/lib/istio/envoy"
FULL = "No space left on device"


@pytest.fixture(autouse=True)
def as_it_was(running: Environment) -> Iterator[None]:
    yield
    with running.edited() as config:
        config["vm-mesh:vms"]["vm1"].pop("labels", None)
        config["vm-mesh:stages"]["details"] = "vm-only"
    running.make("up")
    eventually(lambda: all_is_well(running), seconds=HEALED_SECONDS)


def failures(environment: Environment) -> list[dict[str, Any]]:
    """What the doctor finds wrong on the VM."""
    done = subprocess.run(
        ["python", "-m", "vmmesh", "doctor", "--json", "--stack", environment.stack],
        cwd=environment.root,
        env=environment.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["findings"]
    return [finding for finding in found if finding["level"] == "failure" and finding["place"] == "vm1"]


@contextmanager
def a_small_disk_of_logs(environment: Environment) -> Generator[None]:
    """The agent is started anew with it and without it: what it has open stays where it was."""
    try:
        with small_on_vm(environment, LOGS, "8m", keep=False):
            environment.on_vm("sv restart istio")
            yield
    finally:
        environment.on_vm("sv restart istio")


def test_a_full_disk_of_logs_costs_log_lines_and_no_calls(running: Environment) -> None:
    with a_small_disk_of_logs(running):
        eventually(lambda: all_is_well(running), seconds=HEALED_SECONDS)
        with Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream:
            eventually(lambda: served(stream, 100))
            struck = time.monotonic()
            in_machine(running, FILL, LOGS)
            running.make("stage", "SERVICE=details", "STAGE=canary")
            seen = [finding["what"] for finding in failures(running)]
            in_machine(running, EMPTY, LOGS)
        told("the disk of the VM's logs is full while a stage is taken", stream, struck, str(seen))
        assert set(stream.results) == {"200"}
        assert any(LOGS in what for what in seen)


def test_a_join_onto_a_full_disk_fails_and_the_machine_serves_on(running: Environment) -> None:
    """The agent's settings are replaced whole or not at all; the next run finds room, and puts the new ones."""
    with (
        small_on_vm(running, SETTINGS, "1m", keep=True),
        Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream,
    ):
        struck, before = time.monotonic(), running.on_vm(f"cat {SETTINGS}/cluster.env")
        in_machine(running, FILL, SETTINGS)
        with running.edited() as config:
            config["vm-mesh:vms"]["vm1"]["labels"] = {"disk": "full"}
        with pytest.raises(subprocess.CalledProcessError) as refused:
            running.vmmesh("up")
        said = refused.value.stderr
        assert "vm1-join failed" in said
        assert FULL in said
        assert "make room" in said
        assert running.on_vm(f"cat {SETTINGS}/cluster.env") == before
        assert set(stream.results) == {"200"}
        in_machine(running, EMPTY, SETTINGS)
    running.make("up")
    told("the VM's disk is full while it joins", stream, struck, f"vm1-join failed, {FULL}", "the next run healed it")
    assert "disk" in running.on_vm(f"cat {SETTINGS}/cluster.env")
    assert running.changes() == []


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_hours_off_is_found(running: Environment, hours: int) -> None:
    """A VM of such a clock is not let in (test_preflight.py); of one that is in, it is told."""
    lie = f'#!/bin/sh\\n[ "$*" != +%s ] || exec expr "$(/bin/date +%s)" + {hours * 3600}\\nexec /bin/date "$@"\\n'
    try:
        running.on_vm(f"printf %b '{lie}' >/usr/local/bin/date; chmod +x /usr/local/bin/date")
        (found,) = failures(running)
    finally:
        running.on_vm("rm -f /usr/local/bin/date")
    print(f"the VM's clock is {hours} h off: nothing was lost; the operator saw: {found['what']}; {found['advice']}")
    assert found["check"] == "clock"
    assert ("behind" if hours < 0 else "ahead") in found["what"]
    assert failures(running) == []
