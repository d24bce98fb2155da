"""Control planes side by side, and who belongs to which: the steps of an upgrade."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tests.unit.components.monitor import Program, Registered
from tests.unit.components.program import DEV, changed, run, variant

CLUSTERS = ("cluster1", "cluster2")
BOTH = {"default": {}, "next": {"hub": "registry.example.com/next", "tag": "1.32.0", "charts": "charts/1.32"}}
STEPS: dict[str, dict[str, Any]] = {
    "installed": {"revisions": BOTH},
    "one namespace": {"revisions": BOTH, "namespaces": {"default": "next"}},
    "gateways": {"revisions": BOTH, "namespaces": {"default": "next"}, "gateways": "next"},
    "all": {"revisions": BOTH, "revision": "next"},
    "old one removed": {"revisions": {"next": BOTH["next"]}, "revision": "next"},
}


@functools.cache
def at(step: str) -> Program:
    return run(changed("istio", STEPS[step]))


def differing(before: Program, after: Program) -> set[str]:
    """Names of what is changed, made or removed."""
    urns = before.resources.keys() | after.resources.keys()
    found = [(before.resources.get(urn), after.resources.get(urn)) for urn in urns]
    return {
        resource.name
        for old, new in found
        for resource in (old or new,)
        if resource and (not old or not new or old.inputs != new.inputs)
    }


def in_both(*names: str) -> set[str]:
    return {name.format(cluster) for cluster in CLUSTERS for name in names}


def test_without_revisions_there_is_one_istiod_that_has_no_name() -> None:
    program = variant("the talk's")
    for cluster in CLUSTERS:
        istiod = program[f"{cluster}-istiod"]
        assert istiod["name"] == "istiod"
        assert not {"revision", "revisionTags"} & istiod["values"].keys()
        assert "serviceSettings" not in istiod["values.meshConfig"]
    assert differing(program, run(changed("istio", {"revisions": {"default": {}}, "revision": "default"}))) == set()


def test_another_istiod_beside_it_touches_no_workload() -> None:
    """The istiod that is there learns the other's Service, and the clusters each other's settings."""
    assert differing(variant("the talk's"), at("installed")) == in_both(
        "{}-istiod", "{}-istiod-next", "{}-istiod-gateway", "{}-istiod-route", "federation-{}-reader-system-role"
    )


def test_the_other_istiod_is_of_its_own_version() -> None:
    for cluster in CLUSTERS:
        release = at("installed")[f"{cluster}-istiod-next"]
        assert (release["name"], release["chart"]) == ("istiod-next", "charts/1.32/istiod")
        assert release["values.revision"] == "next"
        assert (release["values.global.hub"], release["values.global.tag"]) == ("registry.example.com/next", "1.32.0")
        assert at("installed")[f"{cluster}-istiod"]["values.global.tag"] == "1.31.0"


def test_a_namespace_moves_with_its_pods_alone() -> None:
    deployments = [
        f"{{}}-{workload}-deployment"
        for workload in ("details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")
    ]
    assert differing(at("installed"), at("one namespace")) == in_both("{}-default", *deployments)
    for cluster in CLUSTERS:
        assert labels(at("one namespace")[f"{cluster}-default"]) == {"istio.io/rev": "next"}
        assert labels(at("one namespace")[f"{cluster}-virtual-machines"]) == {"istio-injection": "enabled"}


def labels(resource: Registered) -> dict[str, str]:
    return resource["metadata.labels"]


def test_pods_are_made_anew_by_the_istiod_of_their_namespace() -> None:
    """They wait for it and for the label, else they would get the old sidecar once more."""
    pods = at("one namespace")["cluster1-details-v1-deployment"]
    assert pods["spec.template.metadata.annotations"] == {"vm-mesh/revision": "next"}
    names = at("one namespace").names(pods.depends_on)
    assert {"cluster1-istiod-next", "cluster1-default"} <= names
    assert "cluster1-istiod" not in names


def test_gateways_move_by_themselves() -> None:
    assert differing(at("one namespace"), at("gateways")) == in_both("{}-eastwest", "{}-ingress")
    for cluster in CLUSTERS:
        for gateway in ("eastwest", "ingress"):
            release = at("gateways")[f"{cluster}-{gateway}"]
            assert release["values.revision"] == "next"
            assert at("gateways")[f"{cluster}-istiod-next"].urn in release.depends_on


def test_the_mesh_moves_with_what_is_left() -> None:
    """Other namespaces, the check of what is written, and the istiod of VMs that name none; no pod of `default`."""
    assert differing(at("gateways"), at("all")) == in_both("{}-validator", "{}-virtual-machines", "{}-istiod-route")
    for cluster in CLUSTERS:
        validator = at("all")[f"{cluster}-validator"]
        assert [webhook["clientConfig"]["service"]["name"] for webhook in validator["webhooks"]] == ["istiod-next"]
        assert at("all")[f"{cluster}-istiod-next"].urn in validator.depends_on


def test_the_old_one_goes_alone() -> None:
    assert differing(at("all"), at("old one removed")) == in_both(
        "{}-istiod", "{}-istiod-next", "federation-{}-reader-system-role"
    )


def test_whose_injection_is_not_named_goes_to_the_one_that_is_left() -> None:
    assert at("all")["cluster1-istiod-next"]["values.revisionTags"] == []
    assert at("old one removed")["cluster1-istiod-next"]["values.revisionTags"] == ["default"]


@pytest.mark.parametrize("step", STEPS)
def test_every_istiod_is_reached_by_its_own_name(step: str) -> None:
    istio = STEPS[step]
    mesh = istio.get("revision", "default")
    expected = {"istiod": "istiod" if mesh == "default" else f"istiod-{mesh}", "istiod-next": "istiod-next"}
    for cluster in CLUSTERS:
        spec = at(step)[f"{cluster}-istiod-route"]["spec"]
        found: dict[str, str] = {}
        for entry in spec["tls"]:
            (match,), (route,) = entry["match"], entry["route"]
            short, full = match["sniHosts"]
            assert full == f"{short}.cluster.local"
            assert (match["port"], route["destination"]["port"]["number"]) == (15012, 15012)
            found[short.removesuffix(".istio-system.svc")] = route["destination"]["host"].split(".")[0]
        assert found == expected
        (server,) = at(step)[f"{cluster}-istiod-gateway"]["spec.servers"]
        assert server["hosts"] == spec["hosts"] == [host for it in spec["tls"] for host in it["match"][0]["sniHosts"]]


@pytest.mark.parametrize("step", ["installed", "all"])
def test_no_istiod_answers_for_another_clusters(step: str) -> None:
    hosts = [f"istiod{suffix}.istio-system.svc.cluster.local" for suffix in ("", "-next")]
    for cluster in CLUSTERS:
        for istiod in ("istiod", "istiod-next"):
            settings = at(step)[f"{cluster}-{istiod}"]["values.meshConfig.serviceSettings"]
            assert settings == [{"settings": {"clusterLocal": True}, "hosts": hosts}]


def test_clusters_may_read_the_settings_of_every_revision() -> None:
    rules = at("installed")["federation-cluster1-reader-system-role"]["rules"]
    assert [rule["resourceNames"] for rule in rules] == [["istio", "istio-next"]]


@pytest.mark.parametrize("step", STEPS)
def test_no_step_replaces_a_cluster_or_a_vm(step: str) -> None:
    before, after = variant("the talk's"), at(step)
    for name in ("cluster1-node", "cluster2-node", "vm1-container", "vm1-sidecar", "vm1-join", "trust-cluster1"):
        assert before[name].inputs == after[name].inputs, name


def test_a_certificates_lifetime_makes_new_pods() -> None:
    program = run(changed("mesh", {"certificateTtl": "10m"}))
    metadata = program["cluster1-istiod"]["values.meshConfig.defaultConfig.proxyMetadata"]
    assert metadata == {"ISTIO_META_DNS_CAPTURE": "true", "SECRET_TTL": "10m"}
    assert differing(run(DEV), program) >= in_both("{}-istiod", "{}-ingress", "{}-details-v1-deployment")
    annotations = program["cluster1-details-v1-deployment"]["spec.template.metadata.annotations"]
    assert annotations == {"vm-mesh/certificate-ttl": "10m"}
