"""Another host takes the place of one that serves: it joins, then the old one leaves, and no call is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.hosts import Host, hosts
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = [pytest.mark.e2e, pytest.mark.long]

VM = "moved"
# Any that every host has; beside it, `details` is the machine's own.
ECHO = {"port": 9090, "command": "/usr/bin/perl -e sleep"}


@pytest.fixture(scope="module")
def machines(running: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    with hosts(running, tmp_path_factory.mktemp("moved"), "old", "new") as found:
        yield found


@pytest.fixture
def moved(running: Environment, machines: list[Host]) -> Iterator[Environment]:
    """A VM on the first host, and a stage that calls it."""
    with running.edited() as config:
        config["vm-mesh:vms"][VM] = {
            "cluster": "cluster1",
            "host": machines[0].settings(),
            "services": {"details": {"port": 9080}, "echo": ECHO},
            "probe": {"tcp": {"port": 9080}},
        }
        config["vm-mesh:routes"]["details"]["stages"][VM] = {VM: 100}
    try:
        running.make("up")
        running.forget_outputs()
        yield running
    finally:
        with running.edited() as config:
            config["vm-mesh:vms"].pop(VM, None)
            config["vm-mesh:routes"]["details"]["stages"].pop(VM, None)
        running.make("up", f"GONE={VM}")
        running.forget_outputs()


def addresses(environment: Environment) -> list[str]:
    """Those of the VM's workload entries."""
    where = ("-n", "virtual-machines", "get", "workloadentries", "-l", f"vm-mesh/machine={VM}", "-o", "json")
    return [entry["spec"]["address"] for entry in json.loads(environment.kubectl("cluster1", *where))["items"]]


def serves(url: str) -> None:
    assert send(url, new_ids(10)) == {"200": 10}


def test_a_host_in_another_one_s_place_has_its_calls_before_that_leaves(
    moved: Environment, machines: list[Host]
) -> None:
    old, new = machines
    url = moved.outputs["urls"]["cluster1"]
    with moved.in_stage(VM):
        eventually(lambda: serves(url))
        assert addresses(moved) == [old.address]
        with moved.edited() as config:
            config["vm-mesh:vms"][VM]["host"] = new.settings()
        started = time.monotonic()
        with Stream(url, rate=60) as stream:
            moved.make("up")
        print(f"another host in its place after {time.monotonic() - started:.0f} s: {dict(stream.results)}")
        assert set(stream.results) == {"200"}
        assert addresses(moved) == [new.address]
        assert send(url, new_ids(100)) == {"200": 100}
    assert old.run("ls /etc/istio /usr/local/lib/vm-mesh 2>/dev/null || :") == ""
    assert new.run("systemctl is-active istio details").split() == ["active", "active"]
