"""A cluster that was there before: the program takes it as it is, and leaves it as it was."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.conftest import STACK
from tests.e2e.environment import Environment, copy_of_checkout, eventually
from toolchain import artifacts
from toolchain.environment import environment

pytestmark = pytest.mark.e2e

NAME = f"vm-mesh-{STACK}-beforehand"
NODE = f"{NAME}-control-plane"


@pytest.fixture(scope="module")
def checkout(running: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, with the tools of the environment that runs."""
    root = copy_of_checkout(tmp_path_factory.mktemp("existing"))
    subprocess.run(["cp", "-a", running.root / ".state", root / ".state"], check=True)
    return root


@pytest.fixture(scope="module")
def beforehand(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Kubeconfig of a cluster made with kind, by hand, with the images that its node cannot pull."""
    tools = artifacts.load(checkout)
    kubeconfig = tmp_path_factory.mktemp("beforehand") / "kubeconfig"
    # A network of its own, since kind never removes the one that it shares by default.
    variables = {**os.environ, **environment(checkout), "KIND_EXPERIMENTAL_DOCKER_NETWORK": NAME}
    config = json.dumps({"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", **tools.kind_config})

    def kind(*arguments: str, stdin: str = "") -> None:
        subprocess.run(["kind", *arguments, "--name", NAME], env=variables, input=stdin, text=True, check=True)

    try:
        image, where = tools.images["node"], str(kubeconfig)
        kind(
            "create",
            "cluster",
            "--image",
            image,
            "--config",
            "/dev/stdin",
            "--kubeconfig",
            where,
            stdin=config,
        )
        if tools.local_images:
            kind("load", "docker-image", *tools.local_images)
        yield kubeconfig
    finally:
        kind("delete", "cluster")
        subprocess.run(["docker", "network", "rm", NAME], check=True, capture_output=True)


@pytest.fixture(scope="module")
def own_ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Certificate and key of a CA as a company has one."""
    folder = tmp_path_factory.mktemp("ca")
    openssl = (
        "openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj /O=Example/CN=company -keyout key -out certificate"
    )
    extensions = [
        "-addext",
        "basicConstraints=critical,CA:true",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    ]
    subprocess.run([*openssl.split(), *extensions], cwd=folder, check=True, capture_output=True)
    return (folder / "certificate").read_text(), (folder / "key").read_text()


@pytest.fixture(scope="module")
def existing(
    checkout: Path, beforehand: Path, own_ca: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    """The mesh on that cluster, signed by that CA."""
    address = subprocess.run(
        ["docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", NODE],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    cluster: dict[str, Any] = {
        "network": "network1",
        "existing": {
            "context": f"kind-{NAME}",
            "kubeconfig": str(beforehand),
            "gateway": {"serviceType": "ClusterIP", "externalIPs": [address]},
        },
    }
    config = {"vm-mesh:clusters": {"elsewhere": cluster}, "vm-mesh:stages": {}}
    (checkout / "Pulumi.existing.yaml").write_text(yaml.safe_dump({"config": config}))
    stack = Environment(checkout, "existing", tmp_path_factory.mktemp("kubeconfigs"))
    certificate, key = own_ca
    stack.run("pulumi", "stack", "select", "--create", "existing")
    stack.pulumi("config", "set", "caCertificate", stdin=certificate)
    stack.pulumi("config", "set", "--secret", "caKey", stdin=key)
    try:
        stack.up()
        yield stack
    finally:
        stack.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive", "--remove")


def test_the_application_is_served_there(existing: Environment) -> None:
    url = existing.outputs["urls"]["elsewhere"]

    def served() -> None:
        assert httpx.get(f"{url}/productpage", timeout=20).status_code == 200

    eventually(served)


def test_the_mesh_is_signed_by_the_company(existing: Environment, own_ca: tuple[str, str]) -> None:
    root = existing.kubectl(
        "elsewhere", "get", "configmap", "istio-ca-root-cert", "-o", "jsonpath={.data.root-cert\\.pem}"
    )
    assert root.strip() == own_ca[0].strip()


def test_another_run_changes_nothing(existing: Environment) -> None:
    assert existing.changes() == []


def test_another_kubeconfig_is_taken_over_in_place(existing: Environment, beforehand: Path) -> None:
    """As when its certificate was renewed: nothing in the cluster is made anew."""
    document = yaml.safe_load(beforehand.read_text())
    document["users"][0]["name"] = document["contexts"][0]["context"]["user"] = "renewed"
    beforehand.write_text(yaml.safe_dump(document))
    changes = existing.changes()
    assert ("update", "command:local:Command") in changes
    assert {operation for operation, _ in changes} == {"update"}
    existing.up()
    existing.forget_outputs()
    assert "renewed" in existing.outputs["kubeconfigs"]["elsewhere"]
    assert existing.changes() == []


def test_it_is_left_as_it_was(existing: Environment) -> None:
    kubectl = existing.kubectl_command("elsewhere", "get", "namespace", "-o", "name")
    existing.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive")
    left = existing.run(*kubectl).split()
    assert "namespace/istio-system" not in left
    assert "namespace/default" in left
    assert "istio-injection" not in existing.run(
        *existing.kubectl_command("elsewhere", "get", "namespace", "default", "-o", "yaml")
    )
