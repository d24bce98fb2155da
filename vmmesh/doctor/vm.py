"""A VM: the preflight of its bootstrap, and whether it has joined."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from settings import MACHINE_LABEL, VmSettings
from vmmesh.doctor.examined import Examined
from vmmesh.doctor.finding import LEVELS, Finding, Level, Said
from vmmesh.kubectl import Unreachable, run
from vmmesh.status import CERTIFICATE, health, validity

SCRIPT = "bootstrap/preflight.sh"
ANSWER_SECONDS = 5
"""How long a machine, and then its gateway, may take to answer: here nothing is about to start."""
LIMIT_SECONDS = 120.0
WRITTEN = ("/var/log/istio", "/var/lib/istio/envoy", "/etc/certs")
"""Where the agent's log, its settings and its certificate are."""
ROOM_MB = 5
RENEWED_PART = 1 / 4
"""The agent renews its certificate at half of its life, so this much of it is never all that is left."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A VM, the command line prefix that reaches it, and the cluster that it joins, if that is there."""

    root: Path
    name: str
    settings: VmSettings
    transport: str
    cluster: Examined | None
    gateway: str
    """Address of that cluster's gateway; empty before it is there."""


def preflight(vm: Machine) -> Iterator[Finding]:
    """What the preflight of the bootstrap finds; it changes nothing. Raises Unreachable."""
    sidecar = vm.settings.sidecar
    data = {
        "VM": vm.name,
        "TRANSPORT": vm.transport,
        "GATEWAY": vm.gateway,
        "PORTS": " ".join(map(str, vm.settings.ports)),
        "STARTED_PORTS": " ".join(map(str, vm.settings.started_ports)),
        # The toolchain's own is for Debian.
        "KIND": sidecar.kind if sidecar else "deb",
        "WAIT": str(ANSWER_SECONDS),
        "FINDINGS": "lines",
    }
    try:
        done = subprocess.run(
            ["sh", SCRIPT],
            cwd=vm.root,
            env={**os.environ, **data},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unreachable(f"its preflight has not ended in {LIMIT_SECONDS:.0f} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"its preflight ended with code {done.returncode}"]
        raise Unreachable(said[0])
    for line in done.stdout.splitlines():
        yield finding(vm.name, line)


def finding(vm: str, line: str) -> Finding:
    """A finding of bootstrap/vm/preflight.sh, of its line. Raises Unreachable if it is none."""
    match line.split("\t"):
        case [level, check, what, advice] if level in LEVELS:
            return Finding(place=vm, check=check, level=cast("Level", level), what=what, advice=advice)
        case _:
            raise Unreachable(f"its preflight has printed what is no finding: {line!r}")


def joined(vm: Machine) -> Iterator[Said]:
    """Whether the VM is a member of the mesh, and can serve."""
    if vm.cluster is None:
        return
    namespace, selector = vm.settings.namespace, f"--selector={MACHINE_LABEL}={vm.name}"
    entries = vm.cluster.get("workloadentries.networking.istio.io", selector, namespace=namespace)
    state = health(entries)
    if not state["registered"]:
        advice = "run `make up`; on the VM: tail /var/log/istio/istio.log"
        yield Said("failure", f"it has not joined: {state['message']}", advice)
    elif not state["healthy"]:
        advice = "see its service; `make status` says the same as long as it does not serve"
        yield Said("failure", f"it has joined and cannot serve: {state['message']}", advice)
    else:
        yield Said("ok", "it has joined, and serves")


def certificate(vm: Machine) -> Iterator[Said]:
    """The VM's own certificate, which its agent renews."""
    if vm.cluster is None:
        return
    try:
        begins, ends = validity(run([*shlex.split(vm.transport), "cat", CERTIFICATE]))
    except (Unreachable, ValueError) as error:
        yield Said("failure", f"it has no certificate: {error}", "run `make up`")
        return
    rest = ends - datetime.now(UTC)
    advice = "on the VM: is the agent up, does it reach the gateway? tail /var/log/istio/istio.log"
    if rest < timedelta(0):
        yield Said("failure", f"its certificate ended at {ends:%Y-%m-%d %H:%M} UTC", advice)
    elif rest < (ends - begins) * RENEWED_PART:
        yield Said("warning", f"its certificate ends in {rest.total_seconds() / 60:.0f} min, not renewed yet", advice)
    else:
        yield Said("ok", f"its certificate is valid for {rest.total_seconds() / 3600:.0f} h more")


def room(vm: Machine) -> Iterator[Said]:
    """What the agent writes to; each may be a file system of its own, as /var/log often is."""
    if vm.cluster is None:
        return
    try:
        table = run([*shlex.split(vm.transport), "df", "-Pk", *WRITTEN])
    except Unreachable as error:
        yield Said("failure", f"what its agent writes to cannot be looked at: {error}", "run `make up`")
        return
    for folder, line in zip(WRITTEN, table.splitlines()[1:], strict=True):
        free = int(line.split()[3]) // 1024
        if free < ROOM_MB:
            advice = f"make room, or a larger disk; on the VM: df {folder}. Then `make up`"
            yield Said("failure", f"{folder} has {free} MB left, and no join and no log has room there", advice)
        else:
            yield Said("ok", f"{folder} has {free} MB left")


CHECKS = {"joined": joined, "certificate": certificate, "room": room}


def preflight_checks(root: Path) -> Sequence[str]:
    """Names of the checks that the preflight makes on a VM."""
    parts = [root / "bootstrap/vm/preflight.sh", *(root / "bootstrap/vm/preflight").glob("*.sh")]
    script = "".join(part.read_text() for part in parts)
    return sorted(
        set(re.findall(r"^\s*(?:\S+\) |.*\|\| )?(?:ok|warning|failure|\$\w+) ([a-z]+) [\"a-z]", script, re.M))
    )
