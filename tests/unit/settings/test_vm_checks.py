"""What VMs must be to each other, and to what else a config has."""

from __future__ import annotations

from typing import Any

import pytest

from settings import PROJECT, load
from tests.unit.settings.support import FULL, HOST_KEY, REMOVED, changed, errors


def test_vm_may_be_on_the_network_of_a_cluster() -> None:
    """Of any cluster, where all of them read each other's endpoints; else of the one that it joins."""
    load(changed("vms/vm1/network", "network1"))
    load(changed("vms/vm1/network", "network2", changed("mesh", {})))


def test_vm_named_like_a_cluster() -> None:
    error = "is also the name of a cluster; a destination needs a name of its own"
    assert f"{PROJECT}:vms.made: {error}" in errors(changed("vms/made", FULL["vms"]["vm1"]))


def test_host_names_of_vms() -> None:
    service = {"port": 9080}
    config = changed("application/details-vm1", {"namespace": "machines", "versions": {}})
    config["vms"]["v" * 40] = {**config["vms"]["vm1"], "services": {"s" * 40: service}}
    config["vms"]["w" * 22] = config["vms"]["v" * 40]
    del config["vms"]["fleet"], config["vms"]["old"], config["extensions"]
    vms = f"{PROJECT}:vms"
    assert errors(config) == (
        f"{vms}.vm1.services.details: has the same name in Kubernetes as {PROJECT}:application.details-vm1",
        f'{vms}.{"v" * 40}.services.{"s" * 40}: "{"s" * 37}..." would name a Service, must be at most 63 '
        "characters long",
    )


def test_a_vm_has_a_service_account_of_its_own() -> None:
    beside = changed("vms/ratings", {**FULL["vms"]["fleet"], "machines": {"m": {}}, "namespace": "shop"})
    beside = changed("vms/ratings/labels", {"app": "ratings-vm"}, changed("access", {}, beside))
    assert errors(beside) == (
        "vm-mesh:vms.ratings: has the same service account in Kubernetes as vm-mesh:application.ratings",
    )
    load(changed("vms/ratings/namespace", "machines", beside))


@pytest.mark.parametrize(
    ("path", "entry"),
    [("vms", {**FULL["vms"]["fleet"], "machines": {"m": {}}}), ("application", {"versions": {}})],
)
def test_the_service_account_default_is_that_of_kubernetes(path: str, entry: dict[str, Any]) -> None:
    assert errors(changed(f"{path}/default", entry)) == (
        f"vm-mesh:{path}.default: has the name of the service account that every namespace has; give it another one",
    )


@pytest.mark.parametrize("name", ["bin", "docker-dns", "istio"])
def test_a_service_that_is_run_is_not_what_the_bootstrap_puts_there(name: str) -> None:
    config = changed(f"vms/old/services/{name}", {"port": 9081})
    load(config)
    assert errors(changed(f"vms/old/services/{name}/command", "serve", config)) == (
        f"vm-mesh:vms.old.services.{name}: has the name of what the bootstrap itself puts on a machine; with a command "
        "it needs another one",
    )


def test_a_service_that_is_run_gives_a_user_its_name() -> None:
    longest, longer = 28 * "s", 29 * "s"
    load(changed(f"vms/old/services/{longest}", {"port": 9081, "command": "serve"}))
    load(changed(f"vms/old/services/{longer}", {"port": 9081}))
    assert errors(changed(f"vms/old/services/{longer}", {"port": 9081, "command": "serve"})) == (
        f"vm-mesh:vms.old.services.{longer}: must be at most 28 characters long with a command, which the user svc-... "
        "runs",
    )


@pytest.mark.parametrize("probe", [{}, {"periodSeconds": 2}])
def test_a_probe_of_no_kind(probe: dict[str, Any]) -> None:
    assert errors(changed("vms/vm1/probe", probe)) == ("vm-mesh:vms.vm1.probe: needs one of 'http', 'tcp', 'exec'",)


def test_what_is_of_two_kinds() -> None:
    config = changed("vms/vm1/probe/tcp", {"port": 1})
    config["vms"]["vm1"]["host"] = {"address": "192.0.2.1", "hostKey": HOST_KEY}
    config["vms"]["fleet"]["machines"]["fleet-b"]["host"] = {"address": "192.0.2.2", "hostKey": HOST_KEY}
    keep = "keep the one that it is"
    assert errors(config) == (
        f"vm-mesh:vms.fleet.machines.fleet-b: has both 'container' and 'host'; {keep}",
        f"vm-mesh:vms.vm1: has both 'container' and 'host'; {keep}",
        f"vm-mesh:vms.vm1.probe: has both 'http' and 'tcp'; {keep}",
    )


def test_machines_of_one_name() -> None:
    config = changed("vms/fleet/machines/vm1", {})
    assert errors(config) == ("vm-mesh:vms.vm1: has the same name as vm-mesh:vms.fleet.machines.vm1",)


def test_one_host_for_two_machines() -> None:
    host = FULL["vms"]["fleet"]["machines"]["fleet-a"]["host"]
    config = changed("vms/fleet/machines/fleet-b", {"host": host}, changed("vms/old/host", host))
    first = "vm-mesh:vms.fleet.machines.fleet-a.host.address"
    assert errors(config) == (
        f"vm-mesh:vms.fleet.machines.fleet-b.host.address: is the same machine as {first}",
        f"vm-mesh:vms.old.host.address: is the same machine as {first}",
    )
    config["vms"]["fleet"]["machines"]["fleet-b"] = {"host": {**host, "port": 2223}}
    for jump in ({"address": "192.0.2.10"}, {"port": 2224}):
        config["vms"]["old"] = {**config["vms"]["old"], "host": {**host, "jump": {**host["jump"], **jump}}}
        load(config)


def test_the_port_of_ssh_is_not_captured() -> None:
    config = changed("vms/fleet/services/ssh", {"port": 2222})
    reached = "vm-mesh:vms.fleet.machines.fleet-a.host"
    assert errors(config) == (
        f"vm-mesh:vms.fleet.services.ssh.port: is the port by which {reached} is reached; it must not be captured",
    )


def test_a_missing_host_key_says_how_to_get_it() -> None:
    (error,) = errors(changed("vms/fleet/machines/fleet-a/host/hostKey", REMOVED))
    assert error.startswith("vm-mesh:vms.fleet.machines.fleet-a.host.hostKey: is missing")
    assert "ssh-keyscan -t ed25519 -p PORT ADDRESS" in error
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in error


def test_a_service_does_not_take_a_vm_for_one_of_its_pods() -> None:
    beside = changed("vms/vm1/namespace", "shop")
    assert errors(beside) == (
        'vm-mesh:vms.vm1.namespace: is that of the service "details", whose calls the VM would take as one of its '
        "pods, whatever the weights; give the VM another one, or another labels.app",
    )
    load(changed("vms/vm1/labels", {"app": "details-vm"}, beside))
    (error,) = errors(changed("vms/vm1/labels", {"app": "ratings"}, beside))
    assert 'the service "ratings"' in error
