"""What is said at the end of `up`."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from settings import GrafanaSettings, KialiSettings, ManagementSettings, MetricsSettings, Settings
from tests.unit.vmmesh.support import settings
from vmmesh.summary import in_words, next_command, show, summary

OUTPUTS = {"urls": {"cluster1": "http://127.0.0.1:8081/", "cluster2": None}, "stages": {"details": "canary"}}

DIGEST = f"sha256:{64 * '0'}"
PAGES = ManagementSettings(
    cluster="cluster2",
    metrics=MetricsSettings(),
    kiali=KialiSettings(image=f"kiali/kiali@{DIGEST}"),
    grafana=GrafanaSettings(image=f"grafana/grafana@{DIGEST}"),
)


def at(stage: str) -> Settings:
    return settings().model_copy(update={"stages": {"details": stage}})


@pytest.mark.parametrize(
    ("stage", "stack", "command"),
    [
        ("vm-only", "dev", "make stage SERVICE=details STAGE=canary"),
        ("canary", "team", "make stage SERVICE=details STAGE=all STACK=team"),
        ("on", "dev", "make verify"),
    ],
)
def test_the_next_command_is_the_next_stage_or_proof(stage: str, stack: str, command: str) -> None:
    assert next_command(stack, at(stage)) == command


def test_what_runs_is_told_with_where_to_see_it() -> None:
    found = summary("dev", at("canary"), OUTPUTS, {"create": 3, "same": 2})
    assert found["changed"] == {"create": 3}
    assert found["unchanged"] == 2
    assert found["clusters"]["cluster1"]["pages"] == {"productpage": "http://127.0.0.1:8081/productpage"}
    assert found["clusters"]["cluster2"]["pages"] == {}
    console = Console(file=io.StringIO(), width=200)
    show(console, found)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for part in (
        "productpage through cluster1: http://127.0.0.1:8081/productpage",
        "vm1",
        "vm1 75%, cluster1 25%",
    ):
        assert part in text
    assert text.splitlines()[-1] == "Next: make stage SERVICE=details STAGE=all"


def test_what_people_look_at_is_told_with_the_way_to_it() -> None:
    kept = settings().model_copy(update={"stages": {"details": "canary"}, "management": PAGES})
    found = summary("dev", kept, OUTPUTS, {})
    assert found["management"]["kiali"] == {
        "cluster": "cluster2",
        "command": "kubectl --namespace management port-forward deployment/kiali 20001",
        "url": "http://localhost:20001",
    }
    console = Console(file=io.StringIO(), width=200)
    show(console, found)
    assert isinstance(console.file, io.StringIO)
    line = "grafana of cluster2: kubectl --namespace management port-forward deployment/grafana 3000, "
    assert f"{line}then http://localhost:3000" in console.file.getvalue()
    assert summary("dev", at("canary"), OUTPUTS, {})["management"] == {}


def test_changes_are_told_in_words() -> None:
    assert in_words({"create": 3, "update": 1, "same": 9}) == "3 made, 1 changed"
    assert in_words({"same": 9}) == "nothing changed"
    assert in_words({}) == "nothing changed"
