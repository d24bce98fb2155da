"""A cluster of its own keeps the metrics of the others, in either discovery; it comes and goes without a lost call."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.test_metrics import CLUSTERS, RATE, all_read, left_behind, managed, prometheus, running_since
from tests.e2e.traffic import Stream

pytestmark = [pytest.mark.e2e, pytest.mark.long]


@contextmanager
def discovering(environment: Environment, discovery: str) -> Generator[None]:
    """The clusters know each other in this way, for the time of a block."""

    with environment.edited() as config:
        config["vm-mesh:mesh"] = {"discovery": discovery}
    environment.up()
    try:
        yield
    finally:
        with environment.edited() as config:
            del config["vm-mesh:mesh"]
        environment.up()


@pytest.mark.parametrize("discovery", ["remoteSecrets", "serviceEntries"])
def test_a_cluster_that_serves_nothing_keeps_the_metrics_of_the_others(running: Environment, discovery: str) -> None:
    with discovering(running, discovery):
        watched_from_beside(running)


def watched_from_beside(running: Environment) -> None:
    """A cluster that keeps metrics and serves nothing is turned on and off; what it keeps is looked at."""
    before = running_since(running)
    try:
        # Without calls: the making of a cluster takes all of a small machine's processors for some seconds.
        managed(running, None, {"management": {"network": "network9", "application": False}})
        with Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream:
            managed(running, {"cluster": "management", "metrics": {}})
            assert "management" not in running.outputs["urls"]
            with prometheus(running, "management") as store:
                eventually(lambda: all_read(running, store, (*CLUSTERS, "management")), seconds=180)
            running.vmmesh("doctor")
            running.vmmesh("drift")
            assert running.changes() == []
    finally:
        with running.edited() as config:
            config.pop("vm-mesh:management", None)
            config["vm-mesh:clusters"].pop("management", None)
        with Stream(running.outputs["urls"]["cluster1"], rate=RATE) as off:
            running.up()
        running.forget_outputs()
    print(f"turned on: {dict(stream.results)}, turned off: {dict(off.results)}")
    assert set(stream.results) == {"200"}
    assert set(off.results) == {"200"}
    assert running_since(running) == before
    assert left_behind(running) == []
