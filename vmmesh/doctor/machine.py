"""The operator's machine: what the program, its clusters and its containers need of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from settings import PROJECT
from vmmesh.doctor.capacity import disk, inotify, memory
from vmmesh.doctor.finding import Check, Said
from vmmesh.doctor.operator import Operator
from vmmesh.doctor.ports import ports
from vmmesh.doctor.programs import docker, programs, python, tools
from vmmesh.kubectl import run


def kubeconfigs(operator: Operator) -> Iterator[Said]:
    """The kubeconfigs that existing clusters are named by, where these are files."""
    for name, cluster in operator.settings.clusters.items():
        existing = cluster.existing
        if existing and not existing.stack_reference:
            file, path = Path(existing.kubeconfig).expanduser(), f"{PROJECT}:clusters.{name}.existing"
            if not file.is_file():
                yield Said(
                    "failure", f"{name}: there is no kubeconfig {file}", f"make it, or correct {path}.kubeconfig"
                )
            elif not shutil.which("kubectl"):
                yield Said("warning", f"{name}: not read, for there is no kubectl yet", "run `make tools`")
            else:
                yield _context(name, file, existing.context, path)


def _context(name: str, file: Path, context: str, path: str) -> Said:
    listed = run(["kubectl", "config", "get-contexts", "--output=name", f"--kubeconfig={file}"]).splitlines()
    if context in listed:
        return Said("ok", f"{name}: {file} has the context {context}")
    known = ", ".join(listed) or "none"
    return Said("failure", f"{name}: {file} has no context {context} (it has: {known})", f"correct {path}.context")


def clock(_operator: Operator) -> Iterator[Said]:
    """Whether the clock is kept right; certificates are made by it, and VMs are held against it."""
    try:
        done = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done and done.stdout.strip() == "no":
        yield Said("warning", "the clock is not synchronised", "sudo timedatectl set-ntp true")
    else:
        yield Said("ok", "synchronised" if done and done.stdout.strip() == "yes" else "not known to be wrong")


CHECKS: Mapping[str, Check[Operator]] = {
    "python": python,
    "programs": programs,
    "docker": docker,
    "memory": memory,
    "disk": disk,
    "inotify": inotify,
    "tools": tools,
    "ports": ports,
    "kubeconfigs": kubeconfigs,
    "clock": clock,
}
