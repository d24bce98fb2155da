"""Entries that hold an official release."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getsource
from pathlib import Path

from toolchain.recipe import Entry, Work
from toolchain.release import Release
from toolchain.versions import Version

# Turns the downloaded file, which lies in the entry's folder, into what the entry is to hold.
Unpack = Callable[[Work, Path], None]


def official(version: Version, unpack: Unpack) -> Entry:
    """The official release of a tool, checked against its publisher's checksum."""
    release = Release(version.url("release"), version.url("checksums"))

    def fill(work: Work, folder: Path) -> None:
        file = work.shop.releases.fetch(release, folder)
        unpack(work, file)

    return Entry(
        name=version.name,
        what=f"{version.name} {version.version}, the official release",
        version=version.version,
        ingredients=(release.url, release.checksums, getsource(unpack)),
        fill=fill,
        available=lambda shop: shop.releases.offers(release),
    )


def program(name: str) -> Unpack:
    """The file is the program itself."""

    def unpack(_work: Work, file: Path) -> None:
        binaries = file.parent / "bin"
        binaries.mkdir()
        file.rename(binaries / name).chmod(0o755)

    return unpack


def archive(depth: int = 0) -> Unpack:
    """The file is an archive of programs, in ``depth`` folders."""

    def unpack(work: Work, file: Path) -> None:
        binaries = file.parent / "bin"
        binaries.mkdir()
        work.run("tar", "-xzf", file, "-C", binaries, f"--strip-components={depth}")
        file.unlink()

    return unpack
