"""Programs that only write down how they are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.vmmesh.support import Programs


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Stand-ins for docker, kubectl and pulumi, first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Programs(folder, tmp_path / "calls")
