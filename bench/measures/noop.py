"""Nothing to do: what a preview and an update of an unchanged stack take, and where the time goes."""

from __future__ import annotations

from dataclasses import replace

from bench.pulumi import Pulumi, Run
from bench.result import Bar, Result, Series
from bench.session import Session, run_python, seconds

_HOW = """\
`pulumi preview` and `pulumi up` (which skips the preview) of a stack that is as its config says, and `make up`, which
looks for tools, previews with the program in its own process, and looks after the VMs. Beside them Python alone:
started with nothing, with the program's imports, and with the whole program run against a stand-in for the engine,
which answers at once. What `pulumi` takes beyond that is the CLI, the state, the plugins, and the engine asking them
about each resource; *to the first resource* is what has gone by when the program has declared its first."""
_IMPORTS = """\
import pulumi, pulumi_command, pulumi_docker, pulumi_kubernetes
import components.application, components.federation, components.onboarding, components.route, settings
"""
_PROGRAM = "from tests.unit.components.program import run; print(len(run().resources))"


def measure(session: Session) -> Result:
    environment = session.environment
    pulumi = Pulumi(environment, session.folder() / "noop.log")
    rounds = session.times(10, 3)
    runs: dict[str, list[Run]] = {"preview": [], "up": []}
    plain: dict[str, list[float]] = {"nothing": [], "imports": [], "program": [], "make up": []}
    resources = 0
    pulumi.up()  # fills caches, and makes sure that there is nothing to do
    for turn in range(1, rounds + 1):
        with session.round("noop", "nothing to do", turn, rounds):
            runs["preview"].append(pulumi.preview())
            runs["up"].append(pulumi.up())
            plain["nothing"].append(seconds(lambda: run_python("-c", "pass")))
            plain["imports"].append(seconds(lambda: run_python("-c", _IMPORTS)))
            plain["program"].append(seconds(lambda: run_python("-c", _PROGRAM)))
            plain["make up"].append(seconds(lambda: environment.make("up")))
            resources = len(environment.pulumi("stack", "--show-urns").split("URN: ")) - 1
    series = [part for name, found in runs.items() for part in _parts(f"pulumi {name}", found)]
    series += [
        Series(name="make up", unit="s", values=plain["make up"]),
        Series(name="Python, started", unit="s", values=plain["nothing"], ours=False),
        Series(name="Python, with the program's imports", unit="s", values=plain["imports"], ours=False),
        Series(name="the program without an engine", unit="s", values=plain["program"], ours=False),
    ]
    found = Result(name="noop", title=f"nothing to do, in a stack of {resources} resources", how=_HOW, series=series)
    up = found["pulumi up"].median
    rest = up - found["the program without an engine"].median
    note = f"Of the {up:.1f} s of an update of nothing, {rest:.1f} s are not the program's."
    bar = Bar(
        what="an update of nothing, median",
        aim=6,
        found=up,
        unit="s",
        anchor="Pulumi's own CI: 6.3 s for an empty program and 0.05 s for each resource, 11 s for 100",
    )
    return replace(found, bars=[bar], notes=[note])


def _parts(name: str, runs: list[Run]) -> list[Series]:
    return [
        Series(name=name, unit="s", values=[run.seconds for run in runs]),
        Series(name=f"{name}: to the first resource", unit="s", values=[run.first for run in runs]),
        Series(name=f"{name}: first to last resource", unit="s", values=[run.last - run.first for run in runs]),
        Series(name=f"{name}: last resource to the end", unit="s", values=[run.seconds - run.last for run in runs]),
    ]
