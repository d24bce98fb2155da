"""A second run on a stack is told whose turn it is."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from vmmesh.exclusive import exclusive
from vmmesh.recovery import Held


def test_two_runs_at_once_are_one_too_many(tmp_path: Path) -> None:
    with exclusive(tmp_path, "dev"), multiprocessing.get_context("spawn").Pool(1) as pool:
        assert "another run is at work on the stack dev: process " in pool.apply(_enter, [tmp_path, "dev"])
        assert pool.apply(_enter, [tmp_path, "other"]) == "entered"
    with exclusive(tmp_path, "dev"):
        pass


def _enter(root: Path, name: str) -> str:
    try:
        with exclusive(root, name):
            return "entered"
    except Held as held:
        return str(held)
