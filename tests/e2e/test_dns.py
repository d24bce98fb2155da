"""Whatever resolves names on a machine, it finds the mesh and the world, and keeps the world when its agent is gone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from textwrap import dedent

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.hosts import Host, hosts

pytestmark = [pytest.mark.e2e, pytest.mark.long]

VM = "named"
MESH = "productpage.default.svc.cluster.local"
FORWARD = "no-resolv\nserver=127.0.0.11\nbind-interfaces\n"
# How an administrator has the machine use a resolver, which in the end asks Docker's. Names of containers have no dot,
# and systemd-resolved asks no server for such a name unless it is told to.
RESOLVERS = {
    "Docker's": "nameserver=127.0.0.11",
    "dnsmasq": f"""
        printf '{FORWARD}listen-address=127.0.0.1\n' >/etc/dnsmasq.d/forward.conf
        systemctl unmask dnsmasq && systemctl restart dnsmasq
        nameserver=127.0.0.1
    """,
    "systemd-resolved": r"""
        mkdir -p /etc/systemd/resolved.conf.d
        printf '[Resolve]\nDNS=127.0.0.11\nResolveUnicastSingleLabel=yes\n' >/etc/systemd/resolved.conf.d/docker.conf
        systemctl restart systemd-resolved
        nameserver=127.0.0.53
    """,
    "a plain one": "nameserver={other}",
}


@pytest.fixture(scope="module")
def machine(running: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, str]]:
    """A host in the mesh, and the address of another machine that resolves names for others."""
    with hosts(running, tmp_path_factory.mktemp("hosts"), "named1", "resolver") as (host, resolver):
        resolver.run(
            f"printf '{FORWARD}listen-address={resolver.address}\n' >/etc/dnsmasq.d/forward.conf; "
            "systemctl unmask dnsmasq && systemctl restart dnsmasq"
        )
        with running.edited() as config:
            config["vm-mesh:vms"][VM] = {
                "cluster": "cluster1",
                "machines": {"named1": {"host": host.settings()}},
                "services": {"details": {"port": 9080}},
                "probe": {"tcp": {"port": 9080}},
            }
        try:
            running.make("up")
            running.forget_outputs()
            yield host, resolver.address
        finally:
            with running.edited() as config:
                config["vm-mesh:vms"].pop(VM)
            running.make("up", "GONE=named1")
            running.forget_outputs()


def resolved(host: Host, *names: str) -> None:
    """A question in the second before the agent is back is lost; the resolver's library asks again after five."""
    for name in names:
        done = subprocess.run(
            ["docker", "exec", host.container, "timeout", "12", "getent", "hosts", name],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, name


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_names_are_resolved_with_the_agent_and_without(machine: tuple[Host, str], resolver: str) -> None:
    host, other = machine
    host.run("systemctl stop istio")
    setup = dedent(RESOLVERS[resolver]).replace("{other}", other)
    # In place: Docker has mounted the file.
    host.run(f"set -eu\n{setup}\nprintf 'nameserver %s\\n' \"$nameserver\" >/etc/resolv.conf")
    resolved(host, host.world)
    host.run("systemctl start istio")
    eventually(lambda: resolved(host, MESH, host.world))
    host.run("pkill -9 -x pilot-agent")
    for _ in range(20):
        resolved(host, host.world)
    eventually(lambda: resolved(host, MESH))
