"""Entries are whole or not there, and two runs at once make each of them once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import cache
from toolchain.cache import Cache, digest, remove
from toolchain.problem import Problem

# A run that makes an entry slowly, and writes a line each time that it really makes it.
RUN = """
import sys, time
from pathlib import Path
from toolchain.cache import Cache

cache, log = Cache(Path(sys.argv[1])), Path(sys.argv[2])

def make(folder):
    (folder / "first").write_text("1")
    time.sleep(0.3)
    with log.open("a") as stream:
        stream.write("made\\n")
    (folder / "second").write_text("2")

entry = cache.entry("tool", "1.0", "k")
with cache.lock("tool"):
    cache.fill(entry, make)
assert sorted(file.name for file in entry.iterdir()) == ["first", "second"]
"""


def test_two_runs_at_once_make_an_entry_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path / "cache"), str(tmp_path / "log")]
    runs = [subprocess.Popen(command) for _ in range(2)]
    assert [run.wait(20) for run in runs] == [0, 0]
    assert (tmp_path / "log").read_text() == "made\n"


def test_a_failure_leaves_no_entry_and_no_draft(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entry = cache.entry("tool", "1.0", "k")

    def make(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.fill(entry, make)
    assert not entry.exists()
    assert list((tmp_path / "drafts").iterdir()) == []


def test_a_failure_is_told_though_its_draft_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removed = iter([None, Problem("holds files of root")])

    def remove_fails(_folder: Path) -> None:
        if error := next(removed):
            raise error

    def make(_folder: Path) -> None:
        raise Problem("the disk is full")

    monkeypatch.setattr(cache, "remove", remove_fails)
    with pytest.raises(Problem, match="the disk is full"):
        Cache(tmp_path).fill(tmp_path / "tool", make)


def test_what_a_killed_run_left_is_not_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entry = cache.entry("tool", "1.0", "k")
    leftover = tmp_path / "drafts" / "tool-1.0-k" / "read-only"
    leftover.mkdir(parents=True)
    leftover.chmod(0o555)

    cache.fill(entry, lambda folder: (folder / "whole").touch())

    assert [file.name for file in entry.iterdir()] == ["whole"]


def test_remove_takes_folders_that_are_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "module"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").touch()
    (folder / "inner").chmod(0o555)
    remove(folder)
    assert not folder.exists()


def test_keys_change_with_every_part(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    key = digest(["v1", tmp_path])
    assert digest(["v1", tmp_path]) == key
    assert digest(["v2", tmp_path]) != key
    (tmp_path / "a").write_text("2")
    assert digest(["v1", tmp_path]) != key
    (tmp_path / "a").write_text("1")
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest(["v1", tmp_path]) != key


def test_keys_tell_where_one_part_ends() -> None:
    assert digest(["ab", "c"]) != digest(["a", "bc"])


def test_keys_do_not_see_compiled_python(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    key = digest([tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").touch()
    assert digest([tmp_path]) == key
