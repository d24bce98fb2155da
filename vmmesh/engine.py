"""The Pulumi CLI, as the Automation API runs it here."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from pulumi import automation
from pulumi.automation import CommandResult, OnOutput
from pulumi.automation.errors import create_command_error

from toolchain.console import let_go

STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LAST_RESORT_SECONDS = 15.0
LOGGED = ("up", "preview", "refresh", "destroy")


class Engine(automation.PulumiCommand):
    """Runs ``pulumi``, what updates a stack with its output in ``log``, so that Ctrl-C lets it end well.

    The API's own runner gives up on Ctrl-C at once and leaves behind a ``pulumi`` whose output nobody reads:
    it dies of that in the midst of its work, with the stack locked.

    ``variables`` are set for all that is started from now on.
    """

    def __init__(self, log: Path, variables: Mapping[str, str]) -> None:
        super().__init__()
        self._log = log
        self.variables = dict(variables)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,  # the log has it
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Runs the CLI. Raises CommandError, or KeyboardInterrupt once it has ended on Ctrl-C."""
        command = [self.command, "--non-interactive", *args]
        environment = {**os.environ, **additional_env, **self.variables, "PULUMI_AUTOMATION_API": "true"}
        result = (self._logged if args[0] in LOGGED else self._read)(command, cwd=cwd, env=environment)
        if result.code:
            raise create_command_error(result)
        return result

    def _logged(self, command: list[str], **options: Any) -> CommandResult:
        with self._log.open("a+", errors="replace") as stream:
            began = stream.tell()
            process = start(command, stdout=stream, stderr=subprocess.STDOUT, **options)
            with interruptible(process):
                process.wait()
            stream.seek(began)
            output = stream.read()
        return CommandResult(stdout=output, stderr=output, code=process.returncode)

    def _read(self, command: list[str], **options: Any) -> CommandResult:
        process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        with interruptible(process):
            out, err = process.communicate()
        return CommandResult(stdout=out.rstrip(), stderr=err.rstrip(), code=process.returncode)


def start(command: list[str], **options: Any) -> subprocess.Popen[str]:
    """Starts a program in a session of its own.

    A terminal's Ctrl-C then reaches this process alone, which hands it on to the program: given to all of the
    group, it would kill what the program is waiting for.
    """
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, start_new_session=True, **options)


def stop(number: int, _frame: FrameType | None) -> None:
    """Handles a signal that asks this process to stop: as Ctrl-C does."""
    if number == signal.SIGHUP:
        let_go_of_terminal()
    raise KeyboardInterrupt


def let_go_of_terminal() -> None:
    """What a terminal that is gone must not keep this process from: putting things right.

    Kernel and shell may both tell of it, and the second time is not a second Ctrl-C; to write to it is an error.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for stream in (1, 2):
        state = select.poll()
        state.register(stream, 0)
        if any(event & select.POLLHUP for _, event in state.poll(0)):
            let_go(stream)


@contextmanager
def interruptible(process: subprocess.Popen[str]) -> Generator[None]:
    """Waits for a program in a block; whatever asks this process to stop is handed on to it as Ctrl-C.

    Raises KeyboardInterrupt at the block's end if that was so.
    """
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield
        return
    stopped: list[int] = []
    last_resort = threading.Timer(_LAST_RESORT_SECONDS, process.kill)
    last_resort.daemon = True

    def hand_on(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            let_go_of_terminal()
        again = "" if stopped else "; once more to break it off"
        stopped.append(number)
        process.send_signal(signal.SIGINT)
        if len(stopped) == 2:
            # The CLI has been seen to have said its last word and not to end; the next run heals what a kill leaves.
            last_resort.start()
        with suppress(OSError):  # who has read it may be gone
            print(f"Stopping: what is under way comes to its end first{again}", file=sys.stderr)

    heeded = [number for number in STOPPERS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, hand_on) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is hand_on:
                signal.signal(number, handler)
        last_resort.cancel()
    if stopped:
        raise KeyboardInterrupt
