"""Wakes nodes and container VMs that were stopped, by a restart of the engine say, or paused; awaits API servers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection

from settings import PROJECT, Settings
from vmmesh.kubectl import Unreachable, run
from vmmesh.rejoin import machines_of

API_SECONDS = 120.0
_NODE = "-control-plane"
_JUST_STARTED = re.compile(r"Up (Less than a second|\d+ seconds?|About a minute)")
_READY = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "--raw=/readyz")


def wake(stack: str, settings: Settings, made: Collection[str], say: Callable[[str], None]) -> list[str]:
    """Starts what is stopped or paused of the stack, says so, and returns it; ``made`` are its resources' names.

    To a paused node's API server connections are open and stay silent: the Kubernetes provider would wait for minutes.
    Engines start most of it again by themselves when they come back, and answer long before what runs in a node does.
    What a killed run has left of a cluster is no part of the stack yet, and is made anew.
    """
    nodes = [f"{name}{_NODE}" for name in settings.clusters if f"{name}-node" in made]
    machines = [machine for machine in machines_of(settings) if f"{machine}-container" in made]
    states = _states(f"{PROJECT}-{stack}-") if nodes or machines else {}
    woken: list[str] = []
    for name in (*nodes, *machines):
        state = states.get(name, "")
        if state.startswith("Exited"):
            say(f"{name} was stopped: starting it")
            run(["docker", "start", f"{PROJECT}-{stack}-{name}"], seconds=API_SECONDS)
        elif state.endswith("(Paused)"):
            say(f"{name} was paused: going on with it")
            run(["docker", "unpause", f"{PROJECT}-{stack}-{name}"])
        else:
            continue
        woken.append(name)
    for name in nodes:
        if name in woken or _JUST_STARTED.match(states.get(name, "")):
            _await_api(f"{PROJECT}-{stack}-{name}", say)
    return woken


def _states(prefix: str) -> dict[str, str]:
    """Container, without the prefix -> its state in Docker's words."""
    listed = run(["docker", "ps", "--all", f"--filter=name=^{prefix}", "--format={{.Names}}\t{{.Status}}"])
    lines = [line.split("\t") for line in listed.splitlines()]
    return {name.removeprefix(prefix): status for name, status in lines}


def _await_api(node: str, say: Callable[[str], None]) -> None:
    """Waits until the API server in a node answers; one that does not, the update says more of."""
    deadline = time.monotonic() + API_SECONDS
    said = False
    while True:
        try:
            run(["docker", "exec", node, *_READY])
        except Unreachable as error:
            if time.monotonic() > deadline:
                say(f"{node} runs, and its API server does not answer: {error}")
                return
            if not said:
                say(f"{node} runs: waiting for its API server (at most {API_SECONDS:.0f}s)")
                said = True
            time.sleep(1)
        else:
            return
