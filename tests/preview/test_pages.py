"""Kiali and Grafana, turned on in a mesh that runs: what the real engine and the policy pack say of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from settings import PROJECT
from tests.preview import recording
from tests.preview.conftest import Project, config_at

pytestmark = pytest.mark.preview

PAGES: dict[str, Any] = {
    "kiali": {"image": f"kiali/kiali:v2.30.0@sha256:{64 * '3'}"},
    "grafana": {"image": f"grafana/grafana:13.0.0@sha256:{64 * '4'}"},
}


@pytest.fixture
def running(project: Project) -> Project:
    """The recorded mesh, with a toolchain that has Prometheus too, and nothing of the pages."""
    resources, artifacts = recording.load()
    project.become(resources)
    tools = {**artifacts, "management": {"prometheus": {"reference": "registry/prometheus:3", "archive": None}}}
    (project.folder / ".state" / "artifacts.json").write_text(json.dumps(tools))
    return project


def test_pages_are_made_beside_what_runs_and_the_pack_lets_them_pass(running: Project) -> None:
    config = config_at("vm-only")
    running.configure({**config, f"{PROJECT}:management": {"cluster": "cluster2", "metrics": {}}})
    without = running.preview()
    running.configure({**config, f"{PROJECT}:management": {"cluster": "cluster2", "metrics": {}, **PAGES}})
    preview = running.preview("--policy-pack", "policy")
    assert preview.succeeded, preview.output
    assert [*preview.changes] == [*without.changes] == ["create"]
    more = {urn.rpartition("::")[2] for urn in {*preview.changes["create"]} - {*without.changes["create"]}}
    assert {"kiali-deployment", "kiali-remote-clusters", "kiali-accounts-cluster1-token", "grafana-deployment"} <= more
    assert {name.partition("-")[0] for name in more} == {"kiali", "grafana"}
