"""The talk: details moves from the VM to Kubernetes by one line of config a stage, and no request is lost."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e import splits
from tests.e2e.environment import Environment
from tests.e2e.splits import ONE_UPDATE_A_CLUSTER, STAGES, assert_served_by
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = pytest.mark.e2e


def test_every_stage_there_and_back(running: Environment, tmp_path: Path) -> None:
    splits.every_stage_there_and_back(running, tmp_path)


def test_callers_of_the_other_cluster_split_alike(running: Environment, tmp_path: Path) -> None:
    splits.callers_of_the_other_cluster_split_alike(running, tmp_path)


@pytest.mark.long
def test_no_stage_replaces_or_deletes_anything(running: Environment) -> None:
    """For every pair of stages."""
    before = "vm-only"
    for stage, other in itertools.permutations(STAGES, 2):
        if stage != before:
            running.set_stage(stage)
            running.up()
            before = stage
        running.set_stage(other)
        assert running.changes() == ONE_UPDATE_A_CLUSTER, (stage, other)
    running.set_stage("vm-only")
    running.up()


def test_a_route_is_for_the_clusters_that_it_names(running: Environment, tmp_path: Path) -> None:
    """Callers of another cluster reach the pods of the service, wherever they are, and never the VM."""
    with limited_to(running, {"namespaces": ["default"], "clusters": ["cluster1"]}):
        assert_served_by({"vm1"}, running, tmp_path, "cluster1")
        assert_served_by({"cluster1", "cluster2"}, running, tmp_path, "cluster2")


def test_a_route_is_for_the_namespaces_that_it_names(running: Environment, tmp_path: Path) -> None:
    """Callers of another namespace reach the pods of the service."""
    with limited_to(running, {"namespaces": ["virtual-machines"]}):
        assert_served_by({"cluster1", "cluster2"}, running, tmp_path, "cluster1")


@pytest.mark.long
def test_a_route_is_taken_away_and_put_back_without_a_lost_call(running: Environment) -> None:
    """Callers reach the pods of the service meanwhile, wherever they are."""
    urls = running.outputs["urls"]
    with Stream(urls["cluster1"], rate=60) as first, Stream(urls["cluster2"], rate=60) as second:
        with without_route(running):
            sent = send(urls["cluster1"], new_ids(100))
        running.make("verify")
    assert sent == {"200": 100}
    for stream in (first, second):
        print(f"{dict(stream.results)} in {stream.seconds:.1f} s while the route was taken away and put back")
        assert set(stream.results) == {"200"}


@contextmanager
def without_route(environment: Environment) -> Generator[None]:
    with environment.edited() as config:
        route = config["vm-mesh:routes"].pop("details")
        stage = config["vm-mesh:stages"].pop("details")
    try:
        environment.up()
        yield
    finally:
        with environment.edited() as config:
            config["vm-mesh:routes"]["details"] = route
            config["vm-mesh:stages"]["details"] = stage
        environment.up()


@contextmanager
def limited_to(environment: Environment, callers: dict[str, list[str]]) -> Generator[None]:
    with environment.edited() as config:
        before = config["vm-mesh:routes"]["details"]["callers"]
        config["vm-mesh:routes"]["details"]["callers"] = callers
    try:
        environment.up()
        yield
    finally:
        with environment.edited() as config:
            config["vm-mesh:routes"]["details"]["callers"] = before
        environment.up()
