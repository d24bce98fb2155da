"""The preflight of a VM's bootstrap, against machines that are broken on purpose. It changes nothing on any of them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, STACK
from tests.e2e.environment import eventually
from toolchain import artifacts

pytestmark = pytest.mark.e2e

PREFIX = f"vm-mesh-{STACK}-preflight"
MAY = ("--cap-add=NET_ADMIN", "--cap-add=NET_RAW")
# What the machines lack is a program that listens.
LISTEN = """perl -MIO::Socket::INET -e '$0 = "legacy";
my @s = map { IO::Socket::INET->new(LocalPort => $_, Listen => 9) or die } @ARGV; sleep' {} >/dev/null 2>&1 &"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A container, what is wrong with it, how it is looked at, and what must be found."""

    options: tuple[str, ...] = MAY
    breaks: str = ""
    """Shell commands that break it."""
    user: str = "root"
    data: dict[str, str] = field(default_factory=dict[str, str])
    level: str = "failure"
    check: str = ""
    """The only check that has something to say; none: the machine is fine."""
    says: str = ""


GATEWAY_NAME = "gateway.vm-mesh.test"
RULE = "-A PREROUTING -p tcp --dport {} -j REDIRECT --to-ports 8080"
MACHINES = {
    "sound": Machine(level="ok", check="init", says="runit"),
    "sound-with-a-network-of-its-own": Machine(
        options=(
            *MAY,
            "--cap-add=SYS_ADMIN",
            "--security-opt=apparmor=unconfined",
            "--security-opt=seccomp=unconfined",
        ),
        level="ok",
        check="iptables",
        says="iptables-nft",
    ),
    "gateway-by-name": Machine(
        options=(*MAY, f"--add-host={GATEWAY_NAME}:{{gateway}}"),
        data={"GATEWAY": GATEWAY_NAME},
        level="ok",
        check="gateway",
        says=f"{GATEWAY_NAME} answers on port 15012",
    ),
    "late": Machine(data={"NOW": "+300"}, check="clock", says="s behind of the operator's"),
    "early": Machine(data={"NOW": "-300"}, check="clock", says="s ahead of the operator's"),
    "a-little-late": Machine(data={"NOW": "+40"}, level="warning", check="clock", says="s behind"),
    "no-root": Machine(user="nobody", check="rights", says="as nobody, not as root"),
    "no-rights": Machine(options=(), check="rights", says="may not change the machine's network"),
    "no-init": Machine(breaks="rm /usr/bin/runsvdir", check="init", says="neither systemd nor runit"),
    "no-iptables": Machine(breaks="rm /usr/sbin/*tables*", level="warning", check="package", says="iptables"),
    "no-packages": Machine(breaks="rm /usr/bin/apt-get", check="package", says="no apt, dnf, yum or zypper"),
    "no-dns": Machine(options=(*MAY, "--dns=127.0.0.1"), level="warning", check="dns", says="a resolver on loopback"),
    "no-dns-for-the-gateway": Machine(data={"GATEWAY": "none.invalid"}, check="dns", says="none.invalid"),
    "gateway-closed": Machine(data={"GATEWAY": "127.0.0.1"}, check="gateway", says="takes no connection on port 15012"),
    "gateway-filtered": Machine(
        breaks="iptables -A OUTPUT -p tcp --dport 15012 -j DROP",
        check="gateway",
        says="does not answer on port 15012",
    ),
    "agent-port-taken": Machine(breaks=LISTEN.replace("{}", "15001"), check="ports", says="15001 by perl"),
    "service-port-taken": Machine(
        breaks=LISTEN.replace("{}", "9080"), level="warning", check="services", says="9080 is taken by perl"
    ),
    "service-redirected": Machine(
        breaks=f"iptables -t nat {RULE.format('9000:9100')}", check="redirects", says="--dport 9000:9100"
    ),
    "all-redirected": Machine(
        breaks="iptables -t nat -A OUTPUT -p tcp -m owner ! --uid-owner 99 -j REDIRECT --to-ports 12345",
        check="redirects",
        says="to every port",
    ),
    "others-redirected": Machine(
        breaks=f"iptables -t nat {RULE.format('80')}", level="warning", check="redirects", says="--dport 80"
    ),
    "redirected-by-legacy": Machine(
        breaks=f"iptables-legacy -t nat {RULE.format('9080')}", check="redirects", says="--dport 9080"
    ),
    "two-kinds-of-rules": Machine(
        breaks="iptables-legacy -A INPUT -p tcp --dport 1 -j DROP; iptables-nft -A INPUT -p tcp --dport 1 -j DROP",
        level="warning",
        check="iptables",
        says="both iptables-legacy and iptables-nft",
    ),
    "firewalld": Machine(
        breaks="printf '#!/bin/sh\nsleep infinity' >/bin/firewalld; chmod +x /bin/firewalld; firewalld >/bin/log 2>&1 &",
        level="warning",
        check="firewall",
        says="firewalld lets nobody in on port 15006",
    ),
    "ufw": Machine(
        breaks="mkdir /etc/ufw; echo ENABLED=yes >/etc/ufw/ufw.conf", level="warning", check="firewall", says="ufw"
    ),
    "filtered": Machine(
        breaks="iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; iptables -P INPUT DROP",
        level="warning",
        check="firewall",
        says="the INPUT chain",
    ),
    "let-in": Machine(
        breaks="iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; iptables -P INPUT DROP;"
        "iptables -A INPUT -p tcp --dport 15006 -j ACCEPT",
        level="ok",
        check="firewall",
        says="none in the way",
    ),
    "read-only": Machine(options=(*MAY, "--read-only", "--tmpfs=/etc/service"), check="disk", says="cannot be written"),
    "no-room": Machine(options=(*MAY, "--tmpfs=/var:size=20m"), check="disk", says="/var has 20 MB left"),
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
        docker("run", "--detach", "--init", "--name", name, *MAY, artifacts.load(ROOT).images["vm"])
        shell(name, LISTEN.replace("{}", "15012 15443"))
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
        options = [option.format(gateway=gateway) for option in machine.options]
        docker("run", "--detach", "--name", container, *options, image)
        shell(container, machine.breaks or ":")
        return container

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(MACHINES, pool.map(start, MACHINES), strict=True))


def preflight(container: str, machine: Machine, gateway: str, **data: str) -> subprocess.CompletedProcess[str]:
    """What the bootstrap runs first."""
    given = {
        "VM": "vm1",
        "TRANSPORT": f"docker exec -i -u {machine.user} {container}",
        "GATEWAY": gateway,
        "PORTS": "9080",
        "WAIT": "2",
        **machine.data,
        **data,
    }
    if "NOW" in given:
        given["NOW"] = str(int(time.time()) + int(given["NOW"]))
    return subprocess.run(
        ["sh", "bootstrap/preflight.sh"],
        cwd=ROOT,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )


def findings(container: str, machine: Machine, gateway: str) -> list[list[str]]:
    """Level, check, what was found and what to do, of every finding."""
    done = preflight(container, machine, gateway, FINDINGS="lines")
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("\t") for line in done.stdout.splitlines()]


def state(container: str) -> dict[str, Any]:
    """Files, rules of both kinds, tables and programs of a machine."""
    saved = "iptables-legacy-save; iptables-nft-save; nft list ruleset; ip6tables-save; cat /proc/net/ip_tables_names"
    rules = docker("exec", "-u", "root", container, "sh", "-c", f"({saved}) 2>/dev/null || :")
    return {
        "files": sorted(docker("diff", container).splitlines()),
        "rules": [line for line in rules.splitlines() if not line.startswith("#") and "[" not in line],
        "programs": docker("top", container, "-o", "pid,args").splitlines()[1:],
    }


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_wrong_is_found_and_nothing_is_changed(name: str, machines: dict[str, str], gateway: str) -> None:
    machine, container = MACHINES[name], machines[name]
    before = state(container)
    found = findings(container, machine, gateway)
    assert state(container) == before
    assert {len(finding) for finding in found} == {4}
    assert any(
        (level, check) == (machine.level, machine.check) and machine.says in what for level, check, what, _ in found
    ), found
    assert all(advice for level, _, _, advice in found if level != "ok"), found
    # What is broken is the only thing that is broken, as far as that can be.
    wrong = {check for level, check, *_ in found if level != "ok"}
    assert wrong <= {machine.check}, found


@pytest.mark.parametrize(("name", "code"), [("sound", 0), ("service-port-taken", 0), ("no-init", 1), ("no-room", 1)])
def test_warnings_let_the_bootstrap_go_on_and_failures_do_not(
    name: str, code: int, machines: dict[str, str], gateway: str
) -> None:
    machine = MACHINES[name]
    done = preflight(machines[name], machine, gateway)
    assert done.returncode == code
    if machine.level == "ok":
        assert (done.stdout, done.stderr) == ("", "")
        return
    lines = (done.stderr if code else done.stdout).splitlines()
    assert lines[0].startswith("vm1: ")
    assert machine.says in lines[0]
    assert (lines[-1] == "vm1: nothing was changed on it; mend this, and run again (docs/doctor.md)") == bool(code)


def test_every_failure_is_told_at_once(machines: dict[str, str], gateway: str) -> None:
    done = preflight(machines["no-init"], MACHINES["no-init"], gateway, NOW="+300", GATEWAY="127.0.0.1")
    assert done.returncode == 1
    for words in ("behind of", "neither systemd nor runit", "port 15012"):
        assert words in done.stderr


def test_a_machine_that_does_not_answer_is_told(gateway: str) -> None:
    done = preflight("vm-mesh-none", Machine(), gateway, WAIT="1")
    assert done.returncode == 1
    assert "waiting for the machine to answer" in done.stderr
    assert "No such container" in done.stderr


def test_a_gateway_that_is_not_ready_yet_is_waited_for(machines: dict[str, str], gateway: str) -> None:
    """The bootstrap may begin while the gateway's pod starts."""
    container = machines["sound"]
    shell(container, f"(sleep 1; {LISTEN.replace('{}', '15012 15443')}) >/dev/null 2>&1 &")
    done = preflight(container, Machine(), "127.0.0.1", WAIT="20")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    shell(container, "pkill perl")

    def closed() -> None:
        assert preflight(container, Machine(), "127.0.0.1", WAIT="0").returncode == 1

    eventually(closed)
