"""A folder that stands in for a VM, on which the scripts of the bootstrap run without any right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]

# Runs a command with the machine's folders below its own.
_TRANSPORT = """
import os, sys
from tests.unit.bootstrap.support import below

words = [below({folder!r}, word) for word in sys.argv[1:]]
os.execvp(words[0], words)
"""
# For a user who may give files to nobody.
_INSTALL = """
while [ $# -gt 1 ]; do
    case $1 in -d) folders=yes ;; -m | -o | -g) shift ;; *) [ -n "${folders-}" ] && mkdir -p "$1" || from=$1 ;; esac
    shift
done
if [ -n "${folders-}" ]; then mkdir -p "$1"; else cat "$from" >"$1"; fi
"""
PROGRAMS = {"install": _INSTALL, "chown": "", "systemctl": "", "userdel": "", "useradd": "", "groupdel": ""}
"""Programs of a machine that would change this one."""


def below(folder: str, text: str) -> str:
    """A text that names the folders of a machine, with those below ``folder`` in their place."""
    return re.sub(r"(?<![\w./])/(etc|var|run|usr/local|lib/systemd)\b", rf"{folder}/\1", text)


@dataclass(frozen=True)
class Machine:
    """The machine whose folders are below ``folder``; its init is systemd."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("run/systemd/system", "etc/systemd/system", "usr/local/lib", "var/lib/vm-mesh", "var/cache"):
            (self.folder / name).mkdir(parents=True)
        self.folder.with_suffix(".py").write_text(_TRANSPORT.format(folder=str(self.folder)))

    def put(self, path: str, text: str = "") -> Path:
        """Makes a file on the machine."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def step(self, script: str, stdin: str = "", **data: str) -> subprocess.CompletedProcess[str]:
        """Runs a step of the bootstrap for the machine."""
        transport = f"{sys.executable} {self.folder.with_suffix('.py')}"
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "VM": "vm1", "TRANSPORT": transport, **data}
        return subprocess.run(
            ["sh", f"bootstrap/{script}"],
            cwd=ROOT,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
