"""A disk of this machine that is full: seen, and told as what it is."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from toolchain.problem import Problem

LEAST = 64 * 1024
"""Bytes without which not even the end of a run can be written down."""
ADVICE = "make room there, and run again: what is done and could not be written down is found and finished then"
_SAID = os.strerror(errno.ENOSPC).lower()


def is_said(words: str) -> bool:
    """Whether a program's words are of a full disk."""
    return _SAID in words.lower()


def full(error: OSError) -> Problem | None:
    """The problem to tell in place of an error that a full disk has caused."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return Problem(f"the disk is full: {error.filename or error.strerror}", ADVICE)


def advised(problem: Problem, *folders: Path) -> Problem:
    """The problem, with what to do if a full disk is behind it, a machine's too, and even if it could not say so."""
    filled = [str(folder) for folder in folders if folder.exists() and shutil.disk_usage(folder).free < LEAST]
    if filled and not is_said(str(problem)):
        return Problem(f"the disk of {' and of '.join(filled)} is full: {problem}", ADVICE)
    if is_said(str(problem)):
        problem.advice = f"{ADVICE}\n{problem.advice}".rstrip()
    return problem
