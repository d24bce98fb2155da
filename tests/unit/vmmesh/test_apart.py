"""A cluster that takes no part in the application, as the commands see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import Settings
from tests.unit.vmmesh.support import CONFIG, Programs
from vmmesh.doctor import cluster
from vmmesh.doctor.examined import Examined
from vmmesh.forward import Forwards
from vmmesh.graph import picture
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh
from vmmesh.routes import route_of
from vmmesh.stackfile import load
from vmmesh.summary import summary

APART = CONFIG.replace("  vm-mesh:vms:", "    apart: {network: network3, application: false}\n  vm-mesh:vms:")
KEPT = f"{APART}  vm-mesh:management: {{cluster: apart, metrics: {{}}}}\n"


@pytest.fixture
def settings() -> Settings:
    return load(KEPT, "Pulumi.test.yaml")


def test_it_is_no_destination_and_no_caller(settings: Settings) -> None:
    config = settings.model_copy(update={"routes": {"details": settings.routes["details"].model_copy()}})
    route = route_of(config, "details")
    assert [*route.percents] == ["vm1", "cluster1", "cluster2"]
    assert "apart" not in route.clusters
    assert "apart" not in route.hosts


def test_it_is_not_in_the_picture_of_a_route(settings: Settings) -> None:
    (panel,) = picture("dev", settings, ["details"]).panels
    assert [zone.name for zone in panel.zones] == ["cluster1", "cluster2"]
    bare = settings.model_copy(update={"routes": {}, "stages": {}})
    (panel,) = picture("dev", bare, []).panels
    assert [zone.name for zone in panel.zones] == ["cluster1", "cluster2", "apart"]


def test_a_summary_has_no_page_of_it(settings: Settings) -> None:
    found = summary("dev", settings, {"urls": {"cluster1": "http://one", "cluster2": "http://two"}}, {})
    assert found["clusters"]["apart"] == {"network": "network3", "url": None, "services": [], "pages": {}}


def test_doctor_wants_no_ingress_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    Programs(tmp_path, tmp_path / "log").make("kubectl", "echo '{\"items\": []}'")
    for application, gateways in ((True, 2), (False, 1)):
        examined = Examined(kubeconfig=tmp_path, others=[], istio="1.31.0", application=application)
        assert len(list(cluster.gateways(examined))) == gateways


def test_metrics_are_asked_for_where_they_are_kept(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    programs = Programs(tmp_path, tmp_path / "log")
    programs.make("kubectl", "echo 'no such deployment' >&2; exit 1")
    with Forwards() as forwards:
        mesh = Mesh(settings, {"apart": tmp_path / "apart"}, {}, forwards)
        with pytest.raises(Unreachable, match="no such deployment"):
            mesh.metrics("api/v1/query_range?query=up")
    (call,) = programs.calls
    assert call.endswith("port-forward --namespace=management deployment/prometheus :9090")
    assert f"--kubeconfig={tmp_path / 'apart'}" in call
