"""A machine, and stand-ins for the programs that would change the one that the tests run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.bootstrap.support import PROGRAMS, Machine
from tests.unit.vmmesh.support import Programs


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Stand-ins, first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    made = Programs(folder, tmp_path / "calls")
    for name, does in PROGRAMS.items():
        made.make(name, does)
    return made


@pytest.fixture
def machine(tmp_path: Path, programs: Programs) -> Machine:
    assert programs.calls == []
    return Machine(tmp_path / "machine")
