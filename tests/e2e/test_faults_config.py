"""Values that mean something to a shell, to YAML or to Kubernetes arrive as they are; mistakes are told all at once."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from settings.application import bookinfo
from tests.e2e.environment import Environment, eventually
from tests.e2e.faults import HEALED_SECONDS, all_is_well, node
from toolchain.places import Checkout

pytestmark = [pytest.mark.e2e, pytest.mark.long]

SHELL = """$(touch /tmp/struck) `touch /tmp/struck`; touch /tmp/struck | & > < \\ "two" 'one' ${PATH} * # %s {{.}}"""
ENV = {
    "SHELL_WORDS": SHELL,
    "YAML_TRICKS": "? - : !!python/object:os.system *alias &anchor [a, {b: c}] %YAML --- ... | > 'x' \"y\" #z",
    "TYPES": "yes",
    "OCTAL": "0o17",
    "KUBERNETES": "$(SERVICE_VERSION) $$(CLUSTER_NAME) pa$$word $",
    "UNICODE": "Grüße, Ωμέγα, 日本語, 🚢 — e\u0301",
    "LONG": "x" * 4000,
    "EQUALS": "=a==b=",
}
LABELS = {"hostile": "A._-9z", "example.com/no": "no", "octal": "010", "long": "x" * 63}
GREETING = """it's "so": $HOME `id` $(id) ; & | * \\ {} !"""
COMMAND = f"env GREETING={shlex.quote(GREETING)} /usr/local/bin/details"
STRUCK = "test ! -e /tmp/struck && echo clean"

# One mistake of each kind, and some words of what is said about it.
MISTAKES: dict[str, tuple[Any, str]] = {
    "stages.details": ("$(reboot)", "there is no stage"),
    "routes.details.stages.canary": ({"vm1": 70, "cluster1": 25}, "weights add up to 95"),
    "routes.details.gate": ({"duration": "soon"}, "must be a duration"),
    "clusters.cluster2": ({"network": "Network 2", "kind": {"ingressPort": 99999}}, "Network 2"),
    "vms.vm1.labels": ({"x": "a; reboot"}, "must be the value of a Kubernetes label"),
    "vms.vm1.services": ({"details": {"port": 9080, "command": "a\nb"}}, "must be one line of printable ASCII"),
    "vms.vm1.networkk": ("vm-network", "unknown key"),
    "application": ({"details": {"versions": {"v1": {"env": {"A-B": "x"}}}}}, "must be letters, digits and '_'"),
    "access": ({"rules": {"detials": []}}, "detials"),
    "mesh": ({"certificateTtl": "1d"}, "must be whole minutes or hours"),
    "istio": ({"revision": "none"}, "none"),
    "mirror": ({"downloads": "ftp://x"}, "must be http(s)://"),
}


@pytest.fixture(autouse=True)
def as_it_was(running: Environment) -> Iterator[None]:
    file = running.root / f"Pulumi.{running.stack}.yaml"
    before = file.read_text()
    yield
    file.write_text(before)
    running.make("up")
    eventually(lambda: all_is_well(running), seconds=HEALED_SECONDS)
    assert running.changes() == []


def environments(environment: Environment, container: str, name: str) -> list[dict[bytes, bytes]]:
    """The environments of the processes in a container that have a variable, as the kernel has them."""
    # Without a privilege, not even root in there sees those of other users.
    command = ["docker", "exec", "--privileged", container, "env", f"NAME={name}", "sh", "-c"]
    shown = 'grep -qz "^$NAME=" "$it" 2>/dev/null && cat "$it" && echo'
    command.append(f"for it in /proc/[0-9]*/environ; do {shown}; done; :")
    done = subprocess.run(command, capture_output=True, env=environment.variables, check=True)
    found: list[dict[bytes, bytes]] = []
    for block in done.stdout.split(b"\0\n"):
        variables = dict(it.split(b"=", 1) for it in block.split(b"\0") if b"=" in it)
        if name.encode() in variables:
            found.append(variables)
    return found


def test_hostile_values_arrive_byte_by_byte_and_do_nothing(running: Environment) -> None:
    machine = running.outputs["transports"]["vm1"].split()[-1]
    with running.edited() as config:
        config["vm-mesh:application"] = {**bookinfo(), "details": {"versions": {"v1": {"env": ENV}}}}
        config["vm-mesh:vms"]["vm1"]["labels"] = LABELS
        config["vm-mesh:vms"]["vm1"]["services"]["details"]["command"] = COMMAND
    running.make("up")
    eventually(lambda: all_is_well(running), seconds=HEALED_SECONDS)

    on_vm = environments(running, machine, "GREETING")
    assert {variables[b"GREETING"] for variables in on_vm} == {GREETING.encode()}
    assert running.on_vm("tail -n 1 /usr/local/lib/vm-mesh/details") == f"exec {COMMAND}\n"
    for cluster in running.outputs["urls"]:
        in_pods = environments(running, node(cluster), "SHELL_WORDS")
        assert in_pods
        for variables in in_pods:
            assert {name: variables[name.encode()].decode() for name in ENV} == ENV
        assert running.run("docker", "exec", node(cluster), "sh", "-c", STRUCK) == "clean\n"
    labels = {
        variables[b"ISTIO_METAJSON_LABELS"] for variables in environments(running, machine, "ISTIO_METAJSON_LABELS")
    }
    assert [json.loads(it).items() >= LABELS.items() for it in labels] == [True]
    group = ("-n", "virtual-machines", "get", "workloadgroup", "vm1", "-o", "json")
    found = json.loads(running.kubectl("cluster1", *group))["spec"]["metadata"]["labels"]
    assert found.items() >= LABELS.items()
    assert running.on_vm(STRUCK) == "clean\n"
    assert running.run("sh", "-c", STRUCK) == "clean\n"
    assert running.changes() == []
    print(f"{len(ENV)} values, {len(LABELS)} labels and a command arrived as they were written")


def spoil(config: dict[str, Any]) -> None:
    """Puts all mistakes into a config."""
    for path, (value, _) in MISTAKES.items():
        *folders, last = f"vm-mesh:{path}".split(".")
        entry = config
        for folder in folders:
            entry = entry.setdefault(folder, {})
        entry[last] = value


@pytest.mark.parametrize("by", ["make", "pulumi"])
def test_every_kind_of_mistake_is_told_at_once_and_nothing_is_touched(running: Environment, by: str) -> None:
    (state,) = Checkout(running.root).backend.rglob(f"stacks/vm-mesh/{running.stack}.json")
    before = state.read_bytes()
    with running.edited() as config:
        spoil(config)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        running.make("up") if by == "make" else running.up()
    said = f"{refused.value.stdout}{refused.value.stderr}"
    assert "nothing was touched" in said
    assert [words for _, words in MISTAKES.values() if words not in said] == []
    assert "Traceback" not in said
    print(f"{len(MISTAKES)} kinds of mistakes: nothing was lost; the operator saw all of them; an edit heals them")
    if by == "make":
        assert state.read_bytes() == before
