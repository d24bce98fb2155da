"""A stage: from the edit of the config to every caller's proxy, and where the time goes."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace

from bench.pulumi import Pulumi, Run
from bench.result import Bar, Result, Series
from bench.session import Session, seconds
from bench.target import NAME, Target, target
from bench.watching import Callers, Watches, callers, written
from tests.e2e.environment import Environment
from vmmesh.routes import Route, route_of
from vmmesh.stackfile import StackFile

FLAGGER_SECONDS = 45.0
"""Flagger's docs: at least interval * (maxWeight / stepWeight) for a canary (usage/deployment-strategies); its own
end-to-end test (test/istio/test-canary.sh) takes 15 s and steps of 10 to 30 percent, so three intervals."""

_HOW = """\
One line of the config is edited, from one stage to another and back. `pulumi preview`, then `pulumi up` without a
second preview, as `make stage` runs them: the CLI, and the program in the process that has started it. *Written* is
when a watch on the API server tells of the new VirtualService. From then on the proxy of productpage, which is what
calls the service, is asked for its routes in each cluster, every 10 ms over an open connection; *pushed* is until it
has them, so istiod's wait of 100 ms for further changes is in it. By hand: the same VirtualService, of another host,
edited in a file and given to `kubectl apply` for one cluster after the other: no preview, no check, nothing that knows
of it afterwards. Both in turns. `make stage` is the whole command, with the 1,000 requests through each cluster by
which it proves the stage."""


class _Samples(defaultdict[str, list[float]]):
    def __init__(self) -> None:
        super().__init__(list)


class _Stages:
    """Edits by Pulumi and by hand, each watched until the proxies have it."""

    def __init__(self, session: Session, watched: Callers, ours: Watches, theirs: Watches, by_hand: Target) -> None:
        environment = session.environment
        self.samples = _Samples()
        self._file = StackFile(environment.root, environment.stack)
        self._pulumi = Pulumi(environment, session.folder() / "stage.log", within=True)
        self._watched, self._ours, self._theirs, self._by_hand = watched, ours, theirs, by_hand

    def by_pulumi(self, service: str, stage: str) -> None:
        edited = time.monotonic()
        route = route_of(self._file.set_stage(service, stage), service)
        preview = self._pulumi.preview()
        runs: list[Run] = []
        pushes = self._watched.pushed(route, self._ours, lambda: runs.append(self._pulumi.up())).values()
        (up,) = runs
        wrote, had = max(push.written for push in pushes), max(push.routed for push in pushes)
        note = self.samples
        note["preview"].append(preview.seconds)
        note["up: start to the first resource"].append(up.first)
        note["up: first resource to written in both clusters"].append(wrote - up.started - up.first)
        note["pushed"] += [push.milliseconds for push in pushes]
        note["skew between the clusters"].append(had - min(push.routed for push in pushes))
        note["up: start to routed everywhere"].append(had - up.started)
        note["edit to routed everywhere"].append(had - edited)

    def by_kubectl(self, route: Route) -> None:
        edited = time.monotonic()
        wanted = self._by_hand.at(route.percents)
        pushes = self._watched.pushed(wanted, self._theirs, self._by_hand.apply).values()
        had = max(push.routed for push in pushes)
        note = self.samples
        note["kubectl apply: pushed"] += [push.milliseconds for push in pushes]
        note["kubectl apply: skew between the clusters"].append(had - min(push.routed for push in pushes))
        note["kubectl apply: edit to routed everywhere"].append(had - edited)


def measure(session: Session) -> Result:
    environment = session.environment
    file = StackFile(environment.root, environment.stack)
    settings = file.settings()
    service = next(iter(settings.routes))
    route = route_of(settings, service)
    there, back = next(name for name in settings.routes[service].stages if name != route.stage), route.stage
    routes = {name: _at(route, settings.routes[service].stages[name]) for name in (there, back)}
    rounds = session.times(10, 3)
    with ExitStack() as stack:
        stack.callback(_set_back, environment, file, service, back)
        by_hand = stack.enter_context(target(environment, route, session.folder()))
        watched = stack.enter_context(callers(environment, route.clusters))
        watches = [
            {
                cluster: stack.enter_context(written(environment, cluster, name, settings.routes[service].namespace))
                for cluster in route.clusters
            }
            for name in (service, NAME)
        ]
        stages = _Stages(session, watched, watches[0], watches[1], by_hand)
        for turn in range(rounds + 1):
            to = (there, back)[turn % 2]
            with session.round("stage", f"{to}, by Pulumi and by hand", turn, rounds):
                stages.by_pulumi(service, to)
                stages.by_kubectl(routes[to])
            if turn == 0:  # the first one opens connections and fills caches
                stages.samples.clear()
    whole = _whole(session, service, there, back)
    return _result(stages.samples, whole)


def _at(route: Route, percents: dict[str, int]) -> Route:
    return replace(route, percents=dict.fromkeys(route.percents, 0) | percents)


def _set_back(environment: Environment, file: StackFile, service: str, stage: str) -> None:
    if file.settings().stages[service] != stage:
        file.set_stage(service, stage)
        environment.up()


def _whole(session: Session, service: str, there: str, back: str) -> list[float]:
    found: list[float] = []
    rounds = session.times(2, 1)
    for turn in range(rounds):
        for stage in (there, back):
            with session.round("stage", f"make stage STAGE={stage}", turn + 1, rounds):
                found.append(
                    seconds(lambda to=stage: session.environment.make("stage", f"SERVICE={service}", f"STAGE={to}"))
                )
    return found


def _result(samples: _Samples, whole: list[float]) -> Result:
    series = [
        Series(
            name=name, unit="ms" if name.endswith("pushed") else "s", values=values, ours=not name.startswith("kubectl")
        )
        for name, values in samples.items()
    ]
    verified = Series(name="make stage, verified by requests", unit="s", values=whole)
    flagger = Series(name="Flagger's least for a canary", unit="s", values=[FLAGGER_SECONDS], ours=False)
    found = Result(name="stage", title="one stage of a migration", how=_HOW, series=[*series, verified, flagger])
    pushed, skew = found["pushed"], found["skew between the clusters"]
    bars = [
        Bar(
            what="from the API server's word to a caller's proxy, 99th percentile",
            aim=400,
            found=pushed.worst,
            unit="ms",
            anchor="istiod's debounce of 100 ms; Airbnb's p90 of 1.5 s in production",
        ),
        Bar(
            what="between the proxies of the two clusters",
            aim=1,
            found=skew.greatest,
            unit="s",
            anchor="the project's own",
        ),
        Bar(
            what="preview of a stage, median",
            aim=4,
            found=found["preview"].median,
            unit="s",
            anchor="18.1 s that Pulumi's own CI allows for 100 resources",
        ),
        Bar(
            what="a stage with its proof, median",
            aim=15,
            found=verified.median,
            unit="s",
            anchor="Flagger's 45 s at the least",
        ),
    ]
    return replace(found, bars=bars)
