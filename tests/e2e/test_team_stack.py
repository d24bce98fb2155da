"""A stack of its own for a team: it adds a VM, a service and a route to the mesh that another stack has made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import STACK
from tests.e2e.environment import Environment, eventually
from toolchain import artifacts

pytestmark = [pytest.mark.e2e, pytest.mark.long]

CALLS = 40
CALL = "curl -s -o /dev/null -w '%{http_code}\\n' http://billing.team.svc.cluster.local:9080/details/0"


def config(environment: Environment) -> dict[str, Any]:
    """What a team has to know of the mesh is in the outputs of the stack that has made it."""
    clusters = {
        name: {
            "network": f"network{number}",
            "existing": {
                "stackReference": f"organization/vm-mesh/{STACK}",
                "output": f"kubeconfigs.{name}",
                "context": f"kind-vm-mesh-{STACK}-{name}",
                "gateway": {"address": gateway},
            },
        }
        for number, (name, gateway) in enumerate(environment.outputs["gateways"].items(), start=1)
    }
    image = artifacts.load(environment.root).images["details-v1"]
    vm = {
        "cluster": "cluster1",
        "namespace": "team-vms",
        "services": {"billing": {"port": 9080, "command": "/usr/local/bin/details"}},
        "probe": {"http": {"path": "/health", "port": 9080}},
    }
    stages = {"vm": {"vm2": 100}, "both": {"vm2": 50, "cluster2": 50}}
    return {
        "vm-mesh:mesh": {"installed": True},
        "vm-mesh:dockerNetwork": f"vm-mesh-{STACK}",
        "vm-mesh:clusters": clusters,
        "vm-mesh:application": {"billing": {"namespace": "team", "versions": {"v1": {"image": image}}}},
        "vm-mesh:vms": {"vm2": vm},
        "vm-mesh:routes": {"billing": {"namespace": "team", "stages": stages}},
        "vm-mesh:stages": {"billing": "vm"},
    }


@pytest.fixture(scope="module")
def team(running: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The team's stack, in the checkout of the other one: a reference is to the same backend of files."""
    file = running.root / "Pulumi.team.yaml"
    file.write_text(yaml.safe_dump({"config": config(running)}))
    environment = Environment(running.root, "team", tmp_path_factory.mktemp("team"))
    try:
        environment.make("up")
        yield environment
    finally:
        environment.make("down")
        file.unlink()


def served(environment: Environment, team: Environment) -> tuple[int, int]:
    """Calls that the VM of one stack makes to the service of the other: answered with 200, and by that one's VM."""
    before = on_vm2(team)
    answers = environment.on_vm(f"for i in $(seq {CALLS}); do {CALL}; done").split()
    return answers.count("200"), on_vm2(team) - before


def on_vm2(team: Environment) -> int:
    return int(team.on_vm('grep -c \'"upstream_cluster":"inbound|9080\' /var/log/istio/istio.log || true', vm="vm2"))


def test_its_service_is_called_from_the_vm_of_another_stack(running: Environment, team: Environment) -> None:
    def by_the_vm_alone() -> None:
        # A proxy writes its log a moment later.
        assert served(running, team)[0] == CALLS
        assert on_vm2(team) >= CALLS

    eventually(by_the_vm_alone, seconds=60)
    assert team.changes() == []


def test_a_stage_is_its_own(running: Environment, team: Environment) -> None:
    team.set_stage("both", "billing")
    assert {kind for _, kind in team.changes()} == {"kubernetes:networking.istio.io/v1:VirtualService"}
    team.up()

    def by_both() -> None:
        answered, vm2 = served(running, team)
        assert answered == CALLS
        assert 0 < vm2 < CALLS

    eventually(by_both, seconds=60)
    assert running.changes() == []
