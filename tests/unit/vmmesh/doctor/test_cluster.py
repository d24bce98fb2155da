"""The checks of a cluster, by what kubectl answers."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.vmmesh.support import Programs
from vmmesh.doctor import cluster
from vmmesh.doctor.cluster import Examined
from vmmesh.doctor.finding import Said


@pytest.fixture
def examined(tmp_path: Path) -> Examined:
    return Examined(kubeconfig=tmp_path / "kubeconfig", others=["cluster2"], istio="1.31.0")


ISTIOD = ("clusterz", "endpointShardz", "networkz")


def answers(programs: Programs, **kinds: Any) -> None:
    """A kubectl that has objects by their kinds, and what istiod answers by the last part of the path."""
    for kind, found in kinds.items():
        programs.write(kind, json.dumps(found if kind in ISTIOD else {"items": found}))
    programs.make(
        "kubectl",
        'shift; case $1 in exec) for path; do :; done; cat "$(dirname "$0")/${path##*/}" ;; '
        '*) cat "$(dirname "$0")/$2" ;; esac',
    )


def deployment(ready: int, tag: str = "1.31.0-abc") -> dict[str, Any]:
    return {
        "metadata": {"name": "istiod"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": f"host:5000/pilot:{tag}"}]}}},
        "status": {"readyReplicas": ready} if ready else {},
    }


@pytest.mark.parametrize(
    ("found", "level"),
    [
        ([], "failure"),
        ([deployment(0)], "failure"),
        ([deployment(1)], "ok"),
        ([deployment(1, "1.30.2")], "warning"),
    ],
)
def test_istiod_must_be_ready_and_of_the_version(
    examined: Examined, programs: Programs, found: list[Any], level: str
) -> None:
    answers(programs, deployments=found)
    assert [said.level for said in cluster.istiod(examined)] == [level]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"spec": {"externalIPs": ["10.0.0.1"]}}, ["10.0.0.1"]),
        ({"spec": {}, "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}}, ["lb.example"]),
        ({"spec": {"type": "NodePort"}}, ["the nodes' addresses"]),
        ({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}}, []),
    ],
)
def test_a_gateway_has_the_address_of_its_service(service: Any, expected: list[str]) -> None:
    assert cluster.addresses(service) == expected


def test_a_gateway_without_an_address_fails(examined: Examined, programs: Programs) -> None:
    answers(programs, service=[{"spec": {"type": "LoadBalancer"}}], deployment=[deployment(1)])
    found = list(cluster.gateways(examined))
    assert [said.level for said in found] == ["failure", "failure"]
    assert "has no address" in found[0].what
    answers(programs, service=[], deployment=[])
    assert all("there is no" in said.what for said in cluster.gateways(examined))


SECRET = {"metadata": {"annotations": {"networking.istio.io/cluster": "cluster2"}}}


def shards(*clusters: str) -> dict[str, Any]:
    return {"details.default.svc.cluster.local": {"default": {"Shards": {f"Kubernetes/{it}": [] for it in clusters}}}}


@pytest.mark.parametrize(
    ("secrets", "seen", "level"),
    [
        ([], ["cluster1"], "failure"),
        ([SECRET], ["cluster1"], "failure"),
        ([SECRET], ["cluster1", "cluster2"], "ok"),
    ],
)
def test_another_cluster_is_known_and_its_endpoints_are_seen(
    examined: Examined, programs: Programs, secrets: list[Any], seen: list[str], level: str
) -> None:
    # What istiod says of every cluster whose Secrets it may not read.
    synced = [{"id": "cluster2", "syncStatus": "timeout"}]
    answers(programs, deployments=[deployment(1)], secrets=secrets, clusterz=synced, endpointShardz=shards(*seen))
    assert [said.level for said in cluster.remotes(examined)] == [level]


ENTRY = {"metadata": {"labels": {"vm-mesh/exported-by": "cluster2"}}}
GATEWAY = {"Network": "network2", "Cluster": "", "Addr": "192.0.2.2", "Port": 15443}


@pytest.mark.parametrize(
    ("secrets", "entries", "gateways", "levels"),
    [
        ([], [ENTRY], [GATEWAY], ["ok"]),
        ([], [], [GATEWAY], ["failure"]),
        ([], [ENTRY], None, ["failure"]),
        ([SECRET], [ENTRY], [GATEWAY], ["failure", "ok"]),
    ],
)
def test_without_secrets_it_is_written_down_where_another_cluster_is(
    examined: Examined, programs: Programs, secrets: list[Any], entries: list[Any], gateways: Any, levels: list[str]
) -> None:
    written = {"workloadentries.networking.istio.io": entries}
    answers(programs, deployments=[deployment(1)], secrets=secrets, networkz=gateways, **written)
    keyless = replace(examined, networks={"cluster2": "network2"})
    assert [said.level for said in cluster.remotes(keyless)] == levels


def certificate(begins: timedelta, ends: timedelta) -> str:
    """The base64 of a certificate's PEM, of these times from now on."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


@pytest.mark.parametrize(
    ("begins", "days", "level"), [(-1, 300, "ok"), (-1, 20, "warning"), (-1, 1, "failure"), (1, 300, "failure")]
)
def test_a_ca_is_valid_for_a_while(examined: Examined, programs: Programs, begins: int, days: int, level: str) -> None:
    pem = certificate(timedelta(hours=begins), timedelta(days=days))
    answers(programs, secret=[{"data": {"ca-cert.pem": pem, "ca-key.pem": "none"}}])
    assert [said.level for said in cluster.authority(examined)] == [level]


@pytest.mark.parametrize(("age", "level"), [(3, "ok"), (45, "ok"), (90, "failure"), (-30, "failure")])
def test_nodes_tell_their_clocks_by_their_leases(examined: Examined, programs: Programs, age: int, level: str) -> None:
    renewed = (datetime.now(UTC) - timedelta(seconds=age)).isoformat().replace("+00:00", "Z")
    lease = {"metadata": {"name": "node"}, "spec": {"renewTime": renewed}}
    answers(programs, leases=[lease])
    assert [said.level for said in cluster.clocks(examined)] == [level]


def test_an_api_server_that_does_not_answer_says_why(examined: Examined, programs: Programs) -> None:
    programs.make("kubectl", "echo 'connection refused' >&2; exit 1")
    (found,) = cluster.api(examined)
    assert isinstance(found, Said)
    assert found.level == "failure"
    assert "connection refused" in found.what
