"""The preflight of a VM's bootstrap, against machines that are broken on purpose. It changes nothing on any of them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.e2e.conftest import STACK
from tests.e2e.environment import ROOT
from toolchain import artifacts

pytestmark = pytest.mark.e2e

PREFIX = f"vm-mesh-{STACK}-preflight"
MAY = ("--cap-add=NET_ADMIN", "--cap-add=NET_RAW")
# What the machines lack is a program that listens.
LISTEN = """perl -MIO::Socket::INET -e '$0 = "listener";
my @s = map { IO::Socket::INET->new(LocalPort => $_, Listen => 1024) or die } @ARGV; sleep' PORTS >/dev/null 2>&1 &"""
GATEWAY_NAME = "gateway.vm-mesh.test"
ANSWERS = "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"


def listens(*ports: int) -> str:
    """The command that makes a program listen."""
    return LISTEN.replace("PORTS", " ".join(map(str, ports)))


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A container and what is wrong with it."""

    options: tuple[str, ...] = MAY
    breaks: tuple[str, ...] = ()
    """Shell commands that break it."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a machine is looked at, and what must be found: level, check, and some of the words."""

    machine: str = "sound"
    user: str = "root"
    data: dict[str, str] = field(default_factory=dict[str, str])
    finds: tuple[tuple[str, str, str], ...]


MACHINES = {
    "sound": Machine(),
    # As a whole machine does, it may make networks.
    "whole": Machine(
        options=(
            *MAY,
            "--cap-add=SYS_ADMIN",
            "--security-opt=seccomp=unconfined",
            f"--add-host={GATEWAY_NAME}:GATEWAY",
        ),
        breaks=(
            f"iptables {ANSWERS}",
            "iptables -P INPUT DROP",
            "iptables -A INPUT -p tcp --dport 15006 -j ACCEPT",
        ),
    ),
    "bare": Machine(options=("--tmpfs=/var:size=20m",), breaks=("rm -r /etc/service", "rm /usr/bin/apt-get")),
    "cut-off": Machine(options=(*MAY, "--dns=127.0.0.1"), breaks=("rm /usr/sbin/*tables*",)),
    "read-only": Machine(options=(*MAY, "--read-only", "--dns=127.0.0.1", "--tmpfs=/etc/service")),
    "crowded": Machine(
        breaks=(
            listens(15001, 9080),
            "iptables -t nat -A PREROUTING -p tcp --dport 9000:9100 -j REDIRECT --to-ports 8080",
            "iptables -A OUTPUT -p tcp --dport 15012 -j DROP",
            "printf '#!/bin/sh\nsleep infinity' >/bin/firewalld; chmod +x /bin/firewalld; firewalld >/dev/null 2>&1 &",
        ),
    ),
    "proxied": Machine(
        breaks=(
            "iptables -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 12345",
            "mkdir /etc/ufw; echo ENABLED=yes >/etc/ufw/ufw.conf",
        ),
    ),
    "publishing": Machine(
        breaks=(
            "iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 172.31.0.2:8080",
            f"iptables {ANSWERS}",
            "iptables -P INPUT DROP",
        ),
    ),
    "two-kinds": Machine(
        breaks=(
            "iptables-legacy -t nat -A PREROUTING -p tcp -m multiport --dports 80,9080 -j REDIRECT --to-ports 8080",
            "iptables-nft -A INPUT -p tcp --dport 1 -j DROP",
        ),
    ),
}
LOOKS = {
    "sound": Look(
        finds=(
            ("ok", "init", "runit"),
            ("ok", "iptables", "iptables-nft"),
            ("ok", "services", "port 9080 is free"),
            ("ok", "gateway", "answers on port 15012"),
        )
    ),
    "late": Look(data={"NOW": "+300"}, finds=(("failure", "clock", "s behind the operator's"),)),
    "early": Look(data={"NOW": "-300"}, finds=(("failure", "clock", "s ahead of the operator's"),)),
    "a-little-late": Look(data={"NOW": "+40"}, finds=(("warning", "clock", "s behind the operator's"),)),
    "no-root": Look(user="nobody", finds=(("failure", "rights", "as nobody, not as root"),)),
    "no-such-name": Look(
        data={"GATEWAY": "none.invalid"},
        finds=(("failure", "dns", "none.invalid"), ("failure", "gateway", "none.invalid")),
    ),
    "closed": Look(data={"GATEWAY": "127.0.0.1"}, finds=(("failure", "gateway", "takes no connection on port 15012"),)),
    "whole": Look(
        machine="whole",
        data={"GATEWAY": GATEWAY_NAME},
        finds=(
            ("ok", "gateway", f"{GATEWAY_NAME} answers on port 15012"),
            ("ok", "iptables", "iptables-nft"),
            ("ok", "firewall", "none in the way"),
        ),
    ),
    "bare": Look(
        machine="bare",
        finds=(
            ("failure", "rights", "may not change the machine's network"),
            ("failure", "init", "neither systemd nor runit"),
            ("failure", "package", "no apt-get to install the sidecar's .deb"),
            ("failure", "disk", "/var has 20 MB left"),
        ),
    ),
    "cut-off": Look(
        machine="cut-off",
        finds=(("warning", "package", "not installed: iptables"), ("failure", "dns", "by a resolver on loopback")),
    ),
    "read-only": Look(
        machine="read-only",
        finds=(("failure", "disk", "/usr/local cannot be written"), ("warning", "dns", "by a resolver on loopback")),
    ),
    "crowded": Look(
        machine="crowded",
        finds=(
            ("failure", "gateway", "does not answer on port 15012"),
            ("failure", "ports", "15001 by listener (process"),
            ("warning", "services", "port 9080 is taken by listener"),
            ("failure", "redirects", "--dport 9000:9100"),
            ("warning", "firewall", "firewalld lets nobody in on port 15006"),
        ),
    ),
    "proxied": Look(
        machine="proxied", finds=(("failure", "redirects", "to every port"), ("warning", "firewall", "ufw lets"))
    ),
    "publishing": Look(
        machine="publishing",
        finds=(("warning", "redirects", "--dport 80"), ("warning", "firewall", "the INPUT chain lets")),
    ),
    "two-kinds": Look(
        machine="two-kinds",
        finds=(
            ("failure", "redirects", "--dports 80,9080"),
            ("warning", "iptables", "both iptables-legacy and iptables-nft"),
        ),
    ),
}


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout


def shell(container: str, command: str) -> str:
    return docker("exec", container, "sh", "-c", command)


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """The address of a machine that listens where a gateway does; all machines are gone afterwards."""
    name = f"{PREFIX}-gateway"
    try:
        docker("run", "--detach", "--name", name, *MAY, artifacts.load(ROOT).images["vm"])
        shell(name, listens(15012, 15443))
        yield docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name).strip()
    finally:
        left = docker("ps", "--all", "--filter", f"name=^{PREFIX}-", "--format", "{{.Names}}").split()
        if left:
            docker("rm", "--force", "--volumes", *left)


@pytest.fixture(scope="module")
def machines(gateway: str) -> dict[str, str]:
    """The containers of :data:`MACHINES`, broken."""
    image = artifacts.load(ROOT).images["vm"]

    def start(name: str) -> str:
        machine, container = MACHINES[name], f"{PREFIX}-{name}"
        options = [option.replace("GATEWAY", gateway) for option in machine.options]
        docker("run", "--detach", "--name", container, *options, image)
        shell(container, "\n".join(("set -e", *machine.breaks)))
        return container

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(MACHINES, pool.map(start, MACHINES), strict=True))


def preflight(container: str, gateway: str, user: str = "root", **data: str) -> subprocess.CompletedProcess[str]:
    """What the bootstrap runs first."""
    given = {
        "VM": "vm1",
        "TRANSPORT": f"docker exec -i -u {user} {container}",
        "GATEWAY": gateway,
        "PORTS": "9080",
        "STARTED_PORTS": "9080",
        "KIND": "deb",
        "WAIT": "2",
        **data,
    }
    if "NOW" in given:
        given["NOW"] = str(int(time.time()) + int(given["NOW"]))
    environment = {**os.environ, **given}
    return subprocess.run(
        ["sh", "bootstrap/preflight.sh"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def state(container: str) -> tuple[list[str], list[str]]:
    """The files of a machine that differ from its image, and its rules of both kinds."""
    saved = "iptables-legacy-save; iptables-nft-save; ip6tables-save; cat /proc/net/ip_tables_names"
    rules = docker("exec", "-u", "root", container, "sh", "-c", f"({saved}) 2>/dev/null || :").splitlines()
    # But for the times and the counters, which are those of packets.
    kept = [line.partition("[")[0] for line in rules if not line.startswith("#")]
    return sorted(docker("diff", container).splitlines()), kept


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_wrong_is_found_and_nothing_is_changed(name: str, machines: dict[str, str], gateway: str) -> None:
    look = LOOKS[name]
    container = machines[look.machine]
    before = state(container)
    done = preflight(container, look.data.get("GATEWAY", gateway), look.user, FINDINGS="lines", **without_gateway(look))
    assert (done.returncode, done.stderr) == (0, "")
    assert state(container) == before

    found = [line.split("\t") for line in done.stdout.splitlines()]
    assert {len(finding) for finding in found} == {4}
    for wanted, check, words in look.finds:
        assert any((level, of) == (wanted, check) and words in what for level, of, what, _ in found), found
    assert all(advice for level, _, _, advice in found if level != "ok"), found
    # What was broken is all that is found.
    assert {check for level, check, *_ in found if level != "ok"} == {
        check for level, check, _ in look.finds if level != "ok"
    }, found


def without_gateway(look: Look) -> dict[str, str]:
    return {key: value for key, value in look.data.items() if key != "GATEWAY"}


def test_a_sound_machine_is_passed_in_silence(machines: dict[str, str], gateway: str) -> None:
    done = preflight(machines["sound"], gateway)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_warnings_let_the_bootstrap_go_on(machines: dict[str, str], gateway: str) -> None:
    done = preflight(machines["publishing"], gateway)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.partition(" ")[0] for line in done.stdout.splitlines()] == ["vm1:", "vm1:"]


def test_failures_end_it_and_are_told_all_at_once(machines: dict[str, str], gateway: str) -> None:
    done = preflight(machines["bare"], gateway, NOW="+300")
    assert done.returncode == 1
    *failures, last = done.stderr.splitlines()
    assert len(failures) == 5
    assert all(line.startswith("vm1: ") and "; " in line for line in failures)
    assert last == "vm1: nothing was changed on it; mend this, and run again (docs/doctor.md)"


def test_a_machine_that_does_not_answer_is_told(gateway: str) -> None:
    done = preflight(f"{PREFIX}-none", gateway, WAIT="1")
    assert done.returncode == 1
    assert "waiting for the machine to answer" in done.stderr
    assert "No such container" in done.stderr


def test_a_gateway_that_is_not_ready_yet_is_waited_for(machines: dict[str, str]) -> None:
    """The bootstrap may begin while the gateway's pod starts."""
    shell(machines["sound"], f"(sleep 1; {listens(15012, 15443)}) >/dev/null 2>&1 &")
    done = preflight(machines["sound"], "127.0.0.1", WAIT="20")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
