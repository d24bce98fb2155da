"""Shows what is going on: steps, several at once, each with what it does, how long so far, and its log."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from toolchain.console import errors
from toolchain.problem import Problem

HEARTBEAT = 30.0
TAIL_LINES = 15


@dataclass(frozen=True)
class Step:
    """One step that is under way: its name, what it does, and the file that its output goes to."""

    name: str
    what: str
    log: Path
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class StepFailed(Problem):
    """A step that did not work, with the end of its log. Its ``__cause__`` is what was raised in it."""

    def __init__(self, step: Step, reason: str, advice: str) -> None:
        super().__init__(f"{step.name} failed: {reason}", advice)
        self.log = step.log

    def tail(self) -> list[str]:
        """The last lines of the step's log."""
        try:
            return self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        except OSError:
            return []


class Progress:
    """Shows steps on ``console`` (by default standard error), live on a terminal, as plain lines elsewhere.

    Use it as a context manager, and :meth:`step` from any thread.
    """

    def __init__(self, logs: Path, console: Console | None = None, heartbeat: float = HEARTBEAT) -> None:
        self._logs = logs
        self._console = console or errors()
        self._heartbeat = heartbeat
        self._steps: list[Step] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._spinner = Spinner("dots")
        self._live: Live | None = None
        self._beat: threading.Thread | None = None

    def __enter__(self) -> Progress:
        self._logs.mkdir(parents=True, exist_ok=True)
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=5, transient=True)
            self._live.start()
        else:
            self._beat = threading.Thread(target=self._beats, daemon=True)
            self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._live:
            self._live.stop()
        if self._beat:
            self._beat.join()

    @contextmanager
    def step(self, name: str, what: str) -> Generator[Step]:
        """Runs its block as a step, with an empty log file.

        Raises StepFailed in place of a Problem or an OSError that the block raised.
        """
        step = Step(name, what, self._logs / f"{name}.log")
        step.log.write_text("")
        with self._lock:
            self._steps.append(step)
        if not self._live:
            self.say(f"{name}: {what}")
        try:
            yield step
        except (Problem, OSError) as error:
            self.say(Text(f"{name}: failed after {step.seconds:.0f} s", style="red"))
            raise StepFailed(step, str(error), getattr(error, "advice", "")) from error
        else:
            done = Text(f"{name}: done in {step.seconds:.0f} s")
            if self._live:
                done = (
                    Text("✓ ", style="green") + Text(f"{name}: {what}") + Text(f"  {step.seconds:.0f} s", style="dim")
                )
            self.say(done)
        finally:
            with self._lock:
                self._steps.remove(step)

    def say(self, line: str | Text) -> None:
        """Prints a line, above the steps that are under way."""
        self._console.print(Text(line) if isinstance(line, str) else line, soft_wrap=True)

    def _under_way(self) -> list[Step]:
        with self._lock:
            return list(self._steps)

    def _table(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        for step in self._under_way():
            table.add_row(
                self._spinner,
                Text(f"{step.name}: {step.what}", overflow="ellipsis", no_wrap=True),
                Text(f"{step.seconds:.0f} s"),
                Text(_short(step.log), style="dim"),
            )
        return Group(table)

    def _beats(self) -> None:
        while not self._ended.wait(self._heartbeat):
            for step in self._under_way():
                self.say(f"{step.name}: {step.seconds:.0f} s so far, log in {_short(step.log)}")


def report(problem: Problem, console: Console | None = None) -> None:
    """Prints what went wrong and what to do, for a program that then ends with exit code 1."""
    console = console or errors()
    console.print(Text(str(problem), style="bold red"), soft_wrap=True)
    if isinstance(problem, StepFailed):
        for line in problem.tail():
            console.print(Text(f"  {line}", style="dim"), soft_wrap=True)
        console.print(Text(f"The whole log is in {_short(problem.log)}"), soft_wrap=True)
    if problem.advice:
        console.print(Text(problem.advice), soft_wrap=True)
    if isinstance(problem, StepFailed):
        console.print(Text("What is done is kept: running the same command again goes on from there."), soft_wrap=True)


def _short(file: Path) -> str:
    """The path as the user would type it."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)
