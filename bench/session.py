"""A run of benchmarks: how thorough it is, and the environment that several of them share."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType

import yaml

from bench.result import Result
from tests.e2e.environment import ROOT, Environment, copy_of_checkout
from toolchain.problem import Problem
from toolchain.progress import Progress

STACK = "bench"
PORT = 28081
"""First of the ports on which a benchmark's own clusters show what they serve: beside ``dev`` and the tests."""


class Session:
    """What every benchmark is given. To be used as a context manager: it takes down what it has made.

    ``short``: few samples, to see that it works. ``cold``: the toolchain may be made anew, which takes a quarter of an
    hour.
    """

    def __init__(self, progress: Progress, *, short: bool = False, cold: bool = False) -> None:
        self.progress = progress
        self.short = short
        self.cold = cold
        self._given: Environment | None = None
        self._undo = ExitStack()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._undo.close()

    def times(self, full: int, short: int) -> int:
        """How often something is done."""
        return short if self.short else full

    def folder(self) -> Path:
        """A new empty folder, until the run ends."""
        return Path(self._undo.enter_context(tempfile.TemporaryDirectory(prefix="vm-mesh-bench-")))

    def measure_in(self, environment: Environment) -> None:
        """Has the benchmarks that need a mesh take one that is up already, which is left as it was."""
        self._given = environment

    @cached_property
    def environment(self) -> Environment:
        """The mesh of the talk, up: the one that was given, or one that is made here at first use."""
        if self._given:
            return self._given
        environment = self.copy()
        self._undo.callback(environment.make, "down")
        with self.progress.step("environment", "a mesh to measure in: make up"):
            environment.make("up")
        return environment

    def copy(self) -> Environment:
        """A copy of the checkout with the talk's config on other ports; nothing of it is up."""
        root = copy_of_checkout(self.folder())
        config = yaml.safe_load((root / "Pulumi.dev.yaml").read_text())["config"]
        for port, cluster in enumerate(config["vm-mesh:clusters"].values(), start=PORT):
            cluster["kind"]["ingressPort"] = port
        (root / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump({"config": config}, sort_keys=False))
        return Environment(root, STACK, self.folder())

    @contextmanager
    def round(self, name: str, what: str, number: int, rounds: int) -> Generator[None]:
        """Shows a round of the benchmark of that name; round 0 is not counted."""
        with self.progress.step(name, f"{what}, {f'{number} of {rounds}' if number else 'not counted'}"):
            yield


class NothingKnown(Problem):
    """There is nothing to tell, for what it would be told of was not asked for."""


Measure = Callable[[Session], Result]


def seconds(act: Callable[[], object]) -> float:
    """How long something takes."""
    started = time.monotonic()
    act()
    return time.monotonic() - started


def run_python(*arguments: str, folder: Path = ROOT) -> Sequence[str]:
    """Output lines of the project's Python."""
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
