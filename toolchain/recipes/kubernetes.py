"""Kubernetes: kubectl, and kind's node image with all of Kubernetes in it."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain import golang, versions
from toolchain.commands import CommandFailed
from toolchain.engine import grants_sys_resource
from toolchain.images import ENGINE, FOLDER, HUB, PROGRAM, Built, Pulled, build, draft_folder, link, program
from toolchain.mirror import Mirror
from toolchain.problem import Problem
from toolchain.recipe import Choice, Entry, Work
from toolchain.recipes import debian

VERSION = versions.of("kubernetes")
COMMANDS = f"{VERSION.module}/cmd/"
PROGRAMS = (
    "kubeadm",
    "kubelet",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
)
START_SECONDS = 30.0


def _staging(work: Work, folder: Path) -> None:
    """Takes over Kubernetes' own go.mod: its Go settings, and the modules in its folder ``staging``."""
    module = golang.module_folder(work, VERSION)
    own = json.loads(work.read("go", "mod", "edit", "-json", module / "go.mod"))
    with (folder / "go.mod").open("a") as go_mod:
        for replacement in own["Replace"]:
            path = replacement["Old"]["Path"]
            go_mod.write(f"\nreplace {path} => {path} {VERSION.text('staging_version')}\n")
        for setting in own.get("Godebug") or ():
            go_mod.write(f"\ngodebug {setting['Key']}={setting['Value']}\n")


_MINOR = VERSION.version.split(".")
_VARIABLES = {
    f"k8s.io/component-base/version.git{name}": value
    for name, value in {
        "Version": VERSION.module_version,
        "Major": _MINOR[0],
        "Minor": _MINOR[1],
        "TreeState": "clean",
    }.items()
}
_MODULES = golang.modules(
    VERSION,
    tuple(f"{COMMANDS}{program}" for program in (*PROGRAMS, "kubectl")),
    prepare=_staging,
    ingredients=(VERSION.text("staging_version"),),
)
BINARIES = golang.programs(
    "kubernetes",
    VERSION,
    _MODULES,
    {program: f"{COMMANDS}{program}" for program in PROGRAMS},
    variables=_VARIABLES,
)
KUBECTL = golang.programs(
    "kubectl",
    VERSION,
    _MODULES,
    {"kubectl": f"{COMMANDS}kubectl"},
    variables=_VARIABLES,
    after=(BINARIES,),  # which shares most of its packages
)


def _single(name: str) -> Entry:
    version = versions.of(name)
    return golang.programs(name, version, golang.modules(version, (version.module,)), {name: version.module})


def _pause() -> Entry:
    version = versions.of("pause")
    source = FOLDER.parent / "files" / "pause"

    def prepare(work: Work, folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True)

    modules = golang.modules(version, (".",), prepare=prepare, ingredients=(source,))
    return golang.programs("pause", version, modules, {"pause": "."})


ETCD = _single("etcd")
COREDNS = _single("coredns")
PAUSE = _pause()
# kubeadm's names for its images, each with the entry that has its program.
COMPONENTS = {
    "kube-apiserver": BINARIES,
    "kube-controller-manager": BINARIES,
    "kube-scheduler": BINARIES,
    "kube-proxy": BINARIES,
    "etcd": ETCD,
    "coredns": COREDNS,
    "pause": PAUSE,
}


def _references(work: Work) -> dict[str, str]:
    """kubeadm's images by the names of their programs."""
    kubeadm = work.path(BINARIES) / "bin" / "kubeadm"
    version = VERSION.module_version
    listed = work.read(kubeadm, "config", "images", "list", "--kubernetes-version", version).split()
    references = {reference.rpartition(":")[0].rpartition("/")[2]: reference for reference in listed}
    if other := references.keys() ^ COMPONENTS.keys():
        raise Problem(f"kubeadm {VERSION.version} needs other images than those built here: {' '.join(sorted(other))}")
    return references


def _node_files(work: Work, folder: Path) -> None:
    kind = versions.of("kind")
    files = golang.module_folder(work, kind) / "images" / "base" / "files"
    for file in files.rglob("*"):
        if file.is_file():
            copy = folder / "kind" / file.relative_to(files)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())  # without the mode: files of a module are read-only
    (folder / "files" / "kind" / "version").write_text(VERSION.module_version)
    for entry, name in ((BINARIES, "kubeadm"), (BINARIES, "kubelet"), (KUBECTL, "kubectl")):
        link(work.path(entry) / "bin" / name, folder / "bin")


@dataclass(frozen=True, eq=False, kw_only=True)
class Node(Built):
    """kind's node image, with the images of all that kubeadm starts already in its containerd."""

    def produce(self, work: Work) -> None:
        asked_for = _references(work)
        bare = f"{HUB}/node-bare:{self.tag}"
        arguments = {"BASE": NODE_BASE.reference, "PAUSE": asked_for["pause"]}
        build(work, bare, self.dockerfile, self.add, arguments)
        # In the engine they have names of ours, which say nothing to other users of the engine.
        ours = {name: f"{HUB}/{name}:{self.tag}" for name in COMPONENTS}
        for name, entry in COMPONENTS.items():
            base = {"BASE": debian.BASE.reference} if name == "kube-proxy" else {}
            build(work, ours[name], PROGRAM, program(entry, name), base)
        self._load(work, bare, {ours[name]: asked_for[name] for name in COMPONENTS})
        work.clean_up("docker", "rmi", bare, *ours.values())

    def _load(self, work: Work, bare: str, names: dict[str, str]) -> None:
        """Makes the image from ``bare`` and the images ``names``, each under its new name."""
        container = f"vm-mesh-node-{self.key}"
        work.clean_up("docker", "rm", "-f", container)  # left by a run that was killed
        inside = ("docker", "exec", "--interactive", container)
        ctr = ("ctr", "--namespace", "k8s.io", "images")
        try:
            work.run("docker", "run", "-d", "--name", container, "--entrypoint", "containerd", bare)
            with draft_folder(work) as folder:
                archive = folder / "components.tar"
                work.run("docker", "save", "-o", archive, *names)
                _wait_for_containerd(work, container)
                with archive.open("rb") as stream:
                    work.run(*inside, *ctr, "import", "--no-unpack", "-", stdin=stream)
            for name, asked_for in names.items():
                work.run(*inside, *ctr, "tag", name, asked_for)
            work.run(*inside, *ctr, "rm", *names)
            # containerd closes its database before it ends.
            work.run("docker", "stop", container)
            entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]'
            work.run("docker", "commit", "--change", entrypoint, container, self.reference)
        finally:
            work.clean_up("docker", "rm", "-f", container)


def _wait_for_containerd(work: Work, container: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            work.read("docker", "exec", container, "ctr", "version")
        except CommandFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


NODE_BASE = debian.imported(
    debian.root_file_system(
        "node",
        (
            *("systemd", "systemd-sysv", "dbus", "containerd", "runc", "containernetworking-plugins"),
            *("iptables", "iproute2", "ipset", "conntrack", "ebtables", "ethtool", "socat"),
            *("util-linux", "mount", "procps", "kmod", "ca-certificates", "curl", "jq"),
        ),
    )
)


def kind_config() -> dict[str, Any]:
    """What each kind cluster's config has to say for its nodes to work on this machine."""
    if grants_sys_resource():
        return {}
    # containerd must not try to lower an OOM score, which takes the capability.
    patch = '[plugins."io.containerd.grpc.v1.cri"]\n  restrict_oom_score_adj = true\n'
    return {"containerdConfigPatches": [patch]}


def node(mirror: Mirror) -> Choice:
    """kind's official node image, else one that is built here."""
    name = mirror.image(versions.image("node"))
    official = Pulled(name="node", what=f"pulling {name}", image=name, needs=(ENGINE,))
    built = Node(
        name="node",
        what=f"kind's node image with Kubernetes {VERSION.version}",
        repository="node",
        version=VERSION.module_version,
        dockerfile="node/Dockerfile",
        add=_node_files,
        ingredients=(versions.of("kind").module_version, (FOLDER / PROGRAM).parent),
        needs=(ENGINE, NODE_BASE, debian.BASE, KUBECTL, *dict.fromkeys(COMPONENTS.values())),
    )
    return Choice(name="node", ways=(official, built))
