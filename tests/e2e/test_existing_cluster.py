"""A cluster that was there before: the program takes it as it is, and leaves it as it was."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import STACK, copy_of_checkout
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import new_ids, send
from toolchain import artifacts
from toolchain.environment import environment

pytestmark = pytest.mark.e2e

NAME = f"vm-mesh-{STACK}-beforehand"
NODE = f"{NAME}-control-plane"
BEFOREHAND = f"{STACK}-beforehand"
GATEWAYS = {"istio-eastwestgateway": (15012, 15443), "istio-ingressgateway": (80,)}


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
    """The mesh on that cluster, signed by that CA, with a VM beside it; its load balancers are up to ``balanced``."""
    config = {
        "vm-mesh:clusters": {
            "elsewhere": {
                "network": "network1",
                "existing": {
                    "context": f"kind-{NAME}",
                    "kubeconfig": str(beforehand),
                    "gateway": {"annotations": {"example.com/internal": "true"}},
                },
            }
        },
        "vm-mesh:dockerNetwork": NAME,
        "vm-mesh:vms": {
            "vm1": {
                "cluster": "elsewhere",
                "services": {"details": {"port": 9080, "command": "/usr/local/bin/details"}},
                "probe": {"http": {"path": "/health", "port": 9080}},
            }
        },
        "vm-mesh:routes": {"details": {"stages": {"vm-only": {"vm1": 100}}}},
        "vm-mesh:stages": {"details": "vm-only"},
    }
    (checkout / f"Pulumi.{BEFOREHAND}.yaml").write_text(yaml.safe_dump({"config": config}))
    stack = Environment(checkout, BEFOREHAND, tmp_path_factory.mktemp("kubeconfigs"))
    certificate, key = own_ca
    stack.run("pulumi", "stack", "select", "--create", BEFOREHAND)
    stack.pulumi("config", "set", "caCertificate", stdin=certificate)
    stack.pulumi("config", "set", "--secret", "caKey", stdin=key)
    try:
        with balanced(stack, beforehand, {"ip": address()}):
            stack.up()
        yield stack
    finally:
        stack.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive", "--remove")


def address() -> str:
    path = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    command = ["docker", "inspect", "-f", path, NODE]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def balanced(stack: Environment, kubeconfig: Path, ingress: dict[str, str]) -> Generator[None]:
    """Gives the gateways what a cloud would have given them, as soon as they are there, while the block runs."""
    stop = threading.Event()
    kubectl = ["kubectl", "--kubeconfig", str(kubeconfig), "--namespace", "istio-system"]
    status = json.dumps({"status": {"loadBalancer": {"ingress": [ingress]}}})

    def patch() -> None:
        waiting = set(GATEWAYS)
        while waiting and not stop.wait(0.5):
            for name in sorted(waiting):
                command = [
                    *kubectl,
                    "patch",
                    "service",
                    name,
                    "--subresource=status",
                    "--type=merge",
                    f"--patch={status}",
                ]
                if subprocess.run(command, env=stack.variables, capture_output=True, check=False).returncode == 0:
                    waiting.remove(name)

    cloud = threading.Thread(target=patch)
    cloud.start()
    try:
        yield
    finally:
        stop.set()
        cloud.join()


def served(url: str) -> None:
    """The page is there, and the VM has answered for its part of it."""

    def check() -> None:
        assert send(url, new_ids(20)) == {"200": 20}

    eventually(check, seconds=60)


def test_the_application_is_served_there_at_an_address(existing: Environment) -> None:
    url = existing.outputs["urls"]["elsewhere"]
    assert url == f"http://{address()}"
    served(url)


def test_the_mesh_is_signed_by_the_company(existing: Environment, own_ca: tuple[str, str]) -> None:
    root = existing.kubectl(
        "elsewhere", "get", "configmap", "istio-ca-root-cert", "-o", "jsonpath={.data.root-cert\\.pem}"
    )
    assert root.strip() == own_ca[0].strip()


def test_another_run_changes_nothing(existing: Environment) -> None:
    assert existing.changes() == []


def test_a_load_balancer_may_have_a_hostname(existing: Environment, beforehand: Path) -> None:
    """As on EKS: istiod resolves it for callers of other networks, and the VM for itself."""
    with balanced(existing, beforehand, {"hostname": NODE}):
        take_what_the_balancer_would(existing)
        with existing.edited() as config:
            config["vm-mesh:clusters"]["elsewhere"]["existing"]["gateway"] = {}
        existing.up()
    outputs = json.loads(existing.pulumi("stack", "output", "--json"))
    assert outputs["urls"] == {"elsewhere": f"http://{NODE}"}
    served(f"http://{address()}")
    assert existing.on_vm(f"grep -rl {NODE} /etc/istio /var/lib/istio /etc/hosts")

    def called() -> None:
        url = "http://reviews.default.svc.cluster.local:9080/reviews/0"
        assert existing.on_vm(f"curl -s -o /dev/null -w '%{{http_code}}' {url}") == "200"
        endpoints = existing.on_vm("curl -s 127.0.0.1:15000/clusters | grep -o 'reviews.default.*:15443::'")
        assert f"::{address()}:15443::" in endpoints

    eventually(called, seconds=90)
    assert existing.changes() == []


def take_what_the_balancer_would(stack: Environment) -> None:
    """A hostname tells the node nothing: it takes the gateways' ports by Services of their own."""
    services = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"cloud-{name}", "namespace": "istio-system"},
            "spec": {
                "selector": {"istio": name.removeprefix("istio-")},
                "externalIPs": [address()],
                "ports": [{"name": f"port-{port}", "port": port} for port in ports],
            },
        }
        for name, ports in GATEWAYS.items()
    ]
    manifest = stack.kubeconfigs / "cloud.json"
    manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": services}))
    stack.kubectl("elsewhere", "apply", "-f", str(manifest))


def test_it_is_left_as_it_was(existing: Environment) -> None:
    kubectl = existing.kubectl_command("elsewhere", "get", "namespace,customresourcedefinition", "-o", "name")
    existing.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive")
    left = existing.run(*kubectl).split()
    assert "namespace/istio-system" not in left
    assert "namespace/default" in left
    # Istio's chart keeps them, and docs/own-clusters.md says so.
    assert all(name.endswith(".istio.io") for name in left if "customresourcedefinition" in name)
    assert "istio-injection" not in existing.run(
        *existing.kubectl_command("elsewhere", "get", "namespace", "default", "-o", "yaml")
    )
