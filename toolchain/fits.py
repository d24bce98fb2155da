"""Tools that are on PATH already, in a version that fits."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from toolchain import versions
from toolchain.commands import CommandFailed, Commands

Numbers = tuple[int, int, int]
Rule = Callable[[Numbers, Numbers], bool]


def same_minor(found: Numbers, pinned: Numbers) -> bool:
    return found[:2] == pinned[:2]


def within_one_minor(found: Numbers, pinned: Numbers) -> bool:
    return found[0] == pinned[0] and abs(found[1] - pinned[1]) <= 1


def at_least(found: Numbers, pinned: Numbers) -> bool:
    """As new as the pinned one, and of the same major version."""
    return found[0] == pinned[0] and found >= pinned


# What each tool prints its version with, and which versions serve as well as the pinned one: kind's node
# images and Istio's charts go with a minor version; Kubernetes promises its clients one minor version either
# way.
RULES: dict[str, tuple[tuple[str, ...], Rule]] = {
    "pulumi": (("version",), at_least),
    "kind": (("version",), same_minor),
    "kubectl": (("version", "--client"), within_one_minor),
    "istioctl": (("version", "--remote=false"), same_minor),
}


def numbers(text: str) -> Numbers | None:
    """The first version in a text."""
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _pinned(tool: str) -> Numbers:
    major, minor, patch = versions.of(tool).version.split(".")
    return int(major), int(minor), int(patch)


def without(places: Sequence[Path], path: str) -> str:
    """``path`` without folders in ``places``, and without those whose tools are links into one, as of a checkout."""

    def within(folder: str) -> bool:
        found = (Path(folder).absolute(), *(Path(folder, tool).resolve() for tool in RULES))
        return any(it.is_relative_to(place) for it in found for place in (*places, *(it.resolve() for it in places)))

    return os.pathsep.join(folder for folder in path.split(os.pathsep) if not within(folder))


def on_path(tool: str, path: str, commands: Commands) -> Path | None:
    """The tool on ``path``, if it is there in a version that fits."""
    found = shutil.which(tool, path=path)
    if found is None:
        return None
    arguments, rule = RULES[tool]
    try:
        version = numbers(commands.read(found, *arguments))
    except CommandFailed:
        return None
    # Pulumi runs a program through a language host, which a package of the CLI alone may lack.
    complete = tool != "pulumi" or shutil.which("pulumi-language-python", path=path) is not None
    return Path(found) if version and complete and rule(version, _pinned(tool)) else None
