"""Runs one command as pulumi-command does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO, cast

from toolchain.plugins.resource import OperationError

_running: set[subprocess.Popen[bytes]] = set()
_ended = threading.Event()


def end_all() -> None:
    """Kills every command that is running, with all its children; from now on none can be started."""
    _ended.set()
    for process in tuple(_running):
        _kill(process)


def run(
    command: str,
    *,
    interpreter: list[str],
    directory: str | None,
    environment: Mapping[str, str],
    stdin: str,
    timeout: float | None,
    log: Mapping[str, Callable[[str], None]],
) -> tuple[str, str]:
    """Runs ``command`` with the ``environment`` over this process's own. Returns its stdout and stderr.

    Passes on each line of a stream that is in ``log`` meanwhile, and ends it after ``timeout`` seconds.
    Raises OperationError with the command and its output if it cannot start, or does not exit with 0.
    """
    if _ended.is_set():
        raise OperationError(f"context canceled: running {_quoted(command)}:\n")
    try:
        process = subprocess.Popen(
            [*interpreter, command],
            cwd=directory,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
    except OSError as error:
        raise OperationError(f"{_refusal(error, directory)}: running {_quoted(command)}:\n") from None
    both: list[bytes] = []
    streams = {
        name: _Stream(cast(IO[bytes], pipe), both, log.get(name))
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr))
    }
    _running.add(process)
    if _ended.is_set():  # meanwhile
        _kill(process)
    timer = threading.Timer(timeout, _kill, [process]) if timeout else None
    if timer:
        timer.start()
    try:
        if process.stdin:
            # A command may end without having read it all.
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(stdin.encode())
        # As the official plugin does, wait for the end of the streams too: a child may hold them.
        stdout, stderr = (stream.text() for stream in streams.values())
        code = process.wait()
    finally:
        if timer:
            timer.cancel()
        _running.discard(process)
    if code:
        raise OperationError(f"{_ending(code)}: running {_quoted(command)}:\n{_text(both)}")
    return stdout.removesuffix("\n"), stderr.removesuffix("\n")


class _Stream:
    """Collects what comes through a pipe, as it comes."""

    def __init__(self, pipe: IO[bytes], both: list[bytes], log: Callable[[str], None] | None) -> None:
        self._pipe = pipe
        self._both = both
        self._log = log
        self._lines: list[bytes] = []
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def text(self) -> str:
        """All of it, once the pipe is closed."""
        self._thread.join()
        return _text(self._lines)

    def _collect(self) -> None:
        with self._pipe:
            for line in self._pipe:
                self._lines.append(line)
                self._both.append(line)
                if self._log:
                    self._log(_text([line]).rstrip("\r\n"))


def _text(lines: list[bytes]) -> str:
    return b"".join(lines).decode(errors="replace")


def _refusal(error: OSError, directory: str | None) -> str:
    doing = "chdir" if directory == error.filename else "fork/exec"
    return f"{doing} {error.filename}: {(error.strerror or '').lower()}"


def _ending(code: int) -> str:
    return f"exit status {code}" if code > 0 else f"signal: {(signal.strsignal(-code) or str(-code)).lower()}"


def _quoted(command: str) -> str:
    return json.dumps(command, ensure_ascii=False)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
