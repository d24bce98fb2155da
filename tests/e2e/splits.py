"""How the calls of a service are split, as its callers' and its destinations' logs say: the same in every mode."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.e2e.conftest import UNEVEN
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Logs, Stream, followed, new_ids, send

STAGES = {
    "vm-only": {"vm1": 100},
    "canary": {"vm1": 75, "cluster1": 25},
    "kubernetes": {"cluster1": 100},
    "spread": {"vm1": 50, "cluster1": 25, "cluster2": 25},
    "uneven": UNEVEN,
}
THERE_AND_BACK = ["canary", "kubernetes", "spread", "kubernetes", "canary", "vm-only"]
ENVOY_CLUSTERS = {
    "vm1": "outbound|9080||details-vm1.virtual-machines.svc.cluster.local",
    "cluster1": "outbound|9080|cluster1|details.default.svc.cluster.local",
    "cluster2": "outbound|9080|cluster2|details.default.svc.cluster.local",
}
REQUESTS = 1_500
POINTS = 6
"""Five standard deviations of an even split."""
ONE_UPDATE_A_CLUSTER = [("update", "kubernetes:networking.istio.io/v1:VirtualService")] * 2


def settled(environment: Environment, logs: Logs, caller: str, stage: str) -> None:
    """Wait until the caller's proxy splits by the stage: some go wherever there is a weight, none elsewhere."""

    def check() -> None:
        ids = new_ids(60)
        send(environment.outputs["urls"][caller], ids)
        assert set(served(logs, ids)) == set(STAGES[stage])

    eventually(check)


def served(logs: Logs, ids: list[int]) -> Counter[str]:
    """Where the caller's proxy says that the requests went, once all of them are logged."""
    names = {envoy: name for name, envoy in ENVOY_CLUSTERS.items()}
    counts: Counter[str] = Counter()

    def all_logged() -> None:
        counts.clear()
        counts.update({names.get(envoy, envoy): n for envoy, n in logs.served("caller", {str(i) for i in ids}).items()})
        assert counts.total() == len(ids)

    eventually(all_logged)
    return counts


def assert_split(environment: Environment, logs: Logs, caller: str, stage: str) -> None:
    """``REQUESTS`` requests go by the weights of the stage, and caller and destinations log the same."""
    ids = new_ids(REQUESTS)
    assert send(environment.outputs["urls"][caller], ids) == {"200": REQUESTS}
    counts = served(logs, ids)
    print(f"{stage} from {caller}: {dict(counts)}")
    for destination in ENVOY_CLUSTERS:
        weight = STAGES[stage].get(destination, 0)
        share = 100 * counts[destination] / REQUESTS
        assert share == weight if weight in (0, 100) else abs(share - weight) < POINTS, (
            destination,
            share,
            weight,
        )

    def destinations_agree() -> None:
        numbers = {str(i) for i in ids}
        assert {name: logs.served(name, numbers).total() for name in ENVOY_CLUSTERS} == {
            name: counts[name] for name in ENVOY_CLUSTERS
        }

    eventually(destinations_agree)


def every_stage_there_and_back(running: Environment, folder: Path) -> None:
    """Each step is one update a cluster; a stream loses nothing while it is taken; the split is what the stage says."""
    with followed(running, folder, "cluster1") as logs:
        settled(running, logs, "cluster1", "vm-only")
        assert_split(running, logs, "cluster1", "vm-only")
        for stage in THERE_AND_BACK:
            running.set_stage(stage)
            with Stream(running.outputs["urls"]["cluster1"], rate=60) as stream:
                done = running.up()
                settled(running, logs, "cluster1", stage)
            print(f"{stage}: {dict(stream.results)} in {stream.seconds:.1f} s while it was taken")
            assert re.findall(r"^ +[^ ] \d+ [a-z]+$", done, re.MULTILINE) == ["    ~ 2 updated"], done
            assert set(stream.results) == {"200"}
            assert stream.results.total() >= 50 * stream.seconds
            assert_split(running, logs, "cluster1", stage)
    assert running.changes() == []


def callers_of_the_other_cluster_split_alike(running: Environment, folder: Path) -> None:
    """A route is in every cluster that calls, with any weights over any destinations."""
    with followed(running, folder, "cluster2") as logs:
        for stage in ("uneven", "vm-only"):
            running.set_stage(stage)
            running.up()
            settled(running, logs, "cluster2", stage)
            assert_split(running, logs, "cluster2", stage)


def assert_served_by(destinations: set[str], environment: Environment, folder: Path, caller: str) -> None:
    """Once the caller's proxy has settled on it, none but ``destinations`` serve it."""
    with followed(environment, folder, caller) as logs:

        def check(count: int) -> None:
            ids = new_ids(count)
            assert send(environment.outputs["urls"][caller], ids) == {"200": count}

            def all_logged() -> None:
                counts = {name: logs.served(name, {str(i) for i in ids}).total() for name in destinations}
                assert sum(counts.values()) == count

            eventually(all_logged, seconds=5)

        eventually(lambda: check(20))
        check(400)
