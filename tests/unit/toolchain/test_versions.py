"""The one list of versions agrees with itself, with requirements.txt and with the publishers' names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolchain import versions
from toolchain.versions import Platform

ROOT = Path(__file__).parents[3]
LINUX, MAC = Platform("linux", "amd64"), Platform("darwin", "arm64")


@pytest.mark.parametrize("plugin", ["pulumi-kubernetes", "pulumi-command", "pulumi-docker"])
def test_plugins_are_those_that_the_sdk_asks_for(plugin: str) -> None:
    requirements = (ROOT / "requirements.txt").read_text()
    assert f"\n{plugin}=={versions.of(plugin).version}\n" in requirements


def test_kubernetes_is_one_version() -> None:
    version = versions.of("kubernetes")
    assert version.module_version == f"v{version.version}"
    assert version.text("staging_version") == re.sub("^1", "v0", version.version)
    assert versions.of("kubectl").version == version.version
    assert f":v{version.version}@sha256:" in versions.image("node")


def test_istio_is_one_version() -> None:
    names = ("istio", "istioctl", "istio-charts", "istio-sidecar")
    (version,) = {versions.of(name).version for name in names}
    assert versions.image("istio", "pilot") == f"docker.io/istio/pilot:{version}"


@pytest.mark.parametrize(
    ("tool", "target", "file"),
    [
        ("pulumi", LINUX, "pulumi-v3.259.0-linux-x64.tar.gz"),
        ("pulumi", MAC, "pulumi-v3.259.0-darwin-arm64.tar.gz"),
        ("kind", LINUX, "kind-linux-amd64"),
        ("istioctl", LINUX, "istioctl-1.31.0-linux-amd64.tar.gz"),
        ("istioctl", MAC, "istioctl-1.31.0-osx-arm64.tar.gz"),
        ("istio-sidecar", LINUX, "istio-sidecar.deb"),
        ("istio-sidecar", MAC, "istio-sidecar-arm64.deb"),
        ("pulumi-docker", LINUX, "pulumi-resource-docker-v5.2.0-linux-amd64.tar.gz"),
    ],
)
def test_release_files_are_named_as_their_publishers_name_them(tool: str, target: Platform, file: str) -> None:
    url = versions.of(tool).url("release", target)
    assert url.startswith("https://")
    assert url.endswith(f"/{file}")
