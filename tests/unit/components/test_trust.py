"""Who signs: a root that is made, or the user's own CA, with an intermediate below it for each cluster."""

from __future__ import annotations

import base64

import pytest

from tests.unit.components.monitor import Program, Secret, revealed
from tests.unit.components.program import DEV, certificate, key, run, variant


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


ROOT, NEXT = certificate("root"), certificate("root-next")


def steps(cluster: str, roots: list[str]) -> tuple[str, str]:
    """Who signs a cluster's CA, and what its workloads trust."""
    program = run({**DEV, "roots": roots})
    return revealed(program[f"trust-{cluster}"]["stdin"]), cacerts(program, cluster)["root-cert.pem"]


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_a_root_is_changed_in_three_steps(cluster: str) -> None:
    """At no step is there a certificate that is signed by a root which was not trusted one step before."""
    assert steps(cluster, ["root"]) == (key("root") + ROOT, ROOT)
    assert steps(cluster, ["root", "next"]) == (key("root") + ROOT, ROOT + NEXT)
    assert steps(cluster, ["next", "root"]) == (key("root-next") + NEXT, NEXT + ROOT)
    assert steps(cluster, ["next"]) == (key("root-next") + NEXT, NEXT)


def test_a_root_that_stays_is_not_made_anew() -> None:
    """Its resource is the same in every step, and has the same inputs."""
    roots = (["root"], ["root", "next"], ["next", "root"])
    assert len({run({**DEV, "roots": names})["trust-root"].urn for names in roots}) == 1
    made = [run({**DEV, "roots": names})["trust-root"].inputs for names in roots]
    assert made[0] == made[1] == made[2]


def test_from_a_made_root_to_an_own_ca() -> None:
    own = {"caCertificate": certificate("own"), "caKey": key("own")}
    beside = run({**DEV, "caTrusted": certificate("own")})
    assert cacerts(beside, "cluster1")["root-cert.pem"] == ROOT + certificate("own")
    signing = run({**DEV, **own, "roots": ["root"]})
    assert cacerts(signing, "cluster1")["root-cert.pem"] == certificate("own") + ROOT
    assert revealed(signing["trust-cluster1"]["stdin"]) == f"{key('own')}\n{certificate('own')}"
    alone = run({**DEV, **own})
    assert cacerts(alone, "cluster1")["root-cert.pem"] == certificate("own")


def test_a_root_that_is_named_twice_is_trusted_once() -> None:
    own = {"caCertificate": certificate("own"), "caKey": key("own"), "caTrusted": certificate("own")}
    assert cacerts(run({**DEV, **own}), "cluster1")["root-cert.pem"] == certificate("own")


def test_istiod_starts_again_with_another_root_and_only_then() -> None:
    def digest(program: Program, cluster: str = "cluster1") -> str:
        return program[f"{cluster}-istiod"]["values.podAnnotations"]["vm-mesh/ca"]

    before = run({**DEV, "roots": ["root"]})
    assert digest(before) == digest(variant("the talk's"))
    assert digest(before) != digest(before, "cluster2")
    assert digest(run({**DEV, "roots": ["root", "next"]})) != digest(before)


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_the_api_server_believes_every_root_and_istiod_does_not_write_which(cluster: str) -> None:
    """Two istiods that know different roots would write their own in turn, without an end."""
    program = run({**DEV, "roots": ["root", "next"]})
    bundle = base64.b64encode(cacerts(program, cluster)["root-cert.pem"].encode()).decode()
    istiod = program[f"{cluster}-istiod"]["values"]
    assert istiod["istiodRemote"] == {"injectionCABundle": bundle}
    assert istiod["base"] == {"validationCABundle": bundle}
    (validator,) = program.in_cluster(cluster, "ValidatingWebhookConfiguration", "istiod-default-validator")
    assert [webhook["clientConfig"]["caBundle"] for webhook in validator["webhooks"]] == [bundle]
    assert istiod["env"]["INJECTION_WEBHOOK_CONFIG_NAME"] == istiod["env"]["VALIDATION_WEBHOOK_CONFIG_NAME"] == ""
