"""Nodes and container VMs: those that were stopped, by a restart of the engine say, or paused go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from settings import PROJECT, Settings
from vmmesh.kubectl import run

START_SECONDS = 120.0
_NODE = "-control-plane"


def wake(stack: str, settings: Settings, made: Collection[str], say: Callable[[str], None]) -> None:
    """Starts what is stopped or paused of the stack, and says so; ``made`` are its resources' names.

    Engines start most of it again by themselves when they come back. What a killed run has left of a cluster is no
    part of the stack yet, and is made anew.
    """
    containers = _nodes(settings, made) | _machines(settings, made)
    states = _states(f"{PROJECT}-{stack}-") if containers else {}
    for name in containers.values():
        state = states.get(name, "")
        if state.startswith("Exited"):
            say(f"{name} was stopped: starting it")
            run(["docker", "start", f"{PROJECT}-{stack}-{name}"], seconds=START_SECONDS)
        elif state.endswith("(Paused)"):
            say(f"{name} was paused: going on with it")
            run(["docker", "unpause", f"{PROJECT}-{stack}-{name}"])


def started_nodes(stack: str, settings: Settings, made: Collection[str]) -> dict[str, datetime]:
    """When the node of each cluster of the stack was started that runs, by the clusters' names."""
    return _started(stack, _nodes(settings, made))


def started_machines(stack: str, settings: Settings, made: Collection[str]) -> dict[str, datetime]:
    """When each container VM of the stack was started that runs, by the machines' names."""
    return _started(stack, _machines(settings, made))


def _started(stack: str, containers: Mapping[str, str]) -> dict[str, datetime]:
    states = _states(f"{PROJECT}-{stack}-") if containers else {}
    up = {it: f"{PROJECT}-{stack}-{name}" for it, name in containers.items() if states.get(name, "").startswith("Up")}
    if not up:
        return {}
    moments = run(["docker", "inspect", "--format={{.State.StartedAt}}", *up.values()]).splitlines()
    return {it: datetime.fromisoformat(moment) for it, moment in zip(up, moments, strict=True)}


def _nodes(settings: Settings, made: Collection[str]) -> dict[str, str]:
    """Cluster -> its node's container, without the stack's prefix."""
    return {name: f"{name}{_NODE}" for name in settings.clusters if f"{name}-node" in made}


def _machines(settings: Settings, made: Collection[str]) -> dict[str, str]:
    """Machine -> its container, without the stack's prefix."""
    return {machine: machine for machine in settings.machines() if f"{machine}-container" in made}


def _states(prefix: str) -> dict[str, str]:
    """Container, without the prefix -> its state in Docker's words."""
    listed = run(["docker", "ps", "--all", f"--filter=name=^{prefix}", "--format={{.Names}}\t{{.Status}}"])
    lines = [line.split("\t") for line in listed.splitlines()]
    return {name.removeprefix(prefix): status for name, status in lines}
