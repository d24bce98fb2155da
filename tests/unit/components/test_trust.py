"""Who signs: a root that is made, or the user's own CA, with an intermediate below it for each cluster."""

from __future__ import annotations

import pytest

from tests.unit.components.monitor import Program, Secret, revealed
from tests.unit.components.program import certificate, key, variant


def cacerts(program: Program, cluster: str) -> dict[str, str]:
    (secret,) = program.in_cluster(cluster, "Secret", "cacerts")
    assert secret["metadata.namespace"] == "istio-system"
    return revealed(secret["stringData"])


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_a_root_is_made_and_signs_a_ca_for_each_cluster(cluster: str) -> None:
    program = variant("the talk's")
    assert program["trust-root"]["create"] == "sh components/scripts/ca-root.sh"
    intermediate = program[f"trust-{cluster}"]
    assert intermediate["create"] == "sh components/scripts/ca-intermediate.sh"
    assert intermediate["environment"] == {"SUBJECT": cluster}
    assert intermediate["stdin"] == Secret(key("root") + certificate("root"))
    assert cacerts(program, cluster) == {
        "ca-cert.pem": certificate(cluster),
        "ca-key.pem": key(cluster),
        "cert-chain.pem": certificate(cluster) + certificate("root"),
        "root-cert.pem": certificate("root"),
    }


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_an_own_ca_signs_in_place_of_a_made_one(cluster: str) -> None:
    program = variant("with an own CA")
    assert {it.name for it in program.custom("Command") if it.name.startswith("trust")} == {
        "trust-cluster1",
        "trust-cluster2",
    }
    signer = revealed(program[f"trust-{cluster}"]["stdin"])
    # openssl takes the first certificate and the key; the agents trust the last one.
    assert signer.index(key("signer").strip()) < signer.index(certificate("signer").strip())
    assert cacerts(program, cluster) == {
        "ca-cert.pem": certificate(cluster),
        "ca-key.pem": key(cluster),
        "cert-chain.pem": certificate(cluster) + certificate("signer") + certificate("own root"),
        "root-cert.pem": certificate("own root"),
    }


def test_no_cluster_has_the_key_of_the_root_or_of_another_cluster() -> None:
    keys = [cacerts(variant("the talk's"), cluster)["ca-key.pem"] for cluster in ("cluster1", "cluster2")]
    assert len({key("root"), *keys}) == 3
