"""Whatever resolves names on a machine, it finds the mesh and the world, and keeps the world when its agent is gone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from textwrap import dedent

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.hosts import Host, hosts

pytestmark = [pytest.mark.e2e, pytest.mark.long]

VM = "named"
MESH = "productpage.default.svc.cluster.local"
AWAY_SECONDS = 4.0
"""Within which a machine's init has an agent that was killed back: a second's wait, and what its start takes."""
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


def answered(host: Host, name: str) -> bool:
    """Whether a name is resolved, in the time that the resolver's library gives it: two times five seconds."""
    done = subprocess.run(
        ["docker", "exec", host.container, "timeout", "12", "getent", "hosts", name], capture_output=True, check=False
    )
    return done.returncode == 0


def resolved(host: Host, *names: str) -> None:
    for name in names:
        assert answered(host, name), name


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
    killed = time.monotonic()
    host.run("pkill -9 -x pilot-agent")
    refused = [at for at in _asking(killed) if not answered(host, host.world)]
    print(f"{resolver}: {len(refused)} questions refused, at {', '.join(f'{at:.1f} s' for at in refused) or 'no time'}")
    # The library may hear at once that nobody listens where the redirect leads, and does not wait to ask again.
    assert all(at < AWAY_SECONDS for at in refused)
    eventually(lambda: resolved(host, MESH))


def _asking(since: float) -> Iterator[float]:
    """Says when the next question is due, in seconds from ``since``, until the agent is surely back."""
    while (at := time.monotonic() - since) < 3 * AWAY_SECONDS:
        yield at
