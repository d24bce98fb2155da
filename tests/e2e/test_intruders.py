"""Who has no business in the mesh knocks at every port of the VM, of pods and of nodes, in five guises.

What is open is open on purpose, and gives away nothing that is secret; everything else ends without a word, or with
"access denied" for an identity that is real.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import forged, intruder
from tests.e2e.access_rules import ENFORCED, RULES, access
from tests.e2e.environment import Environment
from tests.e2e.faults import node
from tests.e2e.listening import Place, places
from tests.e2e.test_identity import PRODUCTPAGE

pytestmark = [pytest.mark.e2e, pytest.mark.long]

STRANGER = "spiffe://cluster.local/ns/default/sa/stranger"
SNI = "outbound_.9080_._.details.default.svc.cluster.local"
PATHS = ["/details/0"]
TELLING = [
    "/",
    "/stats/prometheus",
    "/config_dump?include_eds",
    "/certs",
    "/debug/pprof/cmdline",
    "/debug/syncz",
    "/logz",
]
SECRET = re.compile(r"PRIVATE KEY|eyJhbGciOi|client-key-data")
PROXY = {
    15020: "the agent: health, and metrics for whoever gathers them",
    15021: "health",
    15090: "Envoy's metrics",
}
OPEN: dict[str, dict[int, str]] = {
    "vm": {**PROXY, 22: "SSH, where the machine has it"},
    "pod": PROXY,
    "gateway": {
        **PROXY,
        80: "the ingress, for people",
        8080: "the ingress, for people",
        15012: "istiod, which has TLS",
    },
    "istiod": {
        8080: "readiness; what else it has asks for a token",
        15010: "configuration, for proxies of the cluster; no certificate is given here",
        15012: "the same with TLS, and certificates for who has a token",
        15014: "metrics",
        15017: "webhooks, with TLS, for the API server",
    },
    "node": {
        22: "SSH, where the node has it",
        2379: "etcd, which asks for a certificate",
        2380: "etcd, which asks for a certificate",
        6443: "the API server, which asks who calls",
        10250: "kubelet, which asks who calls",
        10256: "health of kube-proxy",
        15012: "istiod, by the gateway",
        15021: "health of the gateway",
        30080: "the ingress, for people",
    },
}
"""Kind of place -> port -> why it is open; 15443 is not among them: who comes in by it is judged as at the pod."""


@pytest.fixture(scope="module")
def identities(running: Environment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str] | None]:
    folder = tmp_path_factory.mktemp("identities")
    secret = json.loads(running.kubectl("cluster1", "-n", "istio-system", "get", "secret", "cacerts", "-o", "json"))
    files = {name: base64.b64decode(text) for name, text in secret["data"].items()}
    own = forged.of_pem(files["ca-cert.pem"], files["ca-key.pem"], files["cert-chain.pem"])
    return {
        "plain": None,
        "nobody": None,
        "foreign": forged.identity(folder, "foreign", PRODUCTPAGE, forged.foreign()),
        "expired": forged.identity(folder, "expired", PRODUCTPAGE, own, ended=forged.HOUR),
        "stranger": forged.identity(folder, "stranger", STRANGER, own),
        "welcome": forged.identity(folder, "welcome", PRODUCTPAGE, own),
    }


@pytest.fixture(scope="module")
def limited(running: Environment) -> Iterator[Environment]:
    with access(running, {"rules": RULES, "enforced": ENFORCED}):
        yield running


def knocks(
    environment: Environment, cluster: str, targets: list[tuple[str, int]], identities: Any, paths: list[str]
) -> list[dict[str, Any]]:
    """What each attempt has met, from the network of a cluster's node."""
    pid = environment.run("docker", "inspect", "-f", "{{.State.Pid}}", node(cluster)).strip()
    enter = ["nsenter", "--net", "--target", pid]
    if subprocess.run([*enter, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user cannot enter the node's network")
    given = {"targets": targets, "paths": paths, "sni": SNI, "identities": identities}
    command = [*enter, sys.executable, str(Path(intruder.__file__))]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def in_words(found: dict[str, Any]) -> str:
    return str(found["status"] or found["what"])


def refused(found: dict[str, Any]) -> bool:
    denied = found["who"] == "stranger" and found["status"] == 403
    return denied or found["what"] in (intruder.CLOSED, intruder.CUT)


def test_no_port_answers_but_those_that_are_open_on_purpose(limited: Environment, identities: Any) -> None:
    intruders = {name: files for name, files in identities.items() if name != "welcome"}
    wrong: list[str] = []
    print(f"\n{'where':44} {'port':>5}  " + " ".join(f"{name:>9}" for name in intruders))
    for place in places(limited):
        wrong += judged(limited, place, intruders)
    assert wrong == []


def judged(environment: Environment, place: Place, intruders: Any) -> list[str]:
    """Prints a line for each port of a place that takes connections; returns those that should not have answered."""
    wrong: list[str] = []
    met = knocks(environment, place.cluster, [(place.address, port) for port in sorted(place.ports)], intruders, PATHS)
    for port in sorted(place.ports):
        here = {found["who"]: found for found in met if found["port"] == port}
        why = OPEN[place.kind].get(port, "")
        if {found["what"] for found in here.values()} != {intruder.CLOSED}:
            told = " ".join(f"{in_words(here[name]):>9}" for name in intruders)
            print(f"{place.name[:44]:44} {port:>5}  {told}  {why}")
        if not why and not all(map(refused, here.values())):
            wrong.append(f"{place.name}:{port}: {[f'{who} {in_words(found)}' for who, found in here.items()]}")
    return wrong


def test_what_is_open_gives_away_no_secret(limited: Environment, identities: Any) -> None:
    """Not even to who is in the mesh; answers are not shown, for they would be in the log then."""
    callers = {name: identities[name] for name in ("plain", "nobody", "welcome")}
    for place in places(limited):
        targets = [(place.address, port) for port in sorted(place.ports & OPEN[place.kind].keys())]
        found = knocks(limited, place.cluster, targets, callers, TELLING)
        assert [(place.name, it["port"], it["path"]) for it in found if SECRET.search(it["data"])] == []


def test_the_same_knocks_let_in_who_is_welcome(limited: Environment, identities: Any) -> None:
    """Else the tests above would hold for a mesh that is down."""
    for place in places(limited):
        if place.kind == "vm" or place.name.startswith("details"):
            welcome = {"welcome": identities["welcome"]}
            (found,) = knocks(limited, place.cluster, [(place.address, 9080)], welcome, PATHS)
            assert found["status"] == 200, (place.name, in_words(found))
