"""A VM that was away comes back, each time: after a reboot by itself, after its certificate's end by the next run."""

from __future__ import annotations

import subprocess
import time
from statistics import median

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.hosts import TOKEN
from tests.e2e.traffic import new_ids, send

pytestmark = [pytest.mark.e2e, pytest.mark.long]

TIMES = 10
CERTIFICATES = ["/etc/certs/cert-chain.pem", "/etc/certs/key.pem"]


def served(environment: Environment) -> None:
    for url in environment.outputs["urls"].values():
        assert send(url, new_ids(5)) == {"200": 5}


def told(what: str, seconds: list[float]) -> None:
    count, middle = len(seconds), median(seconds)
    print(f"{what}, {count} of {TIMES}: {min(seconds):.1f} to {max(seconds):.1f} s, median {middle:.1f} s")


def test_after_a_reboot_it_serves_again(running: Environment) -> None:
    container = running.outputs["transports"]["vm1"].split()[-1]
    took: list[float] = []
    for _ in range(TIMES):
        running.run("docker", "kill", container)
        started = time.monotonic()
        running.run("docker", "start", container)
        eventually(lambda: served(running), seconds=60)
        took.append(time.monotonic() - started)
    told("reboot to traffic from both clusters", took)


def test_after_its_certificate_has_ended_a_run_brings_it_back(running: Environment) -> None:
    took: list[float] = []
    for _ in range(TIMES):
        outlive_certificate(running)
        started = time.monotonic()
        running.make("rejoin")
        eventually(lambda: served(running), seconds=60)
        took.append(time.monotonic() - started)
        assert running.on_vm("find /run/secrets/tokens -type f") == ""
    told("expired to traffic from both clusters, all of make rejoin", took)


def outlive_certificate(environment: Environment) -> None:
    """Gives the VM a certificate of seconds, as istiod does to whom asks for it, and has it sleep past that."""
    files = " ".join(CERTIFICATES)
    environment.on_vm(f"sv stop istio; rm -f {files}; echo SECRET_TTL=20s >>/var/lib/istio/envoy/cluster.env")
    token = environment.kubectl(
        "cluster1", "-n", "virtual-machines", "create", "token", "vm1", "--audience=istio-ca", "--duration=600s"
    )
    command = f"install -m 600 -o istio-proxy /dev/stdin {TOKEN} && sv start istio"
    transport = environment.outputs["transports"]["vm1"].split()
    subprocess.run([*transport, "sh", "-c", command], input=token, text=True, check=True, capture_output=True)

    def certified() -> None:
        assert environment.on_vm(f"ls {files} 2>/dev/null || :").split() == sorted(CERTIFICATES)

    eventually(certified)
    environment.on_vm(f"sv stop istio; rm -f {TOKEN}")
    eventually(lambda: expired(environment), seconds=60)
    environment.on_vm("sv start istio")


def expired(environment: Environment) -> None:
    certificate = environment.on_vm(f"cat {CERTIFICATES[0]}")
    command = ["openssl", "x509", "-noout", "-checkend", "0"]
    ended = subprocess.run(command, input=certificate, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
