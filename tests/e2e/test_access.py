"""Who may call what: the same rules at pods of every cluster and at the VM, and turning them on disturbs nobody."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.access_rules import ENFORCED, RULES, access
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = pytest.mark.e2e

CLUSTERS = ("cluster1", "cluster2")
PODS = "http://details.default.svc.cluster.local:9080"
VM = "http://details-vm1.virtual-machines.svc.cluster.local:9080"
OPERATORS = {"group:books": ["default"]}
WHOLE = {"rules": RULES, "enforced": ENFORCED, "operators": OPERATORS}


@pytest.fixture(scope="module")
def limited(running: Environment) -> Iterator[Environment]:
    with access(running, WHOLE):
        eventually(lambda: vm_may_not(running, PODS, "/details/1"))
        eventually(lambda: vm_may_not(running, VM, "/details/1"))
        yield running


def statuses(environment: Environment, base: str, path: str, method: str = "GET", count: int = 20) -> set[str]:
    """What the VM's own calls are answered; enough of them to reach the pods of both clusters."""
    call = f"curl -s -m 10 -o /dev/null -X {method} -w '%{{http_code}}\\n' '{base}{path}'"
    return set(environment.on_vm(f"for i in $(seq {count}); do {call}; done").split())


def vm_may(environment: Environment, base: str, path: str) -> None:
    assert statuses(environment, base, path) == {"200"}


def vm_may_not(environment: Environment, base: str, path: str) -> None:
    assert statuses(environment, base, path) == {"403"}


@pytest.mark.long
def test_turning_it_on_and_off_loses_no_call_of_whom_is_allowed(running: Environment) -> None:
    """All at once: rules and denial in one update each way."""
    vm_may(running, PODS, "/details/1")
    urls = running.outputs["urls"]
    with Stream(urls["cluster1"], rate=40) as first, Stream(urls["cluster2"], rate=40) as second:
        with access(running, WHOLE):
            eventually(lambda: vm_may_not(running, PODS, "/details/1"))
        eventually(lambda: vm_may(running, PODS, "/details/1"))
    for stream in (first, second):
        print(f"{dict(stream.results)} in {stream.seconds:.1f} s while access was turned on and off")
        assert set(stream.results) == {"200"}
    assert running.changes() == []


@pytest.mark.parametrize("base", [PODS, VM])
def test_a_rule_holds_at_pods_and_at_the_vm(limited: Environment, base: str) -> None:
    """For the method and the path that it names, and for whom it names."""
    assert statuses(limited, base, "/health") == {"200"}
    assert statuses(limited, base, "/health?deep=1") == {"200"}
    assert statuses(limited, base, "/health", method="POST") == {"403"}
    assert statuses(limited, base, "/details/1") == {"403"}


def test_what_has_no_rule_is_denied_in_an_enforced_namespace(limited: Environment) -> None:
    assert statuses(limited, "http://ratings.default.svc.cluster.local:9080", "/health") == {"403"}


@pytest.mark.parametrize("stage", ["vm-only", "spread"])
def test_callers_of_both_clusters_are_known_wherever_they_are_served(limited: Environment, stage: str) -> None:
    """Also through the east-west gateways: the caller's identity is what the server's sidecar sees."""
    limited.set_stage(stage)
    limited.up()
    try:
        for cluster in CLUSTERS:
            assert send(limited.outputs["urls"][cluster], new_ids(200)) == {"200": 200}
    finally:
        limited.set_stage("vm-only")
        limited.up()


def test_the_config_says_beforehand_what_the_mesh_does(limited: Environment) -> None:
    assert may(limited, "productpage", "details", "/details/1")
    assert may(limited, "vm1", "details", "/health")
    assert not may(limited, "vm1", "details", "/details/1")
    assert not may(limited, "reviews", "ratings", "/health")


def may(environment: Environment, caller: str, service: str, path: str) -> bool:
    python = environment.run("sh", "toolchain/venv.sh").strip() + "/bin/python"
    command = [python, "-m", "vmmesh", "access", "check", caller, service, "--path", path, "--stack", environment.stack]
    done = subprocess.run(
        command, cwd=environment.root, env=environment.variables, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_operators_edit_routes_and_nothing_else(limited: Environment, cluster: str) -> None:
    for resource in ("virtualservices", "destinationrules"):
        kind = f"{resource}.networking.istio.io"
        assert operator_may(limited, cluster, "get", kind)
        assert operator_may(limited, cluster, "patch", kind)
        assert not operator_may(limited, cluster, "delete", kind)
        assert not operator_may(limited, cluster, "patch", kind, namespace="virtual-machines")
    assert not operator_may(limited, cluster, "get", "secrets")
    assert not operator_may(limited, cluster, "patch", "authorizationpolicies.security.istio.io")


def operator_may(environment: Environment, cluster: str, verb: str, resource: str, namespace: str = "default") -> bool:
    who = ["--as=jane@example.com", "--as-group=books"]
    command = environment.kubectl_command(cluster, "auth", "can-i", verb, resource, f"--namespace={namespace}", *who)
    # kubectl answers "no" with exit code 1.
    done = subprocess.run(command, env=environment.variables, capture_output=True, text=True, check=False)
    assert done.stdout.strip() in ("yes", "no"), done.stderr
    return done.stdout.strip() == "yes"


@pytest.mark.long
def test_whom_no_rule_names_is_denied_at_the_vm_and_at_pods(running: Environment) -> None:
    """Productpage is, from both clusters, in the stage that the VM serves and in the one that pods serve."""
    with access(running, {"rules": {"details": [{"from": ["vm1"]}]}}):
        for stage in ("vm-only", "kubernetes"):
            running.set_stage(stage)
            running.up()
            for cluster in CLUSTERS:
                eventually(lambda cluster=cluster: all_denied(running, cluster))
        running.set_stage("vm-only")
        running.up()
    for cluster in CLUSTERS:
        eventually(lambda cluster=cluster: all_allowed(running, cluster))


def all_denied(environment: Environment, cluster: str) -> None:
    assert "200" not in send(environment.outputs["urls"][cluster], new_ids(20))


def all_allowed(environment: Environment, cluster: str) -> None:
    assert send(environment.outputs["urls"][cluster], new_ids(20)) == {"200": 20}
