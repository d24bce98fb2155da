"""What the program works by is slow, hangs or is restarted: API servers and the engine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import STACK
from tests.e2e.environment import Environment, eventually
from tests.e2e.faults import HEALED_SECONDS, RATE, all_is_well, node, served, told
from tests.e2e.slow import Proxy, in_the_way
from tests.e2e.traffic import Stream
from toolchain.engine import Started
from toolchain.places import cache_root

pytestmark = [pytest.mark.e2e, pytest.mark.long]

DELAY = 0.3
"""Seconds for each chunk of each direction: a question takes twice as long, and a new connection three times."""
STILL_SECONDS = 15.0
API_PORT = 6443


@pytest.fixture(autouse=True)
def as_it_was(running: Environment) -> Iterator[None]:
    yield
    running.set_stage("vm-only")
    running.make("up")
    eventually(lambda: all_is_well(running), seconds=HEALED_SECONDS)


@contextmanager
def slow_api_servers(environment: Environment, delay: float) -> Generator[list[Proxy]]:
    """Whatever runs on this machine reaches the clusters' API servers by way of proxies."""
    inspect = ("docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
    with ExitStack() as stack:
        proxies: list[Proxy] = []
        for cluster, kubeconfig in environment.outputs["kubeconfigs"].items():
            (port,) = re.findall(r"https://127\.0\.0\.1:(\d+)", kubeconfig)
            address = environment.run(*inspect, node(cluster)).strip()
            proxies.append(stack.enter_context(Proxy(address, API_PORT, delay)))
            stack.enter_context(in_the_way(int(port), proxies[-1]))
        yield proxies


def test_a_stage_is_applied_right_by_slow_api_servers(running: Environment) -> None:
    with (
        Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream,
        slow_api_servers(running, DELAY) as proxies,
    ):
        struck = time.monotonic()
        running.make("stage", "SERVICE=details", "STAGE=canary")
        took = time.monotonic() - struck
    assert all(proxy.connections for proxy in proxies)
    told(f"API servers are slow by {DELAY} s", stream, struck, f"a stage that took {took:.0f} s", "it ended right")
    assert set(stream.results) == {"200"}
    assert running.changes() == []


def test_a_stage_goes_on_when_api_servers_that_hang_are_back(running: Environment) -> None:
    with Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream, slow_api_servers(running, 0) as proxies:
        struck = time.monotonic()
        running.set_stage("canary")
        run = subprocess.Popen(
            ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", running.stack],
            cwd=running.root,
            env=running.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        eventually(lambda: asked(proxies))
        for proxy in proxies:
            proxy.still.set()
        time.sleep(STILL_SECONDS)
        for proxy in proxies:
            proxy.still.clear()
        said, _ = run.communicate()
    seen = "nothing" if run.returncode == 0 else said.strip().splitlines()[-1]
    healed = "it ended right" if run.returncode == 0 else "the next run healed it"
    told(f"API servers hang for {STILL_SECONDS:.0f} s while a stage is applied", stream, struck, seen, healed)
    assert set(stream.results) == {"200"}
    running.make("up")
    assert running.changes() == []


def asked(proxies: list[Proxy]) -> None:
    assert any(proxy.connections for proxy in proxies)


def engine() -> Started:
    """The engine, if it is the toolchain's own; that of a whole machine is not for a test to restart."""
    record = cache_root() / "engine" / "started.json"
    started = Started(**json.loads(record.read_bytes())) if record.exists() else None
    if not started or not started.runs():
        pytest.skip("the engine was not started by the toolchain")
    return started


def test_after_a_restart_of_the_engine_one_run_brings_all_back(running: Environment) -> None:
    """Everything is down meanwhile; then it is as it was, with the VM in the mesh and nothing made anew."""
    started = engine()
    names = running.run("docker", "ps", "--format", "{{.Names}}").split()
    if others := [name for name in names if not name.startswith(f"vm-mesh-{STACK}-")]:
        pytest.skip(f"others' containers run in the engine: {others}")
    before = identities(running)
    with Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream:
        eventually(lambda: served(stream, 100))
        struck = time.monotonic()
        os.kill(started.pid, signal.SIGTERM)
        eventually(lambda: gone(started), seconds=90)
        running.make("up")
        took = time.monotonic() - struck
        all_is_well(running)
    told("the engine is restarted", stream, struck, f"make up that took {took:.0f} s in all", "make up healed it")
    assert identities(running) == before
    assert running.changes() == []
    assert Path("/proc", str(engine().pid)).exists()


def gone(started: Started) -> None:
    assert not started.runs()


def identities(environment: Environment) -> dict[str, str]:
    """Container -> its id."""
    listed = environment.run("docker", "ps", "--all", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
    return dict(line.split() for line in listed if line.startswith(f"vm-mesh-{STACK}-"))
