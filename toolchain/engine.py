"""The container engine: the one that answers, else a Docker engine that is started here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from toolchain.cache import Cache
from toolchain.commands import CommandFailed, Commands
from toolchain.problem import Problem

SOCKET = "unix:///var/run/docker.sock"
CONTAINERD = Path("/run/containerd/containerd.sock")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
SYS_RESOURCE_BIT = 24
WRAPPER = Path(__file__).parent / "files" / "runc-granted"


@dataclass(frozen=True)
class Started:
    """A process that was started, known again for certain: its id alone may belong to another one by now."""

    pid: int
    start_time: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Started | None:
        """The process with this id, if there is one now."""
        try:
            # The name in parentheses may hold spaces; the start time is the 20th field after it.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        if fields[0] == "Z":
            return None
        return cls(pid, int(fields[19]), Path("/proc/sys/kernel/random/boot_id").read_text().strip())

    def runs(self) -> bool:
        return Started.of(self.pid) == self


class Engine:
    """The engine that ``docker`` talks to (DOCKER_HOST and contexts respected), or one that is started."""

    def __init__(self, cache: Cache, commands: Commands) -> None:
        self._folder = cache.root / "engine"
        self._commands = commands
        self._answers = False

    def answers(self) -> bool:
        """Whether an engine answers. Raises Problem if there is one that this user may not use."""
        if not self._answers:
            try:
                self._answers = bool(self._commands.read("docker", "info", "--format", "{{.ServerVersion}}").strip())
            except CommandFailed as error:
                if "permission denied" in str(error):
                    raise Problem(
                        "the Docker engine does not let this user in",
                        "add the user to the group docker, or run as root",
                    ) from None
        return self._answers

    def has(self, image: str) -> bool:
        """Whether the engine holds the image."""
        try:
            self._commands.read("docker", "image", "inspect", "--format", "{{.Id}}", image)
        except CommandFailed:
            return False
        return True

    def startable(self) -> bool:
        """Whether an engine can be started here with nothing to install.

        Raises Problem if the user chose an engine elsewhere: that one is theirs to start.
        """
        if elsewhere := self._elsewhere():
            raise Problem(f"the container engine at {elsewhere} does not answer", "start it, and run again")
        return os.geteuid() == 0 and shutil.which("dockerd") is not None

    def start(self, log: Path) -> None:
        """Starts dockerd, apart from this program, and waits until it answers.

        Its data and its log lie in the cache. Raises Problem if it cannot be started or does not come up.
        """
        if self.answers():  # its package may have started it
            return
        if sys.platform != "linux" or os.geteuid() != 0:
            raise Problem("no container engine answers, and only root can start one", "start Docker, and run again")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._clear_after_crash()
        output = self._folder / "log"
        with output.open("ab") as stream:
            process = subprocess.Popen(
                ["dockerd", *self._options()],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # it outlives this program, and Ctrl-C here
            )
        started = Started.of(process.pid)
        if started:
            self._record.write_text(json.dumps(asdict(started)))
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                with log.open("ab") as stream:
                    stream.write(b"\n".join(output.read_bytes().splitlines()[-30:]))
                raise Problem("dockerd did not come up", f"its log is {output}")
            time.sleep(0.2)

    def stop(self) -> str:
        """Stops the engine that :meth:`start` started and returns what was done, in words.

        Raises Problem if containers are running in it.
        """
        started = self._read_record()
        if started is None or not started.runs():
            self._record.unlink(missing_ok=True)
            return "no engine was started here"
        try:
            running = self._commands.read("docker", "-H", SOCKET, "ps", "--format", "{{.Names}}").split()
        except CommandFailed:
            running = []
        if running:
            raise Problem(f"containers are running in the engine: {' '.join(running)}", "stop them first (`make down`)")
        os.kill(started.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while started.runs():
            if time.monotonic() > deadline:
                raise Problem(f"dockerd (process {started.pid}) does not stop", f"its log is {self._folder / 'log'}")
            time.sleep(0.1)
        self._record.unlink(missing_ok=True)
        return "the engine is stopped"

    @property
    def _record(self) -> Path:
        return self._folder / "started.json"

    def _read_record(self) -> Started | None:
        try:
            return Started(**json.loads(self._record.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _elsewhere(self) -> str:
        """The engine that the user chose, if it is not this machine's own."""
        if host := os.environ.get("DOCKER_HOST"):
            return "" if host == SOCKET else host
        try:
            context = self._commands.read("docker", "context", "show").strip()
        except CommandFailed:  # no docker yet, or one too old for contexts
            return ""
        return "" if context in ("", "default") else f"context {context}"

    def _options(self) -> Sequence[str]:
        # The proxy of a published port ends for good when it has no more file descriptors (moby/moby#6402), which calls
        # that wait take by the thousand; the kernel forwards without one.
        options = [
            "--userland-proxy=false",
            "--host",
            SOCKET,
            "--data-root",
            str(self._folder / "data"),
            "--pidfile",
            str(self._folder / "pid"),
        ]
        if not grants_sys_resource():
            wrapper = self._folder / WRAPPER.name
            # The engine outlives this checkout and its Python environment.
            interpreter = Path(sys.base_prefix, "bin", "python3")
            wrapper.write_text(WRAPPER.read_text().replace("/usr/bin/python3", str(interpreter), 1))
            wrapper.chmod(0o755)
            options += ["--add-runtime", f"granted={wrapper}", "--default-runtime", "granted"]
        return options

    def _clear_after_crash(self) -> None:
        """Removes what an engine that died left behind: dockerd takes it for one that runs."""
        (self._folder / "pid").unlink(missing_ok=True)
        if CONTAINERD.exists() and not _listens(CONTAINERD):
            CONTAINERD.unlink()


def grants_sys_resource(status: Path = Path("/proc/self/status")) -> bool:
    """Whether this machine lets a process have CAP_SYS_RESOURCE, root's at least."""
    if not status.exists():  # not a Linux: the engine has a virtual machine of its own
        return True
    bounding = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding, 16) >> SYS_RESOURCE_BIT & 1)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
