"""Only what this checkout does not use is removed from the cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from toolchain.cache import Cache
from toolchain.mirror import Mirror
from toolchain.prune import ABANDONED, prune
from toolchain.recipe import Entry
from toolchain.recipes import istio
from toolchain.recipes.workloads import Workloads


def test_what_is_used_or_being_made_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VM_MESH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "cache" / "venv" / "current"))
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {vm-mesh:mirror: {images: registry.example/hub}}")
    cache = Cache(tmp_path / "cache")
    mirrored, plain = (
        Workloads(mirror).choice().ways[0] for mirror in (Mirror(images="registry.example/hub"), Mirror())
    )
    assert isinstance(mirrored, Entry)
    assert isinstance(plain, Entry)
    used = [
        *(cache.entry(it.name, it.version, it.key) for it in (mirrored, plain)),
        cache.entry(istio.ISTIOCTL.name, istio.ISTIOCTL.version, istio.ISTIOCTL.key),
        cache.root / "venv" / "current",
        cache.root / "engine" / "data",
        cache.root / "pulumi" / "plugins",
        cache.root / "drafts" / "being-made",
    ]
    unused = [
        cache.entry(istio.ISTIOCTL.name, istio.ISTIOCTL.version, "oldkey"),
        cache.entry("tool-of-old", "1.0", "key"),
        cache.root / "venv" / "old",
        cache.root / "drafts" / "abandoned",
    ]
    for folder in used + unused:
        folder.mkdir(parents=True)
    long_ago = tmp_path.stat().st_mtime - ABANDONED - 1
    os.utime(cache.root / "drafts" / "abandoned", (long_ago, long_ago))

    said = list(prune(tmp_path))

    assert sorted(said) == sorted(f"removed {folder}" for folder in unused)
    assert [folder for folder in used + unused if folder.exists()] == used
