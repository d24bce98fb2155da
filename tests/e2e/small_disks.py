"""File systems that are small and full, in memory: nothing of this machine's disk is ever used up."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.environment import Environment

# In the machine's mounts and among its processes (umount asks /proc/self), with the rights of the host's root, which
# the machine's own has not. With KEEP, what is there moves onto the small one, and back to where it was.
ON = """
set -eu
kept=$(mktemp -d)
[ -z "$KEEP" ] || cp -a "$FOLDER/." "$kept"
mount -t tmpfs -o "size=$SIZE,mode=$(stat -c %a "$FOLDER"),$(stat -c uid=%u,gid=%g "$FOLDER")" tmpfs "$FOLDER"
[ -z "$KEEP" ] || cp -a "$kept/." "$FOLDER"
rm -rf "$kept"
"""
OFF = """
set -eu
rm -f "$FOLDER/filler"
kept=$(mktemp -d)
[ -z "$KEEP" ] || cp -a "$FOLDER/." "$kept"
umount -l "$FOLDER"
[ -z "$KEEP" ] || cp -a "$kept/." "$FOLDER"
rm -rf "$kept"
"""
FILL = """
head -c 64M /dev/zero >"$FOLDER/filler" 2>/dev/null || :
[ "$(df -Pk "$FOLDER" | awk 'NR == 2 { print $4 }')" = 0 ]
"""
EMPTY = 'rm -f "$FOLDER/filler"'


def in_machine(environment: Environment, script: str, folder: str, **variables: str) -> None:
    """Runs a script in the mounts of the VM, which is a container."""
    container = environment.outputs["transports"]["vm1"].split()[-1]
    given = [f"{name}={value}" for name, value in {"FOLDER": folder, **variables}.items()]
    pid, image = environment.run("docker", "inspect", "-f", "{{.State.Pid}} {{.Config.Image}}", container).split()
    privileged = ("docker", "run", "--rm", "--privileged", "--pid=host", "--network=none", "--entrypoint", "nsenter")
    command = ("--target", pid, "--mount", "--pid", "env", *given, "sh", "-c", script)
    environment.run(*privileged, image, *command)


@contextmanager
def small_on_vm(environment: Environment, folder: str, size: str, *, keep: bool) -> Generator[None]:
    """A folder of the VM is on a file system of its own, of this size; ``keep``: with what is in it, now and after."""
    kept = {"KEEP": "yes" if keep else ""}
    in_machine(environment, ON, folder, SIZE=size, **kept)
    try:
        yield
    finally:
        in_machine(environment, OFF, folder, **kept)


@contextmanager
def small_here(folder: Path, size: str) -> Generator[Path]:
    """A folder of this machine is on a file system of its own. Yields the file that fills it when it is written to."""
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.copytree(folder, kept)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        shutil.rmtree(kept)
        pytest.skip(f"this user cannot mount: {mounted.stderr.decode().strip()}")
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield folder / "filler"
    finally:
        (folder / "filler").unlink(missing_ok=True)
        shutil.rmtree(kept)
        shutil.copytree(folder, kept)
        subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(folder)
        kept.rename(folder)


def fill(file: Path, leaving: int = 0) -> None:
    """Writes until all but ``leaving`` bytes of the file's file system are taken."""
    with file.open("ab", buffering=0) as filler:
        while (room := shutil.disk_usage(file.parent).free - leaving) > 0:
            try:
                filler.write(bytes(min(room, 1 << 20)))
            except OSError:
                return
