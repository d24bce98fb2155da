"""Tokens and keys are looked for wherever they could lie about: while a VM joins, and after everything."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e import sought
from tests.e2e.environment import Environment, eventually
from tests.e2e.faults import HEALED_SECONDS, all_is_well

pytestmark = [pytest.mark.e2e, pytest.mark.long]

# Whatever begins so and is for istio-ca: the token of a join, which no state knows.
TOKEN = re.compile(r"\beyJ[\w-]{10,}\.(eyJ[\w-]{20,})\.")
WATCH = """
touch /tmp/watched
while [ -e /tmp/watched ]; do
	cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'
	sleep 0.05
done
"""
# Of the files that hold a needle, those that others than their owner may read; what is looked for comes on stdin.
SEARCH = """
needles=$(mktemp) && cat >"$needles"
find / -xdev -type f -perm /077 ! -path '/proc/*' ! -path '/sys/*' -exec grep -lF -f "$needles" {} + 2>/dev/null || :
rm -f "$needles"
"""


def of_a_join(text: str) -> bool:
    """Whether there is a token in it by which a machine joins."""
    for payload in TOKEN.findall(text):
        if b"istio-ca" in base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)):
            return True
    return False


@contextmanager
def processes_watched(environment: Environment, folder: Path) -> Generator[set[str]]:
    """Collects what the command lines and environments of all processes, here and on the VM, give away in the block."""
    wanted, found, ended = sought.of(environment), set[str](), threading.Event()
    rounds = 0

    def watch() -> None:
        nonlocal rounds
        while not ended.is_set():
            found.update(f"here: {name}" for name, text in sought.processes() if gives_away(text, wanted))
            rounds += 1
            time.sleep(0.02)

    # Without a privilege, not even the machine's root sees the environments of its other users.
    watching = [
        "docker",
        "exec",
        "--privileged",
        environment.outputs["transports"]["vm1"].split()[-1],
        "sh",
        "-c",
        WATCH,
    ]
    seen = folder / "vm-processes"
    seen.touch(mode=0o600)
    with seen.open("w") as stream:
        on_vm = subprocess.Popen(watching, stdout=stream, env=environment.variables)
        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield found
        finally:
            ended.set()
            thread.join()
            environment.on_vm("rm -f /tmp/watched")
            on_vm.wait()
    text = seen.read_text(errors="replace")
    assert rounds > 5
    assert "pilot-agent" in text
    found.update({"the VM"} if gives_away(text, wanted) else ())


def gives_away(text: str, wanted: set[str]) -> bool:
    return of_a_join(text) or sought.in_text(text, wanted)


def test_no_process_shows_a_token_or_a_key_while_a_machine_joins(running: Environment, tmp_path: Path) -> None:
    """Without a certificate a machine needs a token: it goes from the cluster to the agent, and no one sees it."""
    try:
        with processes_watched(running, tmp_path) as found:
            running.on_vm("rm -f /etc/certs/cert-chain.pem /etc/certs/key.pem")
            running.make("rejoin")
    finally:
        running.make("up")
        eventually(lambda: all_is_well(running), seconds=HEALED_SECONDS)
    print(f"processes while a machine joined with a token: {sorted(found) or 'no secret was seen'}")
    assert found == set()
    assert running.on_vm("find /run/secrets/tokens -type f") == ""


def test_nothing_secret_lies_about(running: Environment) -> None:
    """In no state or log, and in no file that others may read: not here, not on the VM, not in any pod's output."""
    wanted = sought.of(running)
    assert len(wanted) > 20
    assert not sought.in_text(running.pulumi("stack", "export"), wanted), "the state"
    found = sought.open_files(running.root / ".state", wanted)
    transport = running.outputs["transports"]["vm1"].split()
    command = [*transport, "sh", "-c", SEARCH]
    searched = subprocess.run(command, input="\n".join(wanted) + "\n", capture_output=True, text=True, check=True)
    found += [f"vm1: {file}" for file in searched.stdout.splitlines()]
    for cluster in running.outputs["urls"]:
        found += [f"{cluster}: log of {pod}" for pod in pods_that_tell(running, cluster, wanted)]
    print(f"{len(wanted)} needles were looked for: {found or 'none was found where it must not be'}")
    assert found == []


def pods_that_tell(environment: Environment, cluster: str, wanted: set[str]) -> list[str]:
    found: list[str] = []
    for pod in json.loads(environment.kubectl(cluster, "get", "pods", "-A", "-o", "json"))["items"]:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        log = environment.kubectl(cluster, "logs", "-n", namespace, name, "--all-containers")
        if gives_away(log, wanted):
            found.append(name)
    return found


def test_what_is_looked_for_is_found_where_it_belongs(running: Environment) -> None:
    """Else the tests above would hold for needles that nothing ever matches."""
    wanted = sought.of(running)
    assert sought.in_text(running.on_vm("cat /etc/certs/key.pem"), wanted)
    assert sought.in_text(running.pulumi("stack", "export", "--show-secrets"), wanted)
    kubeconfig = running.outputs["kubeconfigs"]["cluster1"]
    assert sought.in_text(kubeconfig, wanted)
    secret = running.kubectl("cluster2", "-n", "istio-system", "get", "secret", "cacerts", "-o", "json")
    assert sought.in_text(secret, wanted)
