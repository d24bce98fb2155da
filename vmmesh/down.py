"""Takes a stack down so that nothing of it is left, however far the last run came."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from settings import PROJECT
from toolchain.artifacts import ArtifactsMissing
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import tools
from vmmesh.api_servers import silent
from vmmesh.exclusive import exclusive
from vmmesh.kubectl import Refused
from vmmesh.place import Place
from vmmesh.recovery import Held
from vmmesh.stack import NoStack, Stack, stacks
from vmmesh.stackfile import without_salt
from vmmesh.state import kubeconfigs


def down(place: Place, gone: Sequence[str] = ()) -> dict[str, Any]:
    """Destroys and removes the stack, and what else was made for it; returns what was removed.

    Hosts leave the mesh and are as they were before. ``gone`` names those that cannot be reached ever again.

    Raises Problem: a cluster does not take this user, and nothing was removed; or the first thing that could not be
    removed, and the rest of the stack is gone.
    """
    checkout = Checkout(place.root)
    found: dict[str, Any] = {"stack": place.name, "removed": 0, "unreachable": [], "swept": [], "kept": []}
    os.environ["VM_MESH_GONE"] = " ".join(gone)
    with exclusive(place.root, place.name):
        if _enter(place):
            found |= _destroy(place)
            if place.file.path.exists():
                place.file.write(without_salt(place.file.text))
            found["kept"] = [name for name in stacks(place.root) if name != place.name]
        found["swept"] += _sweep(f"{PROJECT}-{place.name}")
        if not found["kept"]:
            if not _lines("docker", "ps", "--quiet"):
                tools.stop_engine(place)
            _remove(checkout)
    return found


def _remove(checkout: Checkout) -> None:
    """Removes what was kept for stacks, but not a login: that is the user's, and the next stack goes there too."""
    for entry in checkout.state.iterdir():
        if entry.is_symlink() or not entry.is_dir():
            entry.unlink()
        elif entry != checkout.logins or not any(entry.iterdir()):
            shutil.rmtree(entry)
    if not any(checkout.state.iterdir()):
        checkout.state.rmdir()


def _enter(place: Place) -> bool:
    """Whether there may be a stack: without tools, there has never been one, unless its state is there."""
    try:
        place.enter()
    except ArtifactsMissing:
        if not Checkout(place.root).backend.exists():
            return False
        tools.ensure(place)
        place.enter()
    return True


def _destroy(place: Place) -> dict[str, Any]:
    try:
        stack = Stack(place.root, place.name, "down")
    except NoStack:
        return {}
    if not _engine_answers():  # containers can be removed only through it
        tools.ensure(place)
    with Progress(Checkout(place.root).logs) as progress:
        unreachable = _unreachable(kubeconfigs(stack.export(secrets=True)))
        for name in unreachable:
            progress.say(Text(f"{name} does not answer: what is in it is forgotten, not removed", style="yellow"))
        # Only what cannot be reached is forgotten by this; the rest is removed as ever.
        environment = {"PULUMI_K8S_DELETE_UNREACHABLE": "true"} if unreachable else {}
        try:
            changes = stack.destroy(progress, environment)
            swept: list[str] = []
        except Held:  # whose containers they are is at work
            raise
        except Problem:
            # A container that the stack does not know keeps its network in use.
            swept = _sweep_containers(f"{PROJECT}-{place.name}")
            if not swept:
                raise
            changes = stack.destroy(progress, environment)
    stack.remove()
    return {"removed": changes.get("delete", 0), "unreachable": unreachable, "swept": swept}


def _unreachable(clusters: Mapping[str, str]) -> list[str]:
    """Those of the clusters with these kubeconfigs that do not answer.

    Raises Problem if one does not take this user: it is there, and to forget it would leave in it what the stack made.
    """
    errors = silent(clusters)
    refused = [f"  - {name}: {error}" for name, error in errors.items() if isinstance(error, Refused)]
    if refused:
        raise Problem(
            "\n".join(["nothing was removed, for clusters do not take this user:", *refused]),
            "log in to them and run `make down` again, where a kubeconfig itself has the new login after a `make up`; "
            "docs/own-clusters.md says how to forget them all the same",
        )
    return list(errors)


def _sweep(network: str) -> list[str]:
    """Removes a stack's Docker network and all that is on it. Returns the names of what was there."""
    return [*_sweep_containers(network), *_lines("docker", "network", "rm", network)]


def _sweep_containers(network: str) -> list[str]:
    """Removes the containers on a stack's Docker network: it is the stack's own, and so are they."""
    containers = _lines("docker", "ps", "--all", f"--filter=network={network}", "--format={{.Names}}")
    if containers:
        _lines("docker", "rm", "--force", "--volumes", *containers)
    return containers


def _engine_answers() -> bool:
    return bool(_lines("docker", "info", "--format={{.ServerVersion}}"))


def _lines(*command: str) -> list[str]:
    """Output of a command by lines; none if it fails, since what it asks for is not there then."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return []
    return done.stdout.split() if done.returncode == 0 else []
