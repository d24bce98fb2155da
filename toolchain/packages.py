"""Debian packages that this machine lacks, and what has to be done as root."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from toolchain.commands import CommandFailed, Commands
from toolchain.problem import Problem
from toolchain.recipe import Recipe, Shop, Work

# Not on every user's PATH, and debootstrap and dockerd lie there.
SYSTEM = ":/usr/local/sbin:/usr/sbin:/sbin"


def which(command: str) -> str | None:
    """Where the command is, in the folders of the system's administrator too."""
    return shutil.which(command, path=os.environ.get("PATH", os.defpath) + SYSTEM)


def as_root(commands: Commands) -> tuple[str, ...]:
    """What to put before a command to run it as root without a question. Raises Problem if nothing does."""
    if os.geteuid() == 0:
        return ()
    try:
        commands.read("sudo", "-n", "true")
    except CommandFailed:
        raise Problem("this needs root, and sudo asks for a password", "run `sudo -v` first, or run as root") from None
    return ("sudo", "-n")


@dataclass(frozen=True, eq=False, kw_only=True)
class Packages(Recipe):
    """Commands, each with the Debian packages that it takes: they are installed if it is missing."""

    commands: Mapping[str, str]

    def present(self, shop: Shop) -> bool:
        return not self._lacking()

    def make(self, work: Work) -> None:
        with work.locked("apt"):
            lacking = self._lacking()
            if not lacking:
                return
            advice = f"install {' '.join(lacking)} with your system's package manager"
            if which("apt-get") is None:
                raise Problem(f"this machine lacks {' '.join(lacking)}, and has no apt-get", advice)
            try:
                root = as_root(work.shop.commands)
            except Problem as error:
                raise Problem(f"this machine lacks {' '.join(lacking)}: {error}", advice) from None
            apt = [
                *root,
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "-q",
                "-o",
                "DPkg::Lock::Timeout=300",
            ]
            work.run(*apt, "update")
            work.run(*apt, "install", "-y", "--no-install-recommends", *lacking)

    def _lacking(self) -> list[str]:
        lacking = (packages for command, packages in self.commands.items() if which(command) is None)
        return sorted({package for packages in lacking for package in packages.split()})
