"""The disk that the state is on is full: the run says so, and whatever it has done, the state knows or suspects."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.faults import HEALED_SECONDS, RATE, all_is_well, told
from tests.e2e.small_disks import fill, small_here
from tests.e2e.traffic import Stream
from toolchain.places import Checkout

pytestmark = [pytest.mark.e2e, pytest.mark.long]


@pytest.fixture(autouse=True)
def as_it_was(running: Environment) -> Iterator[None]:
    yield
    running.set_stage("vm-only")
    running.make("up")
    eventually(lambda: all_is_well(running), seconds=HEALED_SECONDS)


def weights(virtual_service: dict[str, Any]) -> list[int]:
    (route,) = virtual_service["spec"]["http"][:1]
    return [destination.get("weight", 0) for destination in route["route"]]


def unknown_to_the_state(environment: Environment) -> list[str]:
    """Clusters whose weights are others than the state has, where it does not say either that a change is under way."""
    state = json.loads(environment.pulumi("stack", "export"))["deployment"]
    operations: list[dict[str, Any]] = state.get("pending_operations") or []
    pending = [operation["resource"]["urn"] for operation in operations]
    found: list[str] = []
    for cluster in environment.outputs["urls"]:
        name = f"::details-{cluster}-weights"
        (known,) = (it for it in state["resources"] if it["urn"].endswith(name))
        there = json.loads(environment.kubectl(cluster, "get", "virtualservice", "details", "-o", "json"))
        if weights(known["inputs"]) != weights(there) and known["urn"] not in pending:
            found.append(cluster)
    return found


@pytest.mark.parametrize("when", ["before", "for-a-lock-alone", "in-the-midst"])
def test_a_full_disk_of_the_operator_is_told_and_the_state_knows_all_that_was_done(
    running: Environment, when: str
) -> None:
    backend = Checkout(running.root).backend
    size = sum(file.stat().st_size for file in backend.rglob("*") if file.is_file())
    with (
        small_here(backend, f"{size + (32 << 20)}") as filler,
        Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream,
    ):
        struck = time.monotonic()
        running.set_stage("canary")
        if when == "in-the-midst":
            threading.Thread(target=fill_after_a_save, args=(backend, filler), daemon=True).start()
        else:
            fill(filler, leaving=16 << 10 if when == "for-a-lock-alone" else 0)
        with pytest.raises(subprocess.CalledProcessError) as refused:
            running.vmmesh("up")
        said = refused.value.stderr
        assert "Traceback" not in said
        assert "make room" in said
        filler.unlink()
        assert unknown_to_the_state(running) == []
        running.make("up")
        assert running.changes() == []
    told(f"the operator's disk is full {when}", stream, struck, said.splitlines()[-1], "the next run healed it")
    assert set(stream.results) == {"200"}


def fill_after_a_save(backend: Path, filler: Path) -> None:
    """Fills the disk as soon as the update has written its first change."""
    (state,) = backend.rglob("stacks/vm-mesh/*.json")
    before = state.stat().st_mtime_ns
    deadline = time.monotonic() + 60
    while state.stat().st_mtime_ns == before and time.monotonic() < deadline:
        time.sleep(0.002)
    fill(filler)
