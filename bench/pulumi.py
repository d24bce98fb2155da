"""Runs of Pulumi on a stack, with the moment at which each thing was done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pulumi import automation
from pulumi.automation import CommandResult, EngineEvent, OnOutput

from tests.e2e.environment import Environment
from toolchain.environment import environment as variables
from vmmesh.engine import LOGGED, Engine
from vmmesh.program import program

Moments = Sequence[tuple[float, EngineEvent]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the CLI, by the machine's monotonic clock."""

    started: float
    ended: float
    moments: Moments

    @property
    def seconds(self) -> float:
        return self.ended - self.started

    @property
    def first(self) -> float:
        """Seconds until the program has declared its first resource: CLI, state, plugins and Python are up."""
        return self._resources()[0] - self.started

    @property
    def last(self) -> float:
        """Seconds until the engine was done with the last resource."""
        return self._resources()[-1] - self.started

    def _resources(self) -> list[float]:
        return [at for at, event in self.moments if event.resource_pre_event or event.res_outputs_event]


class _Clocked(Engine):
    """Notes when the CLI itself started and ended: the API asks for outputs and history afterwards."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        super().__init__(log, environment)
        self.started = self.ended = 0.0

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        started = time.monotonic()
        result = super().run(args, cwd, additional_env, on_output, on_error)
        if args[0] in LOGGED:
            self.started, self.ended = started, time.monotonic()
        return result


class Pulumi:
    """The stack of an environment.

    As ``pulumi`` by hand runs it; ``within``: as the commands of the checkout do, with the program in this process.
    """

    def __init__(self, environment: Environment, log: Path, *, within: bool = False) -> None:
        self._engine = _Clocked(log, variables(environment.root))
        self._program = program(environment.root) if within else None
        workspace = automation.LocalWorkspace(work_dir=str(environment.root), pulumi_command=self._engine)
        self._stack = automation.Stack.select(environment.stack, workspace)

    def preview(self) -> Run:
        return self._timed(lambda note: self._stack.preview(program=self._program, on_event=note, color="never"))

    def up(self) -> Run:
        """An update that shows no preview first."""
        return self._timed(lambda note: self._stack.up(program=self._program, on_event=note, color="never"))

    def _timed(self, act: Callable[[Callable[[EngineEvent], None]], object]) -> Run:
        moments: list[tuple[float, EngineEvent]] = []
        act(lambda event: moments.append((time.monotonic(), event)))
        return Run(started=self._engine.started, ended=self._engine.ended, moments=moments)
