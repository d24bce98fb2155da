"""Runs other programs: their output in a log, and none left behind when this program is stopped."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from toolchain.problem import Problem

GRACE = 5.0
CLEAN_UP_SECONDS = 30.0


class CommandFailed(Problem):
    """A program that could not be started or ended with another code than 0."""


class Stopped(Exception):
    """The whole run is being stopped: nothing more is started."""


class Commands:
    """Runs programs, from any thread, until :meth:`stop`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        return self._stopped

    def run(
        self,
        *command: str | Path,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: IO[bytes] | None = None,
    ) -> None:
        """Runs a program to its end, its output appended to ``log``, with ``env`` over our own environment.

        Raises CommandFailed, or Stopped if :meth:`stop` ended it.
        """
        with log.open("ab") as output:
            output.write(f"$ {shlex.join(map(str, command))}\n".encode())
            output.flush()
            process = self._start(command, cwd, env, stdin or subprocess.DEVNULL, output, subprocess.STDOUT)
            self._finish(process, command, None)

    def read(
        self,
        *command: str | Path,
        log: Path | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Runs a program to its end and returns its standard output. Raises as :meth:`run` does."""
        process = self._start(command, cwd, env, subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)
        return self._finish(process, command, log)

    def clean_up(self, *command: str | Path) -> None:
        """Runs a short program that takes back what another one did, even while being stopped, if it can."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, check=False, timeout=CLEAN_UP_SECONDS)

    def stop(self) -> None:
        """Ends every program that is running, with its children, and lets no other start."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            self._signal(process, signal.SIGTERM)
        for process in running:
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._signal(process, signal.SIGKILL)

    def _start(
        self,
        command: Sequence[str | Path],
        cwd: Path | None,
        env: Mapping[str, str] | None,
        stdin: IO[bytes] | int,
        stdout: IO[bytes] | int,
        stderr: int,
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise Stopped
            try:
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env={**os.environ, **(env or {})},
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,  # to be ended together with its children
                )
            except OSError as error:
                raise CommandFailed(f"{command[0]} cannot be run: {error.strerror}") from None
            self._running.add(process)
            return process

    def _finish(self, process: subprocess.Popen[bytes], command: Sequence[str | Path], log: Path | None) -> str:
        try:
            out, err = process.communicate()
        finally:
            with self._lock:
                self._running.discard(process)
        if self._stopped:
            raise Stopped
        if process.returncode:
            if log:
                with log.open("ab") as stream:
                    stream.write(err)
            last = (err or b"").decode(errors="replace").strip().splitlines()[-1:]
            reason = (
                f"{shlex.join(map(str, command[:3]))} ... " if len(command) > 3 else f"{shlex.join(map(str, command))} "
            )
            raise CommandFailed(
                "".join([reason, f"ended with code {process.returncode}", *(f": {line}" for line in last)])
            )
        return (out or b"").decode(errors="replace")

    def _signal(self, process: subprocess.Popen[bytes], number: int) -> None:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError:  # it runs as root, by sudo
            self.clean_up("sudo", "-n", "kill", f"-{number}", "--", f"-{process.pid}")
