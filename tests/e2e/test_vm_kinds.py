"""A VM with several services, an entry that the program declares, labels of its own, and a command as its probe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = pytest.mark.e2e

VM = "vm2"
SICK = "/tmp/sick"  # noqa: S108  # a file on the VM
SETTINGS = {
    "cluster": "cluster2",
    "registration": "static",
    "services": {
        "details": {"port": 9080, "command": "/usr/local/bin/details"},
        "ratings": {"port": 9081, "command": "env PORT=9081 /usr/local/bin/details"},
    },
    "labels": {"version": "legacy", "team": "books"},
    "probe": {"exec": {"command": ["test", "!", "-e", SICK]}, "periodSeconds": 1},
}


@pytest.fixture(scope="module")
def declared(running: Environment) -> Iterator[Environment]:
    """The environment with the VM, and a route to each of its services in a stage that calls it."""
    with running.edited() as config:
        config["vm-mesh:vms"][VM] = SETTINGS
        config["vm-mesh:routes"]["details"]["stages"][VM] = {VM: 100}
        config["vm-mesh:routes"]["ratings"] = {"stages": {VM: {VM: 100}, "pods": {"cluster1": 100}}}
        config["vm-mesh:stages"] = {"details": VM, "ratings": "pods"}
    try:
        running.make("up")
        running.forget_outputs()
        yield running
    finally:
        running.set_stage("vm-only")
        running.set_stage("pods", route="ratings")
        running.up()
        with running.edited() as config:
            config["vm-mesh:vms"].pop(VM)
            config["vm-mesh:routes"]["details"]["stages"].pop(VM)
            config["vm-mesh:routes"].pop("ratings")
            config["vm-mesh:stages"].pop("ratings")
        running.make("up")
        running.forget_outputs()


def entries(environment: Environment) -> list[dict[str, Any]]:
    listed = environment.kubectl(
        "cluster2", "-n", "virtual-machines", "get", "workloadentries", "-l", f"vm-mesh/vm={VM}", "-o", "json"
    )
    return json.loads(listed)["items"]


def healthy(environment: Environment) -> list[str]:
    (entry,) = entries(environment)
    conditions = entry.get("status", {}).get("conditions", [])
    return [condition["status"] for condition in conditions if condition["type"] == "Healthy"]


def test_a_declared_entry_serves_and_has_its_labels(declared: Environment) -> None:
    (entry,) = entries(declared)
    assert entry["metadata"]["name"] == VM
    labels = entry["spec"]["labels"]
    assert (labels["app"], labels["version"], labels["team"]) == ("details", "legacy", "books")
    eventually(lambda: serves(declared))


def serves(environment: Environment) -> None:
    assert send(environment.outputs["urls"]["cluster1"], new_ids(10)) == {"200": 10}


def test_each_service_of_a_vm_is_a_destination(declared: Environment) -> None:
    before = calls(declared, 9081)
    # reviews calls ratings; the version that does so is one of three.
    declared.set_stage(VM, route="ratings")
    declared.up()

    def called() -> None:
        send(declared.outputs["urls"]["cluster1"], [f"{number}/reviews" for number in new_ids(20)])
        assert calls(declared, 9081) > before

    eventually(called)


def calls(environment: Environment, port: int) -> int:
    """Calls that the VM's sidecar has taken in for the service at a port."""
    stats = environment.on_vm(f"pilot-agent request GET 'stats?filter=inbound.{port}.*upstream_rq_total'", VM)
    return sum(int(line.rpartition(" ")[2]) for line in stats.splitlines() if line.startswith("cluster."))


def test_a_command_says_whether_the_vm_can_serve(declared: Environment) -> None:
    """Traffic stops at a VM that says so, and comes back with it; meanwhile it is elsewhere, and nothing is lost."""
    eventually(lambda: is_healthy(declared, "True"))
    declared.set_stage("kubernetes")
    declared.up()
    declared.on_vm(f"touch {SICK}", VM)
    eventually(lambda: is_healthy(declared, "False"))
    found = json.loads(declared.vmmesh("status", "--json"))
    (vm,) = (it for it in found["vms"] if it["name"] == VM)
    assert (vm["registered"], vm["healthy"]) == (True, False)
    assert vm["message"]
    declared.on_vm(f"rm {SICK}", VM)
    eventually(lambda: is_healthy(declared, "True"))
    with Stream(declared.outputs["urls"]["cluster2"], rate=60) as stream:
        declared.set_stage(VM)
        declared.up()
    assert set(stream.results) == {"200"}


def is_healthy(environment: Environment, expected: str) -> None:
    assert healthy(environment) == [expected]


def test_a_service_that_is_taken_out_runs_no_longer(declared: Environment) -> None:
    """And the VM's other service is not started anew for it."""
    details, ratings = (f"pgrep -u svc-{service} 2>/dev/null || :" for service in ("details", "ratings"))
    before = declared.on_vm(details, VM)
    assert before
    assert declared.on_vm(ratings, VM)
    declared.set_stage("pods", route="ratings")
    declared.up()
    with declared.edited() as config:
        config["vm-mesh:vms"][VM]["services"].pop("ratings")
        config["vm-mesh:routes"]["ratings"]["stages"].pop(VM)
    declared.make("up")
    assert declared.on_vm(ratings, VM) == ""
    assert declared.on_vm("ls /etc/sv /etc/service /usr/local/lib/vm-mesh | grep -c ratings || :", VM).strip() == "0"
    assert declared.on_vm(details, VM) == before
