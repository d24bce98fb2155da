"""Faults, how they strike under traffic of which nobody tries a call again, and how it is known that they are over."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil

from tests.e2e.conftest import STACK
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, new_ids, send

RATE = 100.0
QUIET_SECONDS = 5.0
"""So long without a failure, and the fault is over."""
HEALED_SECONDS = 180.0

Strike = Callable[[Environment], None]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that dies."""

    name: str
    strike: Strike
    most_lost: float = 1.0
    """Share of the calls, from the strike until all is well, that may be lost; 0: it is in no call's way."""


def node(cluster: str) -> str:
    """Container of a cluster's node."""
    return f"vm-mesh-{STACK}-{cluster}-control-plane"


def pod(cluster: str, selector: str, namespace: str = "istio-system") -> Strike:
    """A pod that ends without a word."""

    def strike(environment: Environment) -> None:
        force = ("--force", "--grace-period=0", "--wait=false")
        environment.kubectl(cluster, "-n", namespace, "delete", "pod", "-l", selector, *force)

    return strike


def on_vm(command: str) -> Strike:
    return lambda environment: void(environment.on_vm(command))


def docker(*arguments: str) -> Strike:
    return lambda environment: void(environment.run("docker", *arguments))


def kill_all(run: subprocess.Popen[Any]) -> None:
    """Kills a run and all that it has started, in whichever process group, if it has not ended."""
    with suppress(psutil.NoSuchProcess):
        for process in [main := psutil.Process(run.pid), *main.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    run.wait()


def void(_: object) -> None:
    return None


def for_a_while(begin: Strike, end: Strike, seconds: float = 15) -> Strike:
    """A fault that somebody ends."""

    def strike(environment: Environment) -> None:
        try:
            begin(environment)
            time.sleep(seconds)
        finally:
            end(environment)

    return strike


@contextmanager
def every_destination_has_calls(environment: Environment, stage: str = "spread") -> Generator[None]:
    """A stage, in which a call that fails is not tried again; afterwards all is as it was before."""
    with environment.edited() as config:
        config["vm-mesh:routes"]["details"]["rule"] = {"retries": {"attempts": 0}}
    try:
        environment.set_stage(stage)
        environment.up()
        yield
    finally:
        with environment.edited() as config:
            config["vm-mesh:routes"]["details"].pop("rule", None)
        environment.set_stage("vm-only")
        environment.up()


def heals(environment: Environment, fault: Fault) -> None:
    """It strikes, is over by itself in time, and loses no more than it may."""
    with Stream(environment.outputs["urls"]["cluster1"], rate=RATE) as stream:
        eventually(lambda: served(stream, 100))
        before, struck = stream.results.total(), time.monotonic()
        fault.strike(environment)

        def quiet() -> None:
            assert time.monotonic() - max([struck, *stream.failed]) > QUIET_SECONDS

        eventually(quiet, seconds=HEALED_SECONDS)
    told(fault.name, stream, struck)
    assert len(stream.failed) <= fault.most_lost * (stream.results.total() - before)
    eventually(lambda: all_is_well(environment), seconds=HEALED_SECONDS)


def told(what: str, stream: Stream, struck: float, seen: str = "nothing", healed: str = "it healed by itself") -> None:
    """The line about a fault: what was lost, for how long, what the operator saw, and what healed it."""
    lasted = max(stream.failed, default=struck) - struck
    lost, total = len(stream.failed), stream.results.total()
    print(
        f"{what}: {lost} of {total} lost, the last after {lasted:.1f} s ({dict(stream.results)}); "
        f"the operator saw: {seen}; {healed}"
    )


def served(stream: Stream, count: int) -> None:
    assert stream.results["200"] >= count


def all_is_well(environment: Environment) -> None:
    for url in environment.outputs["urls"].values():
        assert send(url, new_ids(50)) == {"200": 50}
    assert environment.vmmesh("drift")
