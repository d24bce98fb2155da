"""What people look at: Kiali and Grafana, what they may read, whom they may ask, and who may call them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.components.monitor import Program, Registered, Secret, revealed
from tests.unit.components.program import (
    DEV,
    GRAFANA,
    KIALI,
    SIGNING_KEY,
    TOKEN,
    VARIANTS,
    changed,
    run,
    variant,
)
from tests.unit.components.test_metrics import READER, config_of, container_of

CLUSTERS = ("cluster1", "cluster2", "management")
WATCHED = ["get", "list", "watch"]


@pytest.fixture
def program() -> Program:
    """With both, and a management cluster of its own."""
    return variant("with Kiali and Grafana")


@pytest.fixture
def keyless() -> Program:
    """With Kiali, where no cluster holds credentials of another."""
    return variant("with Kiali, without remote secrets")


def kiali_config(program: Program) -> dict[str, Any]:
    return json.loads(program["kiali-config"]["data"]["config.yaml"])


def mounts(deployment: Registered) -> dict[str, dict[str, Any]]:
    """Folder -> the volume that is there."""
    volumes = {it["name"]: it for it in deployment["spec.template.spec.volumes"]}
    return {it["mountPath"]: volumes[it["name"]] for it in container_of(deployment)["volumeMounts"]}


def identity(page: str) -> str:
    return f"cluster.local/ns/management/sa/{page}"


# What Kiali sees


@pytest.mark.parametrize("name", ["with Kiali and Grafana", "with Kiali, without remote secrets"])
def test_kiali_knows_all_clusters_and_its_own_by_its_name_in_the_mesh(name: str) -> None:
    config = kiali_config(variant(name))
    assert config["kubernetes_config"]["cluster_name"] == "management"
    assert [it["name"] for it in config["clustering"]["clusters"]] == ["cluster1", "cluster2"]
    assert config["external_services"]["istio"]["root_namespace"] == "istio-system"
    shown = [it["matchLabels"] for it in config["deployment"]["discovery_selectors"]["default"]]
    assert {name for labels in shown for name in labels.values()} == {
        "default",
        "virtual-machines",
        "management",
        "istio-system",
    }


def test_kiali_reads_the_others_by_a_kubeconfig_each(program: Program) -> None:
    (secret,) = program.in_cluster("management", "Secret", "kiali-remote-clusters")
    folder = "/kiali-remote-cluster-secrets/kiali-remote-clusters"
    assert mounts(program["kiali-deployment"])[folder]["secret"] == {"secretName": "kiali-remote-clusters"}
    assert {it["secret_name"] for it in kiali_config(program)["clustering"]["clusters"]} == {"kiali-remote-clusters"}
    assert isinstance(secret["stringData"], Secret)
    kubeconfigs = revealed(secret["stringData"])
    assert kubeconfigs.keys() == {"cluster1", "cluster2"}
    for name, text in kubeconfigs.items():
        kubeconfig = json.loads(text)
        # Kiali takes a cluster's name from here, and wants one of each.
        assert [it["name"] for it in kubeconfig["clusters"]] == [name]
        assert [it["user"] for it in kubeconfig["users"]] == [{"token": TOKEN}]
        token = program[f"kiali-accounts-{name}-token"]
        assert token["metadata.annotations"] == {"kubernetes.io/service-account.name": "kiali"}
    assert secret.urn in program["kiali-deployment"].depends_on


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_its_account_reads_and_nothing_else_and_no_secrets(program: Program, cluster: str) -> None:
    (account,) = program.in_cluster(cluster, "ServiceAccount", "kiali")
    (role,) = program.in_cluster(cluster, "ClusterRole", "vm-mesh-kiali")
    (binding,) = program.in_cluster(cluster, "ClusterRoleBinding", "vm-mesh-kiali")
    assert account["metadata.namespace"] == "management"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "kiali", "namespace": "management"}]
    assert binding["roleRef.name"] == role["metadata.name"]
    for rule in role["rules"]:
        assert rule["verbs"] == WATCHED
        assert not {"secrets", "pods/log", "pods/exec", "pods/portforward", "pods/*"} & {*rule["resources"]}
        if "*" in rule["resources"]:
            assert all(group.endswith((".istio.io", "networking.k8s.io")) for group in rule["apiGroups"])
        assert "*" not in rule["apiGroups"]


def test_its_account_may_read_what_vms_are_to_istio(program: Program) -> None:
    (role,) = program.in_cluster("cluster1", "ClusterRole", "vm-mesh-kiali")
    (istio,) = [rule for rule in role["rules"] if "networking.istio.io" in rule["apiGroups"]]
    assert istio["resources"] == ["*"], "workloadentries and workloadgroups are among them"


def test_without_remote_secrets_it_reads_its_own_cluster_alone(keyless: Program) -> None:
    assert all("secret_name" not in it for it in kiali_config(keyless)["clustering"]["clusters"])
    assert keyless.in_cluster("management", "ServiceAccount", "kiali")
    for cluster in ("cluster1", "cluster2"):
        assert not keyless.in_cluster(cluster, "ServiceAccount", "kiali")
        assert not keyless.in_cluster(cluster, "ClusterRole")
    assert not keyless.in_cluster("management", "Secret", "kiali-remote-clusters")
    assert not [it for it in keyless.custom("Secret") if it.name.startswith("kiali-accounts-")]
    assert not [folder for folder in mounts(keyless["kiali-deployment"]) if "remote" in folder]


def test_people_log_in_where_their_token_is_of_the_only_cluster_that_it_reads(
    program: Program, keyless: Program
) -> None:
    assert kiali_config(program)["auth"] == {"strategy": "anonymous"}
    assert not program.in_cluster("management", "Secret", "kiali-signing-key")
    assert kiali_config(keyless)["auth"] == {"strategy": "token"}
    (key,) = keyless.in_cluster("management", "Secret", "kiali-signing-key")
    assert key["stringData"] == Secret({"value.txt": SIGNING_KEY})
    folder = "/kiali-override-secrets/login-token-signing-key"
    assert mounts(keyless["kiali-deployment"])[folder]["secret"] == {"secretName": "kiali-signing-key"}


@pytest.mark.parametrize("name", ["with Kiali and Grafana", "with Kiali, without remote secrets"])
def test_it_shows_and_changes_nothing(name: str) -> None:
    config = kiali_config(variant(name))
    assert config["deployment"]["view_only_mode"] is True
    assert config["kiali_feature_flags"]["disabled_features"] == ["logs-tab"]
    assert config["external_services"]["istio"]["istio_api_enabled"] is False
    assert config["external_services"]["tracing"]["enabled"] is False
    assert config["server"]["observability"]["metrics"]["enabled"] is False


def test_it_is_told_where_metrics_and_dashboards_are(program: Program, keyless: Program) -> None:
    services = kiali_config(program)["external_services"]
    assert services["prometheus"]["url"] == "http://prometheus.management.svc.cluster.local:9090"
    assert services["grafana"] == {
        "enabled": True,
        "internal_url": "http://grafana.management.svc.cluster.local:3000",
        "external_url": "http://localhost:3000",
        "health_check_url": "http://grafana.management.svc.cluster.local:3000/api/health",
        "dashboards": [{"name": "vm-mesh: routes", "variables": {}}],
    }
    (dashboard,) = program.in_cluster("management", "ConfigMap", "vm-mesh-routes")
    (text,) = dashboard["data"].values()
    assert json.loads(text)["title"] == "vm-mesh: routes"
    assert kiali_config(keyless)["external_services"]["grafana"] == {"enabled": False}


def test_it_starts_anew_when_what_it_reads_at_its_start_is_another(program: Program, keyless: Program) -> None:
    def digest(found: Program) -> str:
        return found["kiali-deployment"]["spec.template.metadata.annotations"]["vm-mesh/config"]

    assert digest(program) != digest(keyless)
    config = VARIANTS["with Kiali and Grafana"]
    assert digest(run(changed("stages.details", "canary", config))) == digest(program)


# What Grafana shows


def test_grafana_shows_the_dashboard_of_the_metrics_store_and_no_other(program: Program) -> None:
    files = {name: json.loads(text) for name, text in program["grafana-config"]["data"].items()}
    (source,) = files["datasources.yaml"]["datasources"]
    assert source["url"] == "http://prometheus.management.svc.cluster.local:9090"
    # The dashboard's variable is of this type, and the default is what it is without anybody choosing.
    assert (source["type"], source["isDefault"], source["editable"]) == ("prometheus", True, False)
    assert source["jsonData"] == {"httpMethod": "POST", "timeInterval": "5s"}
    (provider,) = files["dashboards.yaml"]["providers"]
    found = mounts(program["grafana-deployment"])
    assert found[provider["options"]["path"]]["configMap"] == {"name": "vm-mesh-routes"}
    for file in ("datasources", "dashboards"):
        assert found[f"/etc/grafana/provisioning/{file}"]["configMap"] == {
            "name": "grafana",
            "items": [{"key": f"{file}.yaml", "path": "vm-mesh.yaml"}],
        }
    (dashboard,) = program.in_cluster("management", "ConfigMap", "vm-mesh-routes")
    assert dashboard.urn in program["grafana-deployment"].depends_on
    (file,) = dashboard["data"]
    home = environment(program["grafana-deployment"])["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/{file}"


def environment(deployment: Registered) -> dict[str, str]:
    return {it["name"]: it["value"] for it in container_of(deployment)["env"]}


def test_grafana_has_no_users_and_asks_for_nothing_outside(program: Program) -> None:
    found = environment(program["grafana-deployment"])
    assert found["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert found["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert found["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert found["GF_AUTH_BASIC_ENABLED"] == "false"
    assert found["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert found["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    for name in (
        "GF_ANALYTICS_REPORTING_ENABLED",
        "GF_ANALYTICS_CHECK_FOR_UPDATES",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "GF_PLUGINS_PREINSTALL_AUTO_UPDATE",
        "GF_NEWS_NEWS_FEED_ENABLED",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED",
    ):
        assert found[name] == "false", name


# Who may call whom


def test_pages_ask_the_metrics_store_and_no_more_than_they_need(program: Program) -> None:
    (policy,) = program.in_cluster("management", "AuthorizationPolicy", "prometheus")
    allowed = {
        principal: [(it["operation"]["methods"], it["operation"]["paths"]) for it in rule["to"]]
        for rule in policy["spec.rules"]
        for source in rule["from"]
        for principal in source["source"]["principals"]
    }
    queries = (["POST"], ["/api/v1/query", "/api/v1/query_range"])
    about = [
        "/api/v1/label/__name__/values",
        "/api/v1/status/buildinfo",
        "/api/v1/status/config",
        "/api/v1/status/runtimeinfo",
        "/-/healthy",
    ]
    assert allowed == {
        READER: [(["POST"], ["/api/v1/write"])],
        identity("kiali"): [queries, (["GET"], about)],
        identity("grafana"): [queries],
    }
    assert all(it["operation"]["ports"] == ["9090"] for rule in policy["spec.rules"] for it in rule["to"])


def test_their_identity_is_of_the_meshs_trust_domain() -> None:
    found = run({**VARIANTS["with Kiali and Grafana"], "mesh": {"trustDomain": "mesh.example.com"}})
    (policy,) = found.in_cluster("management", "AuthorizationPolicy", "prometheus")
    principals = [rule["from"][0]["source"]["principals"] for rule in policy["spec.rules"]]
    assert ["mesh.example.com/ns/management/sa/kiali"] in principals


def test_nobody_of_the_mesh_calls_kiali_and_kiali_alone_calls_grafana(program: Program) -> None:
    (kiali,) = program.in_cluster("management", "AuthorizationPolicy", "kiali")
    assert kiali["spec"] == {"selector": {"matchLabels": {"app": "kiali"}}, "action": "ALLOW"}
    assert not program.in_cluster("management", "Service", "kiali")
    (grafana,) = program.in_cluster("management", "AuthorizationPolicy", "grafana")
    (rule,) = grafana["spec.rules"]
    assert rule["from"] == [{"source": {"principals": [identity("kiali")]}}]
    (allowed,) = rule["to"]
    assert (allowed["operation"]["ports"], allowed["operation"]["methods"]) == (["3000"], ["GET"])
    for policy, page in ((kiali, "kiali"), (grafana, "grafana")):
        deployment = program[f"{page}-deployment"]
        labels = deployment["spec.template.metadata.labels"]
        assert policy["spec.selector"]["matchLabels"].items() <= labels.items()
        assert policy.urn in deployment.depends_on


def test_without_kiali_nobody_calls_grafana() -> None:
    found = run(changed("management.kiali", None, VARIANTS["with Kiali and Grafana"]))
    (policy,) = found.in_cluster("management", "AuthorizationPolicy", "grafana")
    assert "rules" not in policy["spec"]


# How they run


@pytest.mark.parametrize("page", ["kiali", "grafana"])
def test_they_run_with_no_rights_on_a_file_system_that_they_cannot_write(program: Program, page: str) -> None:
    deployment = program[f"{page}-deployment"]
    container = container_of(deployment)
    context = container["securityContext"]
    assert (context["runAsNonRoot"], context["readOnlyRootFilesystem"]) == (True, True)
    assert (context["allowPrivilegeEscalation"], context["capabilities"]) == (False, {"drop": ["ALL"]})
    assert context["runAsUser"] not in (0, 1337), "the calls of the proxy's user are not captured"
    assert container.keys() >= {"readinessProbe", "startupProbe", "livenessProbe"}
    assert deployment["spec.template.spec.serviceAccountName"] == page
    volumes = {it["name"]: it for it in deployment["spec.template.spec.volumes"]}
    for mount in container["volumeMounts"]:
        assert mount["readOnly"] is ("emptyDir" not in volumes[mount["name"]])


def test_only_kiali_gets_a_token(program: Program) -> None:
    assert program["kiali-deployment"]["spec.template.spec.automountServiceAccountToken"] is True
    assert program["grafana-deployment"]["spec.template.spec.automountServiceAccountToken"] is False


def test_nodes_pull_the_images_that_the_config_names(program: Program) -> None:
    assert container_of(program["kiali-deployment"])["image"] == KIALI
    assert container_of(program["grafana-deployment"])["image"] == GRAFANA


# Nothing else


def test_what_keeps_metrics_is_rolled_by_neither_and_nothing_else_is_changed(program: Program) -> None:
    before = variant("with a management cluster")
    changed_by_pages = {
        resource.name for urn, resource in before.resources.items() if resource.inputs != program.resources[urn].inputs
    }
    agents = {f"metrics-{cluster}-config" for cluster in CLUSTERS}
    assert changed_by_pages == {"metrics-writers", "metrics-config", *agents}
    added = program.resources.keys() - before.resources.keys()
    assert {program.resources[urn].name.partition("-")[0] for urn in added} == {"kiali", "grafana"}


def test_kiali_alone_makes_agents_keep_more(program: Program) -> None:
    def kept(found: Program) -> str:
        (*_, job) = config_of(found, "cluster1")["scrape_configs"]
        (rule,) = job["metric_relabel_configs"]
        return rule["regex"]

    before = kept(variant("with a management cluster"))
    assert kept(program) == f"{before}|istio_(request|response)_(bytes_(sum|count)|messages_total)"
    without = run(changed("management.kiali", None, VARIANTS["with Kiali and Grafana"]))
    assert kept(without) == before
    stored = [json.loads(it["metrics-config"]["data"]["prometheus.yml"]) for it in (program, without)]
    assert [it.pop("global", None) for it in stored] == [{"scrape_interval": "5s"}, None]
    assert stored[0] == stored[1]


def test_without_metrics_there_is_neither() -> None:
    assert not [it for it in run(DEV).components() if it.name in ("kiali", "grafana", "kiali-accounts")]
