"""Programs that are run end with this one, those of root too."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolchain import cache
from toolchain.commands import Commands, Stopped
from toolchain.problem import Problem


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sudo, first on PATH, that needs no password and writes down what it runs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = folder / "calls"
    (folder / "sudo").write_text(f'#!/bin/sh\nshift\necho "$*" >>{calls}\nexec "$@"\n')
    (folder / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "sudo"


def forbidden(*_: object) -> None:
    raise PermissionError


def test_a_program_of_root_is_ended_by_sudo(sudo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = Commands()
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(running.read, "sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 60")
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.01)
        monkeypatch.setattr(os, "killpg", forbidden)
        running.stop()
        with pytest.raises(Stopped):
            ended.result(20)
    number = (tmp_path / "pid").read_text().strip()
    assert (sudo.parent / "calls").read_text() == f"kill -15 -- -{number}\n"


def test_a_folder_of_root_is_removed_by_sudo(sudo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = tmp_path / "draft"
    (draft / "rootfs.ABC").mkdir(parents=True)
    monkeypatch.setattr(shutil, "rmtree", forbidden)
    cache.remove(draft)
    assert not draft.exists()

    draft.mkdir()
    sudo.write_text("#!/bin/sh\necho a password is required >&2; exit 1\n")
    with pytest.raises(Problem, match="holds files of root"):
        cache.remove(draft)
