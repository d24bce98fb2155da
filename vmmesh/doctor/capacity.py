"""What the clusters take of the operator's machine, and what it has: memory, disk, and what its kernel counts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from toolchain.places import cache_root
from vmmesh.doctor.finding import Said
from vmmesh.doctor.operator import Operator

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
