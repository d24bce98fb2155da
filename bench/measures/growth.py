"""More VMs: what the program and the engine take for them, with no cluster at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

from bench import growing
from bench.result import Bar, Result, Series
from bench.session import Session, seconds
from settings import PROJECT, load
from tests.preview.conftest import ROOT, Project
from tests.unit.components import program
from toolchain.problem import Problem

_HOW = """\
The talk's config with so many VMs, each with a service, a route and its stages, and the recorded state of the talk's
mesh with as many copies of its VM (`bench/growing.py`). Timed: the check of the whole config; the program run against a
stand-in for the engine; a preview and an update of that state, which find nothing to do, each a command as `make up` is
one. The real engine and plugins, no cluster: nothing of this reaches one. State is in the file backend."""
_EMPTY, _EACH = 6.3, 0.05
"""What Pulumi's own CI allows an empty Python program, and a resource in which nothing changes (2,000 in 100 s;
tests/performance/performance_test.go)."""

# The file backend writes the whole state again for each resource of which something is noted anew
# (pulumi/pulumi#10068): all of them after an import.
_ONE_WRITE = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}


def measure(session: Session) -> Result:
    series: list[Series] = []
    bars: list[Bar] = []
    for count in (1, 3, 10) if session.short else (10, 100, 1000):
        found, resources = _at(session, count)
        series += found
        up = found[-1].median
        bars.append(
            Bar(
                what=f"an update of nothing with VMs: {count}, resources: {resources:,}, median",
                aim=_EMPTY + _EACH * resources,
                found=up,
                unit="s",
                anchor="Pulumi's own CI: 6.3 s for an empty program and 0.05 s for each resource",
            )
        )
    return Result(name="growth", title="more VMs, no cluster", how=_HOW, series=series, bars=bars)


def _at(session: Session, count: int) -> tuple[list[Series], int]:
    config = growing.config(count)
    own = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()}
    # Of what takes minutes, once has to do.
    rounds = session.times(5 if count < 100 else 3 if count < 1000 else 1, 1)
    name = f"{count} VMs" if count > 1 else "1 VM"
    values: dict[str, list[float]] = {"settings": [], "program alone": [], "preview": [], "up": []}
    project = Project(session.folder(), ())
    project.configure(config)
    resources = growing.resources(count)
    with session.round("growth", name, 0, rounds):
        project.become(resources)
        # Once without the clock: Python has its modules then, and the state what an update notes of each resource.
        program.run(own)
        _nothing_to_do(project, "up", _ONE_WRITE)
    for turn in range(1, rounds + 1):
        with session.round("growth", name, turn, rounds):
            values["settings"].append(seconds(lambda: load(own)))
            values["program alone"].append(seconds(lambda: program.run(own)))
            values["preview"].append(seconds(lambda: _nothing_to_do(project, "preview")))
            values["up"].append(seconds(lambda: _nothing_to_do(project, "up")))
    series = [Series(name=f"{name}: {what}", unit="s", values=found) for what, found in values.items()]
    return [replace(it, ours=not it.name.endswith("program alone")) for it in series], len(resources)


def _nothing_to_do(project: Project, action: str, variables: Mapping[str, str] | None = None) -> None:
    """Previews or updates. Raises Problem if there is something to do: then it is not this that was measured."""
    command = [sys.executable, "-m", "bench.nothing", action, str(project.folder)]
    environment = {**project.environment, **(variables or {})}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(f"{action}: {done.stdout[-3000:]} {done.stderr[-1000:]}", "see bench/growing.py")
