"""What only the stand-ins do: say what they lack, and where to get it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.contract.project import Project
from toolchain.plugins import OFFICIAL

LACKING = {
    "command": [
        'command.remote.Command("it", connection={"host": "localhost"}, create="true")',
        'command.local.Command("it", create="true", asset_paths=["*"])',
    ],
    "docker": [
        'docker.Container("it", image="busybox", uploads=[{"file": "/a", "content": "b"}])',
        'docker.Network("it", ipam_configs=[{"subnet": "10.0.0.0/24", "ipRange": "10.0.0.0/25"}])',
        'docker.Network("it", opts=pulumi.ResourceOptions(provider=docker.Provider("own", cert_path="/certificates")))',
        'docker.get_network(name="bridge")',
    ],
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_stand_in_is_for_the_version_that_the_sdk_asks_for(name: str) -> None:
    assert version(f"pulumi-{name}") == OFFICIAL[name]


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in LACKING.items() for line in lines])
def test_a_stand_in_says_what_it_lacks(project: Project, name: str, line: str) -> None:
    plugins = Path(project.environment["PULUMI_HOME"], "plugins")
    (plugin,) = plugins.glob(f"resource-{name}-v{OFFICIAL[name]}*/pulumi-resource-{name}")
    if not plugin.read_bytes().startswith(b"#!"):
        pytest.skip("the official plugin is here")
    failed = project.fail(f"import pulumi\nimport pulumi_{name} as {name}\n{line}\n")
    assert any("is not supported here" in it for it in failed.messages), failed.messages
    assert any(f"pulumi plugin install resource {name} {OFFICIAL[name]}" in it for it in failed.messages)
