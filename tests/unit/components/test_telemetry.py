"""Access logs and spans: what each cluster has for them, who may send, and that nothing is there unless asked for."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from tests.unit.components.monitor import Program, Registered
from tests.unit.components.program import ARTIFACTS, DEV, changed, run, variant

CLUSTERS = ("cluster1", "cluster2")
ON = {"cluster": "cluster2", "accessLogs": {"retention": "3d"}, "traces": {"sampling": 10}}


@pytest.fixture
def program() -> Program:
    return variant("with access logs and traces")


def named(program: Program, cluster: str, kind: str) -> dict[str, Registered]:
    return {it["metadata.name"]: it for it in program.in_cluster(cluster, kind)}


def mesh_config(program: Program, cluster: str) -> dict[str, Any]:
    return program[f"{cluster}-istiod"]["values.meshConfig"]


def container(program: Program, cluster: str, name: str) -> dict[str, Any]:
    [found] = named(program, cluster, "StatefulSet")[name]["spec.template.spec.containers"]
    return found


def test_each_cluster_has_a_collector_and_one_has_the_stores(program: Program) -> None:
    assert named(program, "cluster1", "StatefulSet").keys() == {"collector-cluster1"}
    assert named(program, "cluster2", "StatefulSet").keys() == {"collector-cluster2", "access-logs", "traces"}
    for cluster in CLUSTERS:
        assert {"access-logs", "traces"} <= named(program, cluster, "Service").keys()


def test_proxies_send_to_the_collector_of_their_own_cluster_and_log_as_before(program: Program) -> None:
    before = variant("the talk's")
    for cluster in CLUSTERS:
        [logs, spans] = mesh_config(program, cluster)["extensionProviders"]
        host = f"collector-{cluster}.management.svc.cluster.local"
        assert logs["envoyOtelAls"]["service"] == spans["opentelemetry"]["service"] == host
        own = json.loads(mesh_config(program, cluster)["accessLogFormat"])
        assert own.items() <= logs["envoyOtelAls"]["logFormat"]["labels"].items()
        config = dict(mesh_config(program, cluster))
        del config["extensionProviders"]
        assert config == mesh_config(before, cluster)
        everyone = named(program, cluster, "Telemetry")["vm-mesh"]
        assert everyone["metadata.namespace"] == "istio-system"
        assert everyone["spec.accessLogging"] == [{"providers": [{"name": "envoy"}, {"name": logs["name"]}]}]
        assert everyone["spec.tracing"][0]["randomSamplingPercentage"] == 10


def test_what_is_sent_to_is_silent_of_it(program: Program) -> None:
    """Else each line would be a call, with a line of its own."""
    for cluster, apps in (("cluster1", {"collector"}), ("cluster2", {"collector", "access-logs", "traces"})):
        silent = [it for it in program.in_cluster(cluster, "Telemetry") if it["metadata.namespace"] == "management"]
        assert {it["spec.selector.matchLabels.app"] for it in silent} == apps
        assert all(it["spec.accessLogging"] == [{"disabled": True}] for it in silent)


def test_the_listeners_that_other_networks_connect_to_stay_as_they_are(program: Program) -> None:
    """They take connections, not calls: to change their log would cut what is on them."""
    for cluster in CLUSTERS:
        found = named(program, cluster, "Telemetry")
        assert found["vm-mesh-passed-on"]["spec"] == {
            "selector": {"matchLabels": {"istio": "eastwestgateway"}},
            "accessLogging": [{"providers": [{"name": "envoy"}]}],
        }
        assert found["vm-mesh-passed-on"].urn in found["vm-mesh"].depends_on


def test_only_the_mesh_may_send_and_only_collectors_may_insert(program: Program) -> None:
    senders = {
        "collector-cluster2": ["cluster.local/*"],
        "access-logs": ["cluster.local/ns/management/sa/collector"],
        "traces": ["cluster.local/ns/management/sa/collector"],
    }
    found = named(program, "cluster2", "AuthorizationPolicy")
    assert found.keys() == senders.keys()
    for name, policy in found.items():
        [rule] = policy["spec.rules"]
        assert rule["from"] == [{"source": {"principals": senders[name]}}]
        [operation] = (it["operation"] for it in rule["to"])
        assert operation["methods"] == ["POST"]
        assert all(path.endswith(("/Export", "/v1/logs", "/v1/traces")) for path in operation["paths"])


def test_telemetry_comes_last_and_goes_first(program: Program) -> None:
    for cluster in CLUSTERS:
        everyone = named(program, cluster, "Telemetry")["vm-mesh"]
        sets = named(program, cluster, "StatefulSet")
        assert sets[f"collector-{cluster}"].urn in everyone.depends_on


def test_pods_are_nobody_and_write_on_their_volume_alone(program: Program) -> None:
    for cluster in CLUSTERS:
        for name, found in named(program, cluster, "StatefulSet").items():
            assert found["spec.template.spec.securityContext.runAsNonRoot"] is True
            one = container(program, cluster, name)
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert [mount["mountPath"] for mount in one["volumeMounts"]] == ["/data"]
            assert {"readinessProbe", "livenessProbe", "startupProbe"} <= one.keys()
            assert one["resources"]["limits"]["memory"]
            [volume] = found["spec.template.spec.volumes"]
            folder = program[f"{name}-folder"]
            assert folder.urn in found.depends_on
            assert folder["environment"]["FOLDER"] == volume["hostPath"]["path"]
            assert folder["environment"]["OWNER"] == str(found["spec.template.spec.securityContext.runAsUser"])


def test_a_collector_keeps_what_it_has_taken_until_the_store_has_it(program: Program) -> None:
    environment = {it["name"]: it["value"] for it in container(program, "cluster1", "collector-cluster1")["env"]}
    config = json.loads(environment["CONFIG"])
    assert config["exporters"].keys() == {"otlp_http/access-logs", "otlp_http/traces"}
    for exporter in config["exporters"].values():
        assert exporter["sending_queue"]["storage"] == "file_storage"
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert config["extensions"]["file_storage"]["fsync"] is True
    assert "processors" not in config  # a batch in one of them would be in memory alone


def test_the_config_says_how_long_lines_are_kept() -> None:
    program = run({**DEV, "management": {"cluster": "cluster1", "accessLogs": {"retention": "3d"}}})
    assert "-retentionPeriod=3d" in container(program, "cluster1", "access-logs")["args"]


def test_one_without_the_other() -> None:
    program = run({**DEV, "management": {"cluster": "cluster1", "traces": {}}})
    assert named(program, "cluster1", "StatefulSet").keys() == {"collector-cluster1", "traces"}
    assert named(program, "cluster1", "Telemetry")["vm-mesh"].inputs["spec"].keys() == {"tracing"}
    program = run({**DEV, "management": {"cluster": "cluster1", "accessLogs": {}}})
    assert named(program, "cluster1", "StatefulSet").keys() == {"collector-cluster1", "access-logs"}
    assert named(program, "cluster1", "Telemetry")["vm-mesh"].inputs["spec"].keys() == {"accessLogging"}


def test_images_that_nodes_cannot_pull_are_loaded_and_others_are_not(program: Program) -> None:
    loads = {it.name for it in program.custom("Command") if it.name.endswith("-image")}
    assert loads == {"collector-cluster1-image", "collector-cluster2-image", "access-logs-image", "traces-image"}
    pulled = {name: {**image, "archive": None} for name, image in ARTIFACTS["management"].items()}
    program = run({**DEV, "management": ON}, management=pulled)
    assert not [it for it in program.custom("Command") if it.name.endswith("-image")]


def test_images_that_are_not_there_are_said_before_anything_is_done() -> None:
    with pytest.raises(pulumi.RunError, match=r"otel-collector.*make tools"):
        run({**DEV, "management": ON}, management={})


def test_an_existing_cluster_keeps_it_in_its_own_storage_class() -> None:
    there = {"network": "network2", "existing": {"context": "there", "kubeconfig": "~/.kube/config"}}
    program = run({**changed("clusters.cluster2", there), "management": ON})
    claim = named(program, "cluster2", "PersistentVolumeClaim")["access-logs"]
    assert not {"volumeName", "storageClassName"} & claim.inputs["spec"].keys()
    store = named(program, "cluster2", "StatefulSet")["access-logs"]
    [volume] = store["spec.template.spec.volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": claim["metadata.name"]}
    assert claim.urn in store.depends_on


def test_clusters_without_credentials_of_each_other_are_told_where_the_stores_are() -> None:
    program = run({**changed("mesh", {"discovery": "serviceEntries"}), "management": ON})
    entries = named(program, "cluster1", "WorkloadEntry")
    for store in ("access-logs", "traces"):
        entry = entries[f"{store}.cluster2"]
        assert (entry["spec.network"], entry["spec.labels"]) == ("network2", {"app": store})
    assert "access-logs.cluster2" not in named(program, "cluster2", "WorkloadEntry")


def test_so_are_they_where_a_cluster_is_for_this_alone() -> None:
    program = variant("with access logs and traces, without remote secrets")
    stores = {"access-logs.management", "traces.management"}
    for cluster in CLUSTERS:
        entries = named(program, cluster, "WorkloadEntry")
        assert {entries[store]["spec.network"] for store in stores} == {"network3"}
    assert not stores & named(program, "management", "WorkloadEntry").keys()


def test_the_images_of_what_is_not_asked_for_are_not_needed() -> None:
    images = {name: image for name, image in ARTIFACTS["management"].items() if name != "prometheus"}
    assert run({**changed("mesh", {"discovery": "serviceEntries"}), "management": ON}, management=images)
