"""The operator's machine: what the program, its clusters and its containers need of it."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from settings import PROJECT, Settings
from toolchain import artifacts
from toolchain.artifacts import Artifacts, ArtifactsMissing
from toolchain.cache import Cache
from toolchain.commands import Commands
from toolchain.engine import Engine
from toolchain.places import cache_root
from toolchain.versions import Platform
from vmmesh.doctor.finding import Check, Said
from vmmesh.kubectl import Unreachable, run

PROGRAMS = ("git", "curl", "openssl", "tar")
TOOLS = ("pulumi", "kind", "kubectl", "istioctl")
CLUSTER_MEMORY = 1.5
"""GiB that a cluster of one node takes with Istio and the sample application: it idles at 1, and starts higher."""
BUILD_DISK = 20
"""GB that are used where everything is built: 17 were measured, most of them Go's caches."""
RUN_DISK = 4
"""GB of images and containers of two clusters."""
# kind's "Known issues" (pod errors due to too many open files): each node's systemd, kubelet and containerd take some
# 30 of the user's inotify instances, and the kernel's default is 128.
DEFAULT_NODES, NODE_INSTANCES = 4, 32
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The machine, as the stack ``name`` of the checkout at ``root`` needs it."""

    root: Path
    name: str
    settings: Settings

    @cached_property
    def engine(self) -> Mapping[str, Any] | None:
        """What the container engine says of itself; None: it does not answer."""
        try:
            found = json.loads(run(["docker", "info", "--format={{json .}}"]))
        except (Unreachable, ValueError):
            return None
        return found if found.get("ServerVersion") else None

    @cached_property
    def kinds(self) -> dict[str, int | None]:
        """The node's container of each cluster that kind makes -> its port of 127.0.0.1."""
        return {
            f"{PROJECT}-{self.name}-{name}-control-plane": cluster.kind.ingress_port if cluster.kind else None
            for name, cluster in self.settings.clusters.items()
            if not cluster.existing
        }

    @cached_property
    def containers(self) -> dict[str, str]:
        """Containers that run -> the ports that they publish, and whether they are nodes of kind."""
        if not self.engine:
            return {}
        lines = run(
            ["docker", "ps", '--format={{.Names}}\t{{.Ports}}\t{{.Label "io.x-k8s.kind.cluster"}}']
        ).splitlines()
        return {name: rest for name, _, rest in (line.partition("\t") for line in lines)}

    @property
    def tools(self) -> Artifacts | None:
        """What the toolchain has made ready; None: nothing yet."""
        try:
            return artifacts.load(self.root)
        except ArtifactsMissing:
            return None


def python(_operator: Operator) -> Iterator[Said]:
    """The interpreter. An older one never gets here: toolchain/venv.sh refuses it."""
    yield Said("ok", f"Python {platform.python_version()} on {sys.platform}, {platform.machine()}")
    if Platform() != Platform("linux", "amd64"):
        yield Said("warning", "only Linux on x86-64 has been tried", "run it there if something is odd here")


def programs(_operator: Operator) -> Iterator[Said]:
    """Programs that no toolchain brings."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        yield Said("failure", f"not installed: {', '.join(missing)}", "install them with the machine's package manager")
    else:
        yield Said("ok", ", ".join(PROGRAMS))


def docker(operator: Operator) -> Iterator[Said]:
    """The container engine, if anything is to run in it."""
    needed = bool(operator.kinds or operator.settings.vms)
    if operator.engine:
        yield Said("ok", f"Docker {operator.engine['ServerVersion']} answers")
    elif not needed:
        yield Said("ok", "no engine answers, and nothing needs one")
    else:
        engine = Engine(Cache(cache_root()), Commands())
        engine.answers()  # raises Problem if it is there for others
        if engine.startable():
            yield Said("warning", "no container engine answers", "nothing: `make up` starts one")
        else:
            yield Said("failure", "no container engine answers", "install and start Docker")


def memory(operator: Operator) -> Iterator[Said]:
    """Memory for the clusters that are not there yet."""
    missing = [name for name in operator.kinds if name not in operator.containers]
    free = psutil.virtual_memory().available / 2**30
    need = CLUSTER_MEMORY * len(missing)
    if free < need:
        what = f"{free:.1f} GiB of memory are free; {len(missing)} clusters to come take {need:.1f}"
        yield Said("warning", what, "end other programs, or plan fewer clusters")
    else:
        yield Said("ok", f"{free:.1f} GiB of memory are free, {need:.1f} needed")


def disk(operator: Operator) -> Iterator[Said]:
    """Room for the engine's images and the toolchain's cache."""
    need = RUN_DISK if operator.tools else BUILD_DISK
    engines = Path((operator.engine or {}).get("DockerRootDir", "/"))
    for folder in dict.fromkeys((_there(engines), _there(cache_root()))):
        free = shutil.disk_usage(folder).free / 1e9
        if free < RUN_DISK:
            yield Said("failure", f"{folder} has {free:.1f} GB left, {RUN_DISK} are needed", "make room")
        elif free < need:
            what = f"{folder} has {free:.1f} GB left; up to {need} are used where tools and images are built"
            yield Said("warning", what, "make room, or reach the publishers' hosts: downloads take less")
        else:
            yield Said("ok", f"{folder} has {free:.0f} GB left, {need} needed")


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def inotify(operator: Operator) -> Iterator[Said]:
    """Inotify instances for the nodes of kind, of this stack and of others."""
    if not operator.kinds or not INSTANCES.exists():
        yield Said("ok", "not needed here")
        return
    others = [name for name, rest in operator.containers.items() if rest.rpartition("\t")[2]]
    nodes, limit = len({*operator.kinds, *others}), int(INSTANCES.read_text())
    need = 0 if nodes <= DEFAULT_NODES else max(256, NODE_INSTANCES * nodes)
    if limit < need:
        what = f"fs.inotify.max_user_instances is {limit}, too few for {nodes} nodes of kind"
        yield Said("failure", what, f"sudo sysctl fs.inotify.max_user_instances={max(512, need)}")
    else:
        yield Said("ok", f"fs.inotify.max_user_instances is {limit}, for {nodes} nodes of kind")


def tools(operator: Operator) -> Iterator[Said]:
    """Tools, charts, the sidecar's package and images, as the last ``make tools`` has left them."""
    found = operator.tools
    if found is None:
        yield Said("warning", "tools and images are not there yet", "nothing: `make up` gets them")
        return
    missing = [name for name in TOOLS if not shutil.which(name)]
    missing += [] if (operator.root / found.charts).is_dir() else ["Istio's charts"]
    missing += (
        [] if _digest(operator.root / found.sidecar_package.path) == found.sidecar_package.sha256 else ["sidecar"]
    )
    if operator.engine:
        images = ("vm", "node") if found.load_images else ()
        wanted = [*found.local_images, *(found.images[name] for name in images)]
        wanted += [image.reference for image in found.management.values() if image.archive]
        missing += [image for image in wanted if not _holds(image)]
    if missing:
        yield Said("failure", f"gone or changed since they were made: {', '.join(missing)}", "run `make tools`")
    else:
        yield Said("ok", f"all there; Istio {found.istio.version}, with {found.istio.proxy}'s proxy")


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _holds(image: str) -> bool:
    try:
        run(["docker", "image", "inspect", "--format={{.Id}}", image])
    except Unreachable:
        return False
    return True


def ports(operator: Operator) -> Iterator[Said]:
    """Ports of 127.0.0.1 that the clusters are reached at: free, or the stack's own."""
    for node, port in operator.kinds.items():
        if port is None:
            continue
        publishing = [name for name, rest in operator.containers.items() if f":{port}->" in rest]
        if publishing == [node]:
            yield Said("ok", f"port {port} is the stack's own")
        elif _free(port):
            yield Said("ok", f"port {port} is free")
        else:
            holder = f"the container {publishing[0]}" if publishing else _holder(port)
            where = f"clusters.{node.removeprefix(f'{PROJECT}-{operator.name}-').removesuffix('-control-plane')}"
            advice = f"stop that, or set {PROJECT}:{where}.kind.ingressPort to another port"
            yield Said("failure", f"port {port} is taken by {holder}", advice)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as what listens there will
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    """What listens on a port, in words; only root sees the programs of others."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "another program"


def kubeconfigs(operator: Operator) -> Iterator[Said]:
    """The kubeconfigs that existing clusters are named by."""
    for name, cluster in operator.settings.clusters.items():
        if existing := cluster.existing:
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
