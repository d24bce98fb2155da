"""Who calls whom for the data path: pods and a machine, each in the mesh and past it."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment as Templates
from jinja2 import StrictUndefined

from bench.watching import wait_until
from settings import PROJECT
from tests.e2e.environment import Environment
from tests.e2e.hosts import docker
from toolchain import artifacts
from toolchain.recipes import fortio

CLUSTER, VM = "cluster1", "vm1"
_OBJECTS = ("bench-meshed", "bench-plain")
_PATH = "/details/0"
# A second process of the program that serves in the mesh, on a port that the sidecar leaves alone.
_PLAIN_PORT = 9090
_BESIDE = f"echo $$ >/run/bench-details; exec /usr/local/bin/details {_PLAIN_PORT}"


@dataclass(frozen=True, kw_only=True)
class Way:
    """A caller, as the command line that runs a program there, and what it calls."""

    caller: Sequence[str]
    url: str


Ways = Mapping[str, tuple[Way, Way]]
"""By name, the way through the mesh and the one past it."""


@contextmanager
def ways(environment: Environment, program: Path, folder: Path) -> Generator[Ways]:
    """What the talk's mesh has of ways, for the time of a block. Its VM is a container, its clusters are of kind."""
    machine = environment.outputs["transports"][VM].split()[-1]
    node = f"{PROJECT}-{environment.stack}-{CLUSTER}-control-plane"
    with ExitStack() as stack:
        stack.callback(_remove, environment)
        _put(environment, folder)
        stack.callback(docker, "exec", machine, "sh", "-c", "kill $(cat /run/bench-details); rm /usr/local/bin/fortio")
        docker("cp", str(program), f"{machine}:/usr/local/bin/fortio")
        docker("exec", "--detach", machine, "sh", "-c", _BESIDE)
        yield _ways(environment, machine, node)


def _ways(environment: Environment, machine: str, node: str) -> Ways:
    meshed, plain = (
        environment.kubectl_command(CLUSTER, "exec", f"deployment/{name}", "--container=load", "--")
        for name in _OBJECTS
    )
    meshed, plain = ([word for word in command if "timeout" not in word] for command in (meshed, plain))
    port = environment.kubectl(CLUSTER, "get", "service/bench-plain-server", "-o=jsonpath={.spec.ports[0].nodePort}")
    found = {
        "pod to pod": (
            Way(caller=meshed, url=_url("bench-meshed-server.default.svc.cluster.local")),
            Way(caller=plain, url=_url("bench-plain-server.default.svc.cluster.local")),
        ),
        "pod to VM": (
            Way(caller=meshed, url=_url(f"details-{VM}.virtual-machines.svc.cluster.local")),
            Way(caller=plain, url=_url(_address(machine), _PLAIN_PORT)),
        ),
        "VM to pod, through the gateway": (
            Way(
                caller=["docker", "exec", machine],
                url=_url("bench-meshed-server.default.svc.cluster.local"),
            ),
            # The agent's own user is the one whose calls the sidecar leaves alone.
            Way(
                caller=["docker", "exec", "--user=istio-proxy", machine],
                url=_url(_address(node), int(port)),
            ),
        ),
    }
    for pair in found.values():
        for way in pair:
            wait_until(lambda way=way: _answers(way), 0.5)
    return found


def _url(host: str, port: int = 9080) -> str:
    return f"http://{host}:{port}{_PATH}"


def _address(container: str) -> str:
    return docker("inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container)


def _answers(way: Way) -> bool:
    command = [*way.caller, "fortio", "curl", "-loglevel", "Error", way.url]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _put(environment: Environment, folder: Path) -> None:
    kind = f"{PROJECT}-{environment.stack}-{CLUSTER}"
    environment.run("kind", "load", "docker-image", "--name", kind, fortio.IMAGE.reference)
    template = Templates(undefined=StrictUndefined, autoescape=False).from_string(  # noqa: S701 # no HTML
        Path(__file__).with_name("data_path.yaml.j2").read_text()
    )
    details = artifacts.load(environment.root).images["details-v1"]
    file = folder / "data_path.yaml"
    file.write_text(template.render(fortio=fortio.IMAGE.reference, details=details))
    # A namespace whose pods are in the mesh, whichever revision is its own.
    environment.kubectl(CLUSTER, "apply", "--namespace=default", "--filename", str(file))
    for name in _OBJECTS:
        for deployment in (name, f"{name}-server"):
            words = ("rollout", "status", f"deployment/{deployment}", "--timeout=120s")
            environment.kubectl(CLUSTER, *words, "--request-timeout=0")


def _remove(environment: Environment) -> None:
    kinds = [f"deployment/{name}{role}" for name in _OBJECTS for role in ("", "-server")]
    kinds += [f"service/{name}-server" for name in _OBJECTS]
    environment.kubectl(CLUSTER, "delete", *kinds, "--namespace=default", "--ignore-not-found")
