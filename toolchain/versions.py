"""Reads ``versions.toml``, the one list of versions."""

from __future__ import annotations

import platform
import sys
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from toolchain.problem import Problem

FILE = Path(__file__).with_name("versions.toml")


@dataclass(frozen=True)
class Platform:
    """An operating system and a processor, by Go's names for them."""

    os: str = sys.platform
    arch: str = field(default_factory=lambda: _ARCHITECTURES.get(platform.machine(), platform.machine()))


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Version:
    """What ``versions.toml`` says of one tool. A name that it does not say is empty."""

    name: str
    table: dict[str, Any]

    @property
    def version(self) -> str:
        return self.table["version"]

    @property
    def module(self) -> str:
        return self.table["module"]

    @property
    def module_version(self) -> str:
        return self.table["module_version"]

    def text(self, key: str) -> str:
        """A further text of the tool's table."""
        return self.table[key]

    def texts(self, key: str) -> tuple[str, ...]:
        """A further list of texts, empty if there is none."""
        return tuple(self.table.get(key, ()))

    def url(self, key: str, target: Platform | None = None) -> str:
        """The URL template ``key`` filled in for ``target``, by default this machine."""
        target = target or Platform()
        names: dict[str, dict[str, str]] = self.table
        return self.table[key].format(
            version=self.version,
            os=names.get("os", {}).get(target.os, target.os),
            arch=names.get("arch", {}).get(target.arch, target.arch),
        )


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads(FILE.read_text())


def of(name: str) -> Version:
    """The version of the tool ``name``. Raises KeyError if the list has none."""
    return Version(name, _tables()[name])


def image(kind: str, name: str = "") -> str:
    """The official image of a kind, with its registry; ``name`` where the kind has several."""
    return _tables()["images"][kind].format(name=name)


def require_linux() -> None:
    """Raises Problem where nothing can be built from package registries."""
    if sys.platform != "linux":
        raise Problem(
            f"building from package registries works on Linux only, and this is {sys.platform}",
            "allow the publishers' hosts named in toolchain/versions.toml, or name a mirror (vm-mesh:mirror)",
        )
