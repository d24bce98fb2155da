"""The cache: entries ``<name>/<version>-<key>/`` that are whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from toolchain.problem import Problem

KEY_LENGTH = 12


def digest(parts: Iterable[str | bytes | Path]) -> str:
    """A key for what is made of ``parts``: texts, and files or whole folders by their contents and names."""
    whole = hashlib.sha256()
    for piece in _pieces(parts):
        whole.update(len(piece).to_bytes(8, "big") + piece)  # the length keeps ("ab", "c") apart from ("a", "bc")
    return whole.hexdigest()[:KEY_LENGTH]


def _pieces(parts: Iterable[str | bytes | Path]) -> Generator[bytes]:
    for part in parts:
        if isinstance(part, Path):
            for file in sorted(part.rglob("*")) if part.is_dir() else [part]:
                if file.is_file() and "__pycache__" not in file.parts:
                    yield str(file.relative_to(part)).encode()
                    yield file.read_bytes()
        else:
            yield part if isinstance(part, bytes) else part.encode()


@dataclass(frozen=True)
class Cache:
    """The cache in the folder ``root``, which several runs may use at once."""

    root: Path

    def entry(self, name: str, version: str, key: str) -> Path:
        """Where the entry lies if it is there."""
        return self.root / name / f"{version}-{key}"

    def lock(self, name: str) -> FileLock:
        """A lock between all runs on this machine."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{name}.lock")

    @property
    def durations(self) -> Path:
        """What has been made, one JSON object a line: name, seconds, processors, time."""
        return self.root / "durations.jsonl"

    def note(self, name: str, seconds: float) -> None:
        """Notes how long something took to make, for whoever wants to know where the minutes go."""
        line = {"name": name, "seconds": round(seconds, 2), "processors": os.cpu_count(), "time": round(time.time())}
        self.root.mkdir(parents=True, exist_ok=True)
        with self.durations.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def fill(self, entry: Path, make: Callable[[Path], None]) -> None:
        """Makes ``entry`` unless it is there, under a lock that the caller holds.

        ``make`` fills an empty folder, which becomes the entry by one rename when it returns.
        """
        if entry.exists():
            return
        draft = self.root / "drafts" / f"{entry.parent.name}-{entry.name}"
        remove(draft)  # of a run that was killed
        draft.mkdir(parents=True)
        try:
            make(draft)
            entry.parent.mkdir(parents=True, exist_ok=True)
            draft.rename(entry)
        except BaseException:
            with contextlib.suppress(Problem):  # of the two, why it was not made matters more
                remove(draft)
            raise


def remove(folder: Path) -> None:
    """Removes a folder, read-only ones in it too (as Go's module cache makes them), if it is there.

    Raises Problem if a step that ran as root has left what only root can remove, and sudo asks for a password.
    """
    if not folder.exists():
        return
    try:
        for inner in folder.rglob("*"):
            if inner.is_dir() and not inner.is_symlink():
                inner.chmod(0o755)
        shutil.rmtree(folder)
    except PermissionError:
        # A root file system in the making has the kernel's own in it.
        removal = ("sudo", "-n", "rm", "-rf", "--one-file-system", str(folder))
        if shutil.which("sudo") is None or subprocess.run(removal, capture_output=True, check=False).returncode:
            raise Problem(f"{folder} holds files of root, of a step that was killed", "remove it as root") from None
