"""Machines with systemd and sshd, as an operator has them: containers on the environment's network."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.environment import Environment, eventually
from toolchain import artifacts

FOLDER = Path(__file__).parent / "machine"
TOKEN = "/run/secrets/tokens/istio-token"  # where an agent looks for it


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Output of the Docker CLI."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@dataclass(frozen=True, kw_only=True)
class Host:
    """A machine that runs: its container, and the private key that opens it."""

    name: str
    container: str
    identity: Path

    def run(self, command: str) -> str:
        """Output of a shell command, run as root on its console: not by SSH, and whatever its sidecar does."""
        return docker("exec", self.container, "sh", "-c", command)

    @property
    def address(self) -> str:
        return docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.container)

    @property
    def key(self) -> str:
        """The public host key, as its console shows it."""
        return " ".join(self.run("cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])

    @property
    def world(self) -> str:
        """A name that is not the mesh's: that of the machine's own package source."""
        source = r"sed -nE 's#^(URIs: *|deb +(\[[^]]*\] +)?)https?://([^/ ]+).*#\3#p' /etc/apt/sources.list | head -n 1"
        return self.run(source)

    def settings(self, jump: Host | None = None) -> dict[str, Any]:
        """The host as the config has it."""
        found: dict[str, Any] = {
            "address": self.address,
            "user": "admin",
            "hostKey": self.key,
            "identityFile": str(self.identity),
        }
        if jump:
            found["jump"] = {"address": jump.address, "user": "admin", "hostKey": jump.key}
        return found


@contextmanager
def hosts(environment: Environment, folder: Path, *names: str) -> Generator[list[Host]]:
    """Machines of these names, which nothing has prepared but for the key of their administrator."""
    image = f"localhost/vm-mesh-{environment.stack}/machine"
    vm = artifacts.load(environment.root).images["vm"]
    docker("build", "--quiet", "--tag", image, "--build-arg", f"VM={vm}", str(FOLDER))
    identity = folder / "identity"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", identity], check=True)
    found = [Host(name=name, container=f"vm-mesh-{environment.stack}-{name}", identity=identity) for name in names]
    try:
        for host in found:
            _start(host, image, f"vm-mesh-{environment.stack}", identity.with_suffix(".pub").read_text())
        yield found
    finally:
        subprocess.run(
            ["docker", "rm", "--force", *(host.container for host in found)], capture_output=True, check=True
        )
        docker("rmi", image)


def _start(host: Host, image: str, network: str, key: str) -> None:
    # A private cgroup namespace, and systemd told that it is in a container: else it mounts every hierarchy of cgroups
    # that the kernel has, and the kubelets of kind's nodes no longer start.
    options = ["--privileged", "--cgroupns=private", "--env=container=docker"]
    options += ["--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec"]
    docker(
        "run",
        "--detach",
        f"--name={host.container}",
        f"--hostname={host.name}",
        f"--network={network}",
        *options,
        image,
    )

    def booted() -> None:
        done = subprocess.run(
            ["docker", "exec", host.container, "systemctl", "is-active", "ssh", "details"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == ["active", "active"], done

    eventually(booted)
    folder = "install -d -o admin -g admin -m 700 /home/admin/.ssh"
    file = "install -o admin -g admin -m 600 /dev/stdin /home/admin/.ssh/authorized_keys"
    docker("exec", "-i", host.container, "sh", "-c", f"{folder} && {file}", stdin=key)
