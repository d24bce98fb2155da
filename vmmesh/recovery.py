"""Frees a stack from what a killed run left: its processes, its lock, and what it had begun to make."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from components.scripts import NOTHING
from toolchain.problem import Problem
from vmmesh.kubectl import kubectl, written
from vmmesh.state import providers
from vmmesh.urns import resource_name

Say = Callable[[str], None]

ENDING_SECONDS = 60.0
KILLING_SECONDS = 5.0
_HOLDER = re.compile(r"created by (\S+)@(\S+) \(pid (\d+)\)")
_RELEASE = "kubernetes:helm.sh/v3:Release"


class Held(Problem):
    """Another run is at work on the stack, or may be."""


def end_processes(mark: Mapping[str, str], say: Say) -> None:
    """Ends the processes that carry the ``mark`` of a run that is dead; Pulumi may end what it is at."""
    left = _marked(mark)
    engines = [process for process in left if _is_pulumi(process)]
    if engines:
        numbers = ", ".join(str(process.pid) for process in engines)
        say(f"a run that was killed is still at work (process {numbers}): letting it end what it is at")
        _each(engines, psutil.Process.terminate)
        psutil.wait_procs(engines, ENDING_SECONDS)
    _each(_marked(mark), psutil.Process.kill)
    psutil.wait_procs(left, KILLING_SECONDS)


def check_holders(error: str) -> None:
    """Checks who holds the lock that Pulumi complains about. Raises Held if that may be a run that lives."""
    holders = _HOLDER.findall(error)
    if not holders:
        raise Held(
            error.strip().splitlines()[-1] if error.strip() else "the stack is locked",
            "run again when it is free",
        )
    for user, host, pid in holders:
        if host != platform.node():
            raise Held(
                f"another run is at work on this stack: process {pid} of {user} on {host}",
                "wait for it; if it is gone for certain, run `pulumi cancel`",
            )
        if psutil.pid_exists(int(pid)) and _is_pulumi(psutil.Process(int(pid))):
            raise Held(f"another run is at work on this stack: process {pid} of {user}", "wait for it, or stop it")


def clean(root: Path, deployment: Mapping[str, Any], secrets: Callable[[], Mapping[str, Any]], say: Say) -> bool:
    """Removes what was begun and is not known to the stack of the checkout at ``root``, to be made again.

    ``deployment`` is the stack with its pending operations, ``secrets`` exports it with readable secrets.
    Returns whether there may be Kubernetes objects that the stack does not know.
    """
    pending: Sequence[Mapping[str, Any]] = deployment["pending_operations"]
    for operation in pending:
        say(f"it was {operation['type']} {resource_name(operation['resource']['urn'])} when it was killed")
    created = [operation["resource"] for operation in pending if operation["type"] == "creating"]
    for resource in created:
        inputs: Mapping[str, Any] = resource.get("inputs", {})
        if resource["type"] == "docker:index/container:Container":
            _run("docker", "rm", "--force", "--volumes", inputs["name"])
        elif resource["type"] == "docker:index/network:Network":
            _run("docker", "network", "rm", inputs["name"])
        # What is made of nothing is there for its ``delete`` alone, which would undo what the stack does know.
        elif resource["type"] == "command:local:Command" and "delete" in inputs and inputs["create"] != NOTHING:
            _run("sh", "-c", inputs["delete"], cwd=root, env={**os.environ, **inputs.get("environment", {})})
    if any(operation["resource"]["type"] == _RELEASE for operation in pending):
        kubeconfigs = providers(secrets())
        for operation in pending:
            if operation["resource"]["type"] == _RELEASE:
                _forget_release(operation, kubeconfigs)
    return any(resource["type"].startswith("kubernetes:") and resource["type"] != _RELEASE for resource in created)


def _forget_release(operation: Mapping[str, Any], kubeconfigs: Mapping[str, str]) -> None:
    """Removes Helm's record of a release that was begun; the next try takes over what is installed.

    Helm refuses to go on with a release whose record says that somebody is at it (helm/helm#7476).
    """
    resource = operation["resource"]
    kubeconfig = kubeconfigs.get(resource.get("provider", ""))
    if kubeconfig is None:
        return
    # A release that was begun for the first time is unknown to the stack, whatever its record says by now.
    status = "" if operation["type"] == "creating" else ",status in (pending-install,pending-upgrade,pending-rollback)"
    with written({"cluster": kubeconfig}) as files:
        _run(
            *kubectl(files["cluster"], "--request-timeout=10s", "delete", "secret"),
            f"--namespace={resource['inputs']['namespace']}",
            f"--selector=owner=helm,name={resource['inputs']['name']}{status}",
        )


def _run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Runs a command that may fail: there may be nothing to remove, and the next try tells what stays."""
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False, cwd=cwd, env=env
        )


def _marked(mark: Mapping[str, str]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if mark.items() <= process.environ().items():
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _is_pulumi(process: psutil.Process) -> bool:
    try:
        return process.name() == "pulumi"
    except psutil.Error:
        return False


def _each(processes: Iterable[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            act(process)
        except psutil.Error:
            continue
