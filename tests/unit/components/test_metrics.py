"""Metrics of every proxy: who may read them, what reads them, where they are brought, and who may ask for them."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from tests.unit.components.monitor import Program, Registered
from tests.unit.components.program import ADDRESS, ARTIFACTS, DEV, HOST, changed, run, variant

READER = "cluster.local/ns/management/sa/prometheus-agent"
CLUSTERS = ("cluster1", "cluster2", "management")
METRICS: dict[str, Any] = {**DEV, "management": {"cluster": "cluster2", "metrics": {}}}


@pytest.fixture
def program() -> Program:
    """With a management cluster of its own."""
    return variant("with a management cluster")


def with_metrics(config: dict[str, Any] = METRICS) -> Program:
    return run(config)


def config_of(program: Program, cluster: str) -> dict[str, Any]:
    return json.loads(program[f"metrics-{cluster}-config"]["data"]["prometheus.yml"])


def container_of(deployment: Registered) -> dict[str, Any]:
    (container,) = deployment["spec.template.spec.containers"]
    return container


def filters(program: Program, cluster: str) -> dict[str, Registered]:
    return {it["metadata.name"]: it for it in program.in_cluster(cluster, "EnvoyFilter")}


def tls_contexts(value: Any) -> list[dict[str, Any]]:
    """Every TLS context anywhere in a value."""
    if isinstance(value, dict):
        entries: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        found = [context for inner in entries.values() for context in tls_contexts(inner)]
        return [entries, *found] if "DownstreamTlsContext" in str(entries.get("@type")) else found
    return [context for inner in value for context in tls_contexts(inner)] if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


# Who may read a proxy


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_pods_and_gateways_of_every_cluster_can_be_read(program: Program, cluster: str) -> None:
    found = filters(program, cluster)["readings"]
    assert found["metadata.namespace"] == "istio-system"
    assert "workloadSelector" not in found["spec"]
    pods, gateways = found["spec.configPatches"]
    assert (pods["applyTo"], pods["match"]["listener"]["name"]) == ("FILTER_CHAIN", "virtualInbound")
    assert pods["patch"]["value"]["filter_chain_match"]["destination_port"] == 15091
    assert (gateways["applyTo"], gateways["match"]["context"]) == ("LISTENER", "GATEWAY")
    assert gateways["patch"]["value"]["address"]["socket_address"]["port_value"] == 15091


def test_a_vm_listens_for_it_where_it_has_joined(program: Program) -> None:
    """Of what calls a VM only its services' ports are captured."""
    found = filters(program, "cluster1")["readings-vm1"]
    assert found["metadata.namespace"] == "virtual-machines"
    entries = program["vm1-group"]["spec.metadata.labels"]
    assert found["spec.workloadSelector"]["labels"].items() <= entries.items()
    assert program["vm1-join"].urn in found.depends_on
    assert "readings-vm1" not in filters(program, "cluster2")


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_only_the_reader_is_let_in(program: Program, cluster: str) -> None:
    for filter_ in filters(program, cluster).values():
        for patch in filter_["spec.configPatches"]:
            (context,) = tls_contexts(patch)
            assert context["require_client_certificate"] is True
            validation = context["common_tls_context"]["combined_validation_context"]
            assert validation["default_validation_context"]["match_typed_subject_alt_names"] == [
                {"san_type": "URI", "matcher": {"exact": f"spiffe://{READER}"}}
            ]
            assert validation["validation_context_sds_secret_config"]["name"] == "ROOTCA"


def test_nothing_but_the_statistics_is_shown(program: Program) -> None:
    (chain, _) = filters(program, "cluster1")["readings"]["spec.configPatches"]
    (filter_,) = chain["patch"]["value"]["filters"]
    (host,) = filter_["typed_config"]["route_config"]["virtual_hosts"]
    (route,) = host["routes"]
    assert route["match"]["path"] == "/stats/prometheus"
    assert route["match"]["headers"] == [{"name": ":method", "string_match": {"exact": "GET"}}]
    assert route["route"] == {"cluster": "prometheus_stats"}


def test_the_readers_identity_is_of_the_meshs_trust_domain() -> None:
    found = with_metrics(changed("mesh", {"trustDomain": "mesh.example.com"}, METRICS))
    assert "spiffe://mesh.example.com/ns/management/sa/prometheus-agent" in json.dumps(
        filters(found, "cluster1")["readings"]["spec"]
    )


# What reads


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_every_cluster_has_what_reads_it(program: Program, cluster: str) -> None:
    agent = program[f"metrics-{cluster}-deployment"]
    container = container_of(agent)
    assert "--agent" in container["args"]
    assert container["image"] == ARTIFACTS["management"]["prometheus"]["reference"]
    config = config_of(program, cluster)
    assert config["global"] == {"scrape_interval": "5s", "external_labels": {"cluster": cluster}}
    (target,) = config["remote_write"]
    assert target["url"] == "http://prometheus.management.svc.cluster.local:9090/api/v1/write"


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_it_shows_the_certificate_that_its_sidecar_writes(program: Program, cluster: str) -> None:
    agent = program[f"metrics-{cluster}-deployment"]
    annotations = agent["spec.template.metadata.annotations"]
    (folder,) = json.loads(annotations["proxy.istio.io/config"])["proxyMetadata"].values()
    (mount,) = json.loads(annotations["sidecar.istio.io/userVolumeMount"])
    mounts = {it["name"]: it["mountPath"] for it in container_of(agent)["volumeMounts"]}
    assert mount["mountPath"] == folder == mounts[mount["name"]]
    assert annotations["traffic.sidecar.istio.io/excludeOutboundPorts"] == "15091"
    for job in config_of(program, cluster)["scrape_configs"]:
        assert job["scheme"] == "https"
        assert job["tls_config"]["cert_file"].startswith(f"{folder}/")
        assert job["tls_config"]["key_file"].startswith(f"{folder}/")


def test_it_may_see_pods_where_there_are_proxies_and_nothing_else(program: Program) -> None:
    for cluster in CLUSTERS:
        roles = program.in_cluster(cluster, "Role", "prometheus-agent")
        (pods, *_) = config_of(program, cluster)["scrape_configs"]
        (found,) = pods["kubernetes_sd_configs"]
        assert {role["metadata.namespace"] for role in roles} == {*found["namespaces"]["names"]}
        for role in roles:
            assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
        assert not [it for it in program.in_cluster(cluster, "ClusterRole") if "prometheus" in it.name]
    assert {role["metadata.namespace"] for role in program.in_cluster("management", "Role", "prometheus-agent")} == {
        "management",
        "istio-system",
    }


def test_a_vm_is_read_by_the_cluster_that_it_has_joined(program: Program) -> None:
    (vms,) = [job for job in config_of(program, "cluster1")["scrape_configs"] if job["job_name"] == "vms"]
    assert vms["static_configs"] == [
        {
            "targets": ["vm-mesh-dev-vm1:15091"],
            "labels": {
                "namespace": "virtual-machines",
                "vm": "vm1",
                "machine": "vm1",
                "app": "details",
                "version": "vm",
            },
        }
    ]
    for cluster in ("cluster2", "management"):
        assert [job["job_name"] for job in config_of(program, cluster)["scrape_configs"]] == ["pods"]


def test_a_host_is_read_at_the_address_that_it_says_itself() -> None:
    vm = {key: value for key, value in DEV["vms"]["vm1"].items() if key != "container"}
    found = with_metrics(changed("vms.vm1", {**vm, "host": HOST}, METRICS))
    (vms,) = [job for job in config_of(found, "cluster1")["scrape_configs"] if job["job_name"] == "vms"]
    assert vms["static_configs"][0]["targets"] == [f"{ADDRESS}:15091"]
    assert found["metrics-cluster1-vm1-address"]["create"] == "sh bootstrap/address.sh"


def test_all_that_runs_for_it_has_no_rights() -> None:
    found = with_metrics()
    for name in ("metrics-deployment", "metrics-cluster1-deployment", "metrics-cluster2-deployment"):
        container = container_of(found[name])
        context = container["securityContext"]
        assert (context["runAsNonRoot"], context["readOnlyRootFilesystem"]) == (True, True)
        assert (context["allowPrivilegeEscalation"], context["capabilities"]) == (False, {"drop": ["ALL"]})
        assert context["runAsUser"] not in (0, 1337), "the calls of the proxy's user are not captured"
        assert container["resources"].keys() == {"requests", "limits"}
        assert container.keys() >= {"readinessProbe", "livenessProbe"}


def test_the_interval_is_the_configs() -> None:
    found = with_metrics(changed("management.metrics", {"interval": "1m", "retention": "4w"}, METRICS))
    assert config_of(found, "cluster1")["global"]["scrape_interval"] == "60s"
    stored = json.loads(found["metrics-config"]["data"]["prometheus.yml"])["storage"]["tsdb"]
    assert stored["retention"]["time"] == "4w"


# What keeps


def test_only_readers_write_to_it_and_nobody_asks_it_through_the_mesh(program: Program) -> None:
    (policy,) = program.in_cluster("management", "AuthorizationPolicy", "prometheus")
    (rule,) = policy["spec.rules"]
    assert rule["from"] == [{"source": {"principals": [READER]}}]
    assert rule["to"] == [{"operation": {"ports": ["9090"], "methods": ["POST"], "paths": ["/api/v1/write"]}}]
    store = program["metrics-deployment"]
    assert policy["spec.selector"]["matchLabels"].items() <= store["spec.template.metadata.labels"].items()
    assert policy.urn in store.depends_on
    for cluster in CLUSTERS:
        (closed,) = program.in_cluster(cluster, "AuthorizationPolicy", "prometheus-agent")
        assert closed["spec"] == {"selector": {"matchLabels": {"app": "prometheus-agent"}}, "action": "ALLOW"}


def test_it_is_known_in_every_cluster_and_runs_in_one(program: Program) -> None:
    for cluster in CLUSTERS:
        (service,) = program.in_cluster(cluster, "Service", "prometheus")
        assert service["spec.ports"] == [{"name": "http", "port": 9090}]
        assert len(program.in_cluster(cluster, "Deployment", "prometheus")) == (cluster == "management")


def test_late_readings_are_taken_for_as_long_as_they_are_held(program: Program) -> None:
    window = json.loads(program["metrics-config"]["data"]["prometheus.yml"])["storage"]["tsdb"]
    held = [it for it in container_of(program["metrics-cluster1-deployment"])["args"] if "max-time" in it]
    assert held == [f"--storage.agent.retention.max-time={window['out_of_order_time_window']}"]


def test_it_keeps_its_data_on_the_node_of_kind_or_by_a_claim(program: Program) -> None:
    (folder,) = [it for it in program.custom("Command") if it.name == "metrics-folder"]
    volumes = {it["name"]: it for it in program["metrics-deployment"]["spec.template.spec.volumes"]}
    assert volumes["data"]["hostPath"]["path"] == folder["environment"]["FOLDER"]
    assert folder["environment"]["OWNER"] == str(
        container_of(program["metrics-deployment"])["securityContext"]["runAsUser"]
    )
    there = {"network": "network2", "existing": {"context": "there"}}
    found = with_metrics(changed("clusters.cluster2", there, METRICS))
    (claim,) = found.in_cluster("cluster2", "PersistentVolumeClaim")
    volumes = {it["name"]: it for it in found["metrics-deployment"]["spec.template.spec.volumes"]}
    assert volumes["data"]["persistentVolumeClaim"] == {"claimName": claim["metadata.name"]}


def test_nodes_get_the_image_where_they_cannot_pull_it(program: Program) -> None:
    image = ARTIFACTS["management"]["prometheus"]
    for cluster in CLUSTERS:
        step = program[f"management-{cluster}-prometheus-image"]
        assert step["environment"]["ARCHIVE"] == image["archive"]
        assert step.urn in program[f"metrics-{cluster}-deployment"].depends_on
    assert program["management-management-prometheus-image"].urn in program["metrics-deployment"].depends_on
    pulled = run(METRICS, management={"prometheus": {"reference": "registry/prometheus:3", "archive": None}})
    assert not [it for it in pulled.custom("Command") if it.name.endswith("prometheus-image")]


def test_without_the_image_it_is_said_how_to_get_it() -> None:
    with pytest.raises(pulumi.RunError, match=r"image of prometheus.* is not there yet; run `make tools`"):
        run(METRICS, management={})


def test_clusters_without_credentials_are_told_where_it_is() -> None:
    found = with_metrics(changed("mesh", {"discovery": "serviceEntries"}, METRICS))
    (entry,) = found.in_cluster("cluster1", "WorkloadEntry", "prometheus.cluster2")
    assert entry["spec"] == {
        "network": "network2",
        "labels": {"app": "prometheus"},
        "serviceAccount": "prometheus",
        "weight": 1,
    }
    assert not found.in_cluster("cluster2", "WorkloadEntry", "prometheus.cluster2")
    assert not [it for it in with_metrics().custom("WorkloadEntry") if "prometheus" in it.name]


def test_dashboards_are_found_by_their_label(program: Program) -> None:
    (found,) = [it for it in program.in_cluster("management", "ConfigMap") if "dashboard" in it.name]
    assert found["metadata.labels"] == {"grafana_dashboard": "1"}
    ((file, text),) = found["data"].items()
    panels = json.loads(text)["panels"]
    assert file.endswith(".json")
    assert len({panel["id"] for panel in panels}) == len(panels)
    asked = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    for word in ("envoy_cluster_upstream_rq_total", "istio_requests_total", "details-vm1[.]virtual-machines"):
        assert word in asked


@pytest.mark.parametrize("discovery", ["remoteSecrets", "serviceEntries"])
def test_a_cluster_that_has_nothing_to_tell_is_left_out(discovery: str) -> None:
    """It has no proxy but its gateway's, and with remote secrets it does not know where the management cluster is."""
    managed = changed("clusters.management", {"network": "network3", "application": False}, METRICS)
    config = changed("management", {"cluster": "management", "metrics": {}, "accessLogs": {}}, managed)
    idle = changed("clusters.idle", {"network": "network4", "application": False}, config)
    found = with_metrics({**idle, "mesh": {"discovery": discovery}})
    for cluster in CLUSTERS:
        assert found.in_cluster(cluster, "Deployment", "prometheus-agent")
        assert found.in_cluster(cluster, "StatefulSet", f"collector-{cluster}")
    for kind in ("Deployment", "StatefulSet", "EnvoyFilter", "Telemetry", "WorkloadEntry"):
        assert not found.in_cluster("idle", kind)


# Nothing else


def test_nothing_that_serves_calls_is_changed_by_it_or_waits_for_it() -> None:
    before, after = run(DEV), with_metrics()
    for urn, resource in before.resources.items():
        assert after.resources[urn].inputs == resource.inputs, resource.name
        assert after.resources[urn].depends_on == resource.depends_on, resource.name


def test_a_management_cluster_serves_nothing(program: Program) -> None:
    here = [it for it in program.kubernetes() if program.cluster_of(it) == "management"]
    assert not [it for it in here if it.type.endswith(":DestinationRule")]
    assert {it["metadata.name"] for it in program.in_cluster("management", "Namespace")} == {
        "istio-system",
        "management",
    }
    releases = {it["name"] for it in here if it.type.endswith(":Release")}
    assert releases == {"istio-base", "istiod", "istio-eastwestgateway"}
    assert "management" not in program.outputs["urls"]
    assert not program.in_cluster("management", "Secret", "istio-remote-secret-cluster1")
    assert program.in_cluster("cluster1", "Secret", "istio-remote-secret-management")
    rule = program["details-cluster1-destinations"]
    assert [subset["name"] for subset in rule["spec.subsets"]] == ["cluster1", "cluster2"]
