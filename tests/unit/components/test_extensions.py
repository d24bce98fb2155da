"""Extensions of proxies: where they are, where their modules come from, and that without them calls go on."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.unit.components.monitor import Program, Registered
from tests.unit.components.program import ARTIFACTS, DEV, MODULE, ROOT, changed, run, variant

CLUSTERS = ("cluster1", "cluster2")
URL = {"module": "https://files.example.com/filter.wasm", "sha256": 64 * "1"}
SHA256 = MODULE["sha256"]


@pytest.fixture
def program() -> Program:
    return variant("with extensions")


def plugins(program: Program, cluster: str) -> dict[str, Registered]:
    return {it["metadata.name"]: it for it in program.in_cluster(cluster, "WasmPlugin")}


def with_extension(**more: Any) -> Program:
    return run({**DEV, "extensions": {"header": {**URL, **more}}})


def test_every_workload_runs_it_unless_the_config_says_otherwise(program: Program) -> None:
    """A VM in the cluster that it joins, and in no other."""
    services = {f"header.{name}" for name in ("productpage", "details", "reviews", "ratings")}
    assert plugins(with_extension(), "cluster1").keys() == services | {"header.vm.vm1"}
    assert plugins(with_extension(), "cluster2").keys() == services


def test_workloads_and_clusters_that_are_named_run_it_and_no_others() -> None:
    found = with_extension(workloads={"services": ["details"]})
    assert [plugins(found, cluster).keys() for cluster in CLUSTERS] == [{"header.details"}] * 2
    found = with_extension(workloads={"vms": ["vm1"]})
    assert [plugins(found, cluster).keys() for cluster in CLUSTERS] == [{"header.vm.vm1"}, set()]
    assert not plugins(with_extension(clusters=["cluster2"]), "cluster1")
    assert not [it for it in with_extension(clusters=["cluster2"]).custom("Command") if "-extension-" in it.name]


def test_plugins_select_what_runs_the_service() -> None:
    program = with_extension()
    found = plugins(program, "cluster1")
    pods = program["cluster1-details-v1-deployment"]["spec.template.metadata.labels"]
    assert found["header.details"]["spec.selector"]["matchLabels"].items() <= pods.items()
    assert found["header.details"]["metadata.namespace"] == "default"
    entries = program["vm1-group"]["spec.metadata.labels"]
    assert found["header.vm.vm1"]["spec.selector"]["matchLabels"].items() <= entries.items()
    assert found["header.vm.vm1"]["metadata.namespace"] == "virtual-machines"


def test_a_plugin_is_what_the_config_says() -> None:
    program = with_extension(phase="authn", config={"value": "x", "most": 5})
    for plugin in plugins(program, "cluster1").values():
        assert plugin["spec.url"] == URL["module"]
        assert plugin["spec.sha256"] == URL["sha256"]
        assert plugin["spec.phase"] == "AUTHN"
        assert plugin["spec.pluginConfig"] == {"value": "x", "most": 5}
        assert plugin["spec.match"] == [{"mode": "SERVER"}]
    image = f"oci://registry.example.com/header@sha256:{64 * '2'}"
    for plugin in plugins(run({**DEV, "extensions": {"header": {"module": image}}}), "cluster1").values():
        assert plugin["spec.url"] == image
        assert not {"sha256", "phase", "pluginConfig"} & plugin["spec"].keys()


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_every_plugin_fails_open_however_it_fails(program: Program, cluster: str) -> None:
    """The filter has its default before there is the plugin, and for as long."""
    defaults = {it["metadata.name"]: it for it in program.in_cluster(cluster, "EnvoyFilter")}
    assert defaults.keys() == plugins(program, cluster).keys()
    for name, plugin in plugins(program, cluster).items():
        assert plugin["spec.failStrategy"] == "FAIL_OPEN"
        assert defaults[name].urn in plugin.depends_on
        for patch in defaults[name]["spec.configPatches"]:
            filter_ = patch["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"]
            assert f"{plugin['metadata.namespace']}.{name}" in filter_
            value = patch["patch"]["value"]
            assert value["name"] == filter_
            discovery = value["config_discovery"]
            # Without rules, RBAC allows everything.
            assert discovery["default_config"].keys() == {"@type"}
            assert discovery["default_config"]["@type"] in [f"type.googleapis.com/{it}" for it in types(discovery)]


def types(discovery: dict[str, Any]) -> list[str]:
    return [url.removeprefix("type.googleapis.com/") for url in discovery["type_urls"]]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_file_is_served_to_the_pods_of_each_cluster(program: Program, cluster: str) -> None:
    (kept,) = program.in_cluster(cluster, "ConfigMap")
    ((file, data),) = kept["binaryData"].items()
    assert hashlib.sha256(gzip.decompress(base64.b64decode(data))).hexdigest() == SHA256
    (server,) = program.in_cluster(cluster, "Deployment", "vm-mesh-modules")
    (container,) = server["spec.template.spec.containers"]
    assert container["image"] == f"{ARTIFACTS['istio']['hub']}/proxyv2:{ARTIFACTS['istio']['tag']}"
    (listener,) = json.loads(container["args"][1])["static_resources"]["listeners"]
    (host,) = listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    (route,) = host["routes"]
    assert route["direct_response"]["body"]["filename"] == f"/modules/{file}"
    plugin = plugins(program, cluster)["file.details"]
    assert plugin["spec.url"] == f"http://vm-mesh-modules.istio-system.svc.cluster.local:8080{route['match']['path']}"
    assert plugin["spec.sha256"] == SHA256
    assert server.urn in plugin.depends_on


def test_a_file_is_copied_to_a_vm_before_its_proxy_looks_for_it(program: Program) -> None:
    step = program["vm1-extension-file"]
    assert step["create"] == "sh bootstrap/extension.sh"
    assert step["environment"]["MODULE"] == MODULE["module"]
    assert step["environment"]["SHA256"] == SHA256
    assert program["vm1-sidecar"].urn in step.depends_on
    assert step.urn in program["vm1-join"].depends_on
    plugin = plugins(program, "cluster1")["file.vm.vm1"]
    assert plugin["spec.url"] == f"file:///var/lib/vm-mesh/modules/{SHA256}.wasm"
    assert "/var/lib/vm-mesh/modules" in (ROOT / "bootstrap/vm/extension.sh").read_text()
    assert program["vm1-join"].urn in plugin.depends_on


def test_a_vm_can_keep_what_its_agent_fetches() -> None:
    step = with_extension()["vm1-extension-header"]
    assert (step["environment"]["MODULE"], step["environment"]["SHA256"]) == ("", "")


def test_an_extension_that_comes_joins_no_vm_anew() -> None:
    assert with_extension()["vm1-join"].inputs == run(DEV)["vm1-join"].inputs


def test_without_files_nothing_is_served() -> None:
    assert not with_extension().in_cluster("cluster1", "Deployment", "vm-mesh-modules")
    only = {**MODULE, "workloads": {"vms": ["vm1"]}}
    assert not run({**DEV, "extensions": {"file": only}}).in_cluster("cluster1", "Deployment", "vm-mesh-modules")


def test_without_extensions_nothing_is_declared() -> None:
    program = run(DEV)
    assert not program.custom("WasmPlugin")
    assert not [it for it in program.components() if it.type.endswith(":Extensions")]
    assert not [it for it in program.custom("Command") if "-extension-" in it.name]


def test_what_is_wrong_with_files_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "text.wasm").write_bytes(b"no module")
    large = b"\0asm" + b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(40_000))
    (tmp_path / "large.wasm").write_bytes(large)
    extensions = {
        "gone": {**MODULE, "module": f"{tmp_path}/gone.wasm"},
        "large": {"module": f"{tmp_path}/large.wasm", "sha256": hashlib.sha256(large).hexdigest()},
        "text": {"module": f"{tmp_path}/text.wasm", "sha256": hashlib.sha256(b"no module").hexdigest()},
        "wrong": {**MODULE, "sha256": 64 * "0"},
    }
    with pytest.raises(pulumi.RunError) as refusal:
        run(changed("extensions", extensions))
    message = str(refusal.value)
    assert "The stack's config has 4 errors; nothing was touched:" in message
    assert f"vm-mesh:extensions.gone.module: {tmp_path}/gone.wasm cannot be read: No such file" in message
    assert "vm-mesh:extensions.large.module:" in message
    assert "a ConfigMap holds 1048576; put it into a registry" in message
    assert "vm-mesh:extensions.text.module:" in message
    assert f"vm-mesh:extensions.wrong.sha256: {MODULE['module']} has the sum {SHA256}" in message
