"""The VM as a member of the mesh: it counts while it is healthy, and joining again does no harm."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import STACK
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = pytest.mark.e2e


def test_nothing_of_the_sidecar_is_in_the_image(running: Environment) -> None:
    """What runs on the VM was installed from the package by the bootstrap."""
    container = running.outputs["transports"]["vm1"].split()[-1]
    changed = running.on_vm("dpkg --status istio-sidecar | grep ^Status")
    assert "install ok installed" in changed
    image = running.run("docker", "inspect", "-f", "{{.Image}}", container).strip()
    in_image = running.run(
        "docker",
        "run",
        "--rm",
        "--entrypoint",
        "sh",
        image,
        "-c",
        "ls /usr/local/bin /etc; id istio-proxy; :",
    )
    for unwanted in ("pilot-agent", "envoy", "istio"):
        assert unwanted not in in_image


def test_the_vm_counts_only_while_it_is_healthy(running: Environment) -> None:
    """Its entry leaves the endpoints when the service stops, and comes back by itself when it runs again."""
    url = running.outputs["urls"]["cluster1"]
    running.on_vm("sv stop details")

    def gone() -> None:
        assert endpoints_of_the_vm(running) == []

    eventually(gone)
    assert health(running) == "False"
    running.on_vm("sv start details")

    def back() -> None:
        assert health(running) == "True"
        assert len(endpoints_of_the_vm(running)) == 1
        assert send(url, new_ids(5)) == {"200": 5}

    eventually(back)


def endpoints_of_the_vm(environment: Environment) -> list[str]:
    """Endpoints of the VM's service that the caller's proxy has."""
    pod = environment.pod("cluster1", "app=productpage")
    clusters = environment.kubectl(
        "cluster1", "exec", pod, "-c", "istio-proxy", "--", "pilot-agent", "request", "GET", "clusters"
    )
    prefix = "outbound|9080||details-vm1.virtual-machines.svc.cluster.local"
    return [line for line in clusters.splitlines() if line.startswith(prefix) and "::cx_active::" in line]


def health(environment: Environment) -> str:
    path = "jsonpath={.items[*].status.conditions[?(@.type=='Healthy')].status}"
    return environment.kubectl("cluster1", "-n", "virtual-machines", "get", "workloadentries", "-o", path)


def test_joining_again_disturbs_nothing(running: Environment) -> None:
    """Every step of the bootstrap run once more: the agent that runs goes on running, and no request is lost."""
    agent = running.on_vm("pgrep -x pilot-agent")
    with Stream(running.outputs["urls"]["cluster1"], rate=60) as stream:
        running.pulumi(
            "up", "--yes", "--skip-preview", "--non-interactive", *replace("sidecar", "join", "serve-details")
        )
    assert set(stream.results) == {"200"}
    assert running.on_vm("pgrep -x pilot-agent") == agent


def test_a_join_that_was_killed_before_the_restart_is_made_good(running: Environment) -> None:
    """New files and an old agent: the next run starts the agent again, although the files are as they should be."""
    before = running.on_vm("pgrep -x pilot-agent")
    running.on_vm("echo another >>/var/lib/vm-mesh/started-istio")
    running.pulumi("up", "--yes", "--skip-preview", "--non-interactive", *replace("join"))

    def restarted() -> None:
        assert running.on_vm("pgrep -x pilot-agent") != before
        assert send(running.outputs["urls"]["cluster1"], new_ids(5)) == {"200": 5}

    eventually(restarted)


def test_a_bootstrap_that_failed_half_way_goes_on(running: Environment) -> None:
    """A package half installed, an agent that is down and files that are gone: the next run mends them."""
    running.on_vm("sv stop istio; rm -rf /etc/certs /var/lib/istio/envoy/cluster.env /etc/sv/istio/run")
    running.on_vm("dpkg --force-all --purge istio-sidecar >/dev/null; dpkg --unpack --force-all /dev/null || true")
    running.pulumi("up", "--yes", "--skip-preview", "--non-interactive", *replace("sidecar", "join"))

    def serves() -> None:
        assert send(running.outputs["urls"]["cluster1"], new_ids(5)) == {"200": 5}

    eventually(serves)


def replace(*steps: str) -> list[str]:
    """Arguments by which Pulumi runs steps of the bootstrap again."""
    urn = f"urn:pulumi:{STACK}::vm-mesh::vm-mesh:index:Onboarding$command:local:Command::vm1-{{}}"
    return [word for step in steps for word in ("--replace", urn.format(step))]


def test_the_vm_comes_back_after_a_reboot(running: Environment) -> None:
    """Its init starts the service and the agent, which has its certificate still and asks for no token."""
    container = running.outputs["transports"]["vm1"].split()[-1]
    running.run("docker", "restart", container)

    def serves() -> None:
        assert send(running.outputs["urls"]["cluster1"], new_ids(5)) == {"200": 5}

    eventually(serves, seconds=60)


def test_the_vm_resolves_names_of_the_mesh_and_of_the_world(running: Environment) -> None:
    running.on_vm("getent hosts productpage.default.svc.cluster.local")
    source = running.on_vm(
        "sed -nE 's#^(URIs: *|deb +(\\[[^]]*\\] +)?)https?://([^/ ]+).*#\\3#p' /etc/apt/sources.list | head -n 1"
    )
    running.on_vm(f"getent hosts {source.strip()}")
