"""Which versions on PATH serve as well as the pinned ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolchain import fits, versions
from toolchain.commands import Commands


def install(folder: Path, tool: str, answer: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / tool).write_text(f"#!/bin/sh\necho '{answer}'\n")
    (folder / tool).chmod(0o755)


@pytest.mark.parametrize(
    ("tool", "answer", "fitting"),
    [
        ("kind", "kind v0.30.9 go1.25.1 linux/amd64", True),
        ("kind", "kind v0.31.0 go1.25.1 linux/amd64", False),
        ("kubectl", "Client Version: v1.33.7", True),
        ("kubectl", "Client Version: v1.35.0", True),
        ("kubectl", "Client Version: v1.32.4-dispatcher", False),
        ("istioctl", "client version: 1.31.4", True),
        ("istioctl", "client version: 1.30.0", False),
        ("istioctl", "no version here", False),
        ("pulumi", "v3.300.0", True),
        ("pulumi", "v3.258.0", False),
        ("pulumi", "v4.0.0", False),
    ],
)
def test_versions(tool: str, answer: str, fitting: bool, tmp_path: Path) -> None:
    install(tmp_path, "pulumi-language-python", "")
    install(tmp_path, tool, answer)
    assert (fits.on_path(tool, str(tmp_path), Commands()) is not None) is fitting


def test_pulumi_needs_its_language_host(tmp_path: Path) -> None:
    install(tmp_path, "pulumi", f"v{versions.of('pulumi').version}")
    assert fits.on_path("pulumi", str(tmp_path), Commands()) is None


def test_what_is_not_there_or_broken_does_not_fit(tmp_path: Path) -> None:
    assert fits.on_path("kind", str(tmp_path), Commands()) is None
    install(tmp_path, "kind", "")
    (tmp_path / "kind").write_text("#!/bin/sh\necho v0.30.0; exit 1\n")
    assert fits.on_path("kind", str(tmp_path), Commands()) is None


def test_tools_of_another_checkout_are_not_the_machines_own(tmp_path: Path) -> None:
    """They are links into the cache, and go when that checkout's do."""
    cache, other, machine, plain = (tmp_path / name for name in ("cache", "other", "machine", "plain"))
    for folder in (cache, other, machine, plain):
        folder.mkdir()
    install(cache, "kind", "")
    install(machine, "kind", "")
    (other / "kubectl").symlink_to(cache / "kind")
    path = os.pathsep.join(map(str, (other, cache, machine, plain)))
    assert fits.without([cache], path) == os.pathsep.join(map(str, (machine, plain)))
