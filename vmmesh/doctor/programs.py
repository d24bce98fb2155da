"""Programs, tools and images on the operator's machine."""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from toolchain.cache import Cache
from toolchain.commands import Commands
from toolchain.engine import Engine
from toolchain.places import cache_root
from toolchain.versions import Platform
from vmmesh.doctor.finding import Said
from vmmesh.doctor.operator import Operator
from vmmesh.kubectl import Unreachable, run

PROGRAMS = ("git", "curl", "openssl", "tar")
TOOLS = ("pulumi", "kind", "kubectl", "istioctl")


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
    """The container engine: images are made in it, and clusters and VMs may run in it."""
    if operator.engine:
        yield Said("ok", f"Docker {operator.engine['ServerVersion']} answers")
    else:
        engine = Engine(Cache(cache_root()), Commands())
        engine.answers()  # raises Problem if it is there for others
        if engine.startable():
            yield Said("warning", "no container engine answers", "nothing: `make up` starts one")
        else:
            yield Said("failure", "no container engine answers", "install and start Docker")


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
