"""A full disk is told as what it is, of whichever program has met it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

from toolchain.problem import Problem
from vmmesh.room import advised, full


def test_an_error_of_a_full_disk_is_told_from_others() -> None:
    problem = full(OSError(errno.ENOSPC, "No space left on device", "/state/up.log"))
    assert str(problem) == "the disk is full: /state/up.log"
    assert problem
    assert "make room" in problem.advice
    assert full(OSError(errno.EACCES, "Permission denied", "/state/up.log")) is None


def test_a_program_s_own_words_are_known(tmp_path: Path) -> None:
    said = Problem("failed to save snapshot: write dev.json: no space left on device", "its log is up.log")
    found = advised(said, tmp_path)
    assert found is said
    assert found.advice.splitlines()[-1] == "its log is up.log"
    assert "run again" in found.advice


def test_where_there_was_no_room_for_words_the_disk_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", Mock(return_value=Mock(free=4096)))
    found = advised(Problem("code: 255"), tmp_path, tmp_path / "none")
    assert str(found) == f"the disk of {tmp_path} is full: code: 255"


def test_any_other_problem_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", Mock(return_value=Mock(free=10**9)))
    problem = Problem("vm1-join failed: no certificate yet")
    assert advised(problem, tmp_path) is problem
