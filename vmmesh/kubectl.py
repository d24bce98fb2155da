"""Clusters, through the kubectl on PATH."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from toolchain.problem import Problem

SECONDS = 20.0
_REFUSED = re.compile(r"\((Forbidden|Unauthorized)\)|You must be logged in to the server|getting credentials: ")
"""What kubectl says where it is the user that a cluster does not take, or a program that has no token for it."""

_T = TypeVar("_T")


class Unreachable(Problem):
    """A cluster, a VM or a proxy does not answer, or not as it should."""


class Refused(Unreachable):
    """A cluster does not take this user: it lacks rights, or a login that holds."""


def of_last_update(made: Mapping[str, _T], name: str) -> _T:
    """What the last update has made of a cluster or a machine. Raises Unreachable: it is in the config only."""
    if name not in made:
        raise Unreachable(f"{name} is not set up yet: run `make up`")
    return made[name]


def kubectl(kubeconfig: Path, *arguments: str) -> list[str]:
    """The command line that asks the cluster of a kubeconfig."""
    return ["kubectl", f"--kubeconfig={kubeconfig}", *arguments]


@contextmanager
def written(kubeconfigs: Mapping[str, str]) -> Generator[dict[str, Path]]:
    """Files of kubeconfigs, by the same names; only this user can read them, and after the block nobody."""
    with tempfile.TemporaryDirectory(prefix="vm-mesh-") as folder:
        files = {name: Path(folder, str(number)) for number, name in enumerate(kubeconfigs)}
        for name, file in files.items():
            file.touch(mode=0o600)
            file.write_text(kubeconfigs[name])
        yield files


def shown(command: Sequence[str]) -> str:
    """A command line for people, without the file of a kubeconfig, which is gone when they read it."""
    return " ".join(word for word in command if not word.startswith("--kubeconfig="))


def run(command: Sequence[str], seconds: float = SECONDS) -> str:
    """Output of a command that asks something. Raises Unreachable, with the end of what it said, or Refused."""
    name = shown(command)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise Unreachable(f"no answer in {seconds:.0f} s: {name}") from None
    except OSError as error:
        raise Unreachable(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        # Below it, kubectl may say at length how to install what asks for a token.
        if refusal := next(filter(_REFUSED.search, said), None):
            raise Refused(f"{name}: {refusal}")
        raise Unreachable(f"{name}: {said[-1] if said else f'ended with code {done.returncode}'}")
    return done.stdout.decode(errors="replace")
