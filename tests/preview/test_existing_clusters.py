"""Clusters that are outputs of another stack: a preview reads that stack's state, and reaches none of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from settings import PROJECT
from tests.preview.conftest import Project, config_at

pytestmark = pytest.mark.preview

STACK = "organization/platform/prod"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
KUBECONFIG = {
    "clusters": [{"name": "there", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "there", "user": {"token": "confidential"}}],
    "contexts": [{"name": name, "context": {"cluster": "there", "user": "there"}} for name in ("one", "two")],
}


@pytest.fixture(scope="module")
def platform(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The stack that has made the clusters, beside ours."""
    folder: Path = tmp_path_factory.mktemp("platform")
    (folder / "Pulumi.yaml").write_text("name: platform\nruntime: yaml\n")
    outputs = {
        "object": {**SECRET, "plaintext": json.dumps(KUBECONFIG)},
        "text": {**SECRET, "plaintext": json.dumps(json.dumps(KUBECONFIG))},
    }
    root = {
        "urn": "urn:pulumi:prod::platform::pulumi:pulumi:Stack::platform-prod",
        "custom": False,
        "type": "pulumi:pulumi:Stack",
        "outputs": outputs,
    }
    project.other_stack(folder, "prod", [root])
    return project


def existing(output_of_second: str = "text", context: str = "two") -> dict[str, Any]:
    config = config_at("vm-only")
    config[f"{PROJECT}:clusters"] = {
        "cluster1": {
            "network": "network1",
            "existing": {"stackReference": STACK, "output": "object", "context": "one"},
        },
        "cluster2": {
            "network": "network2",
            "existing": {"stackReference": STACK, "output": output_of_second, "context": context},
        },
    }
    return config


def test_a_preview_needs_none_of_the_clusters(platform: Project) -> None:
    platform.become([])
    platform.configure(existing())
    preview = platform.preview()
    assert preview.succeeded, preview.output
    assert {*preview.changes} <= {"create", "read"}
    providers = [step["newState"] for step in preview.steps if "pulumi:providers:kubernetes" in step["urn"]]
    identities = {provider["inputs"].get("clusterIdentifier") for provider in providers}
    assert identities >= {f"{STACK}#object#one", f"{STACK}#text#two"}
    assert "confidential" not in json.dumps(preview.steps)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (existing(output_of_second="txt"), f"output 'txt' of stack {STACK} is not there"),
        (existing(context="three"), "has no 'three' in its contexts; it has 'one', 'two'"),
    ],
)
def test_what_the_other_stack_does_not_have_is_named(config: dict[str, Any], why: str, platform: Project) -> None:
    platform.become([])
    platform.configure(config)
    refusal = platform.refusal("preview")
    assert why in refusal
    assert "Traceback" not in refusal
    assert "confidential" not in refusal
