"""A running environment, and the ways in which tests look at it and change it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from toolchain.environment import environment
from vmmesh.stackfile import OCTAL

ROOT = Path(__file__).parents[2]
_BEHIND = ["sh", "-c", 'echo 19 2>/dev/null >/proc/self/autogroup; exec nice "$@"', "sh"]


class _Dumper(yaml.SafeDumper):
    """Puts a text in quotes that Pulumi would take for a number."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", OCTAL, ["0"])  # pyright: ignore[reportUnknownMemberType]


@dataclass(frozen=True)
class Environment:
    """A stack of a copy of the checkout, worked on by the commands that its users have."""

    root: Path
    stack: str
    kubeconfigs: Path
    """Folder in which the kubeconfigs of the clusters are kept."""

    def make(self, target: str, *variables: str) -> str:
        """Run a make target of the stack. Raises CalledProcessError, with what it printed, if it fails."""
        program = ["make", "--no-print-directory", target, f"STACK={self.stack}", *variables]
        return self._run(program, os.environ, behind=True)

    def vmmesh(self, command: str, *arguments: str) -> str:
        """Run a command of vmmesh. Raises CalledProcessError, with what it printed, if it fails."""
        return self._run([sys.executable, "-m", "vmmesh", command, "--stack", self.stack, *arguments], os.environ)

    def pulumi(self, *arguments: str, stdin: str | None = None) -> str:
        """Run the Pulumi CLI on the stack, as a user does by hand."""
        return self._run(["pulumi", *arguments, "--stack", self.stack], self.variables, stdin, behind=True)

    def kubectl(self, cluster: str, *arguments: str) -> str:
        """Run kubectl in a cluster."""
        return self.run(*self.kubectl_command(cluster, *arguments))

    def kubectl_command(self, cluster: str, *arguments: str) -> list[str]:
        """kubectl in a cluster, to be run in the environment of ``variables``."""
        return [
            "kubectl",
            "--kubeconfig",
            str(self.kubeconfig(cluster)),
            "--request-timeout=60s",
            *arguments,
        ]

    def on_vm(self, command: str, vm: str = "vm1") -> str:
        """Run a shell command on a VM as root."""
        return self.run(*self.outputs["transports"][vm].split(), "sh", "-c", command)

    def pod(self, cluster: str, selector: str, namespace: str = "default") -> str:
        """Name of the one pod that the selector finds."""
        found = self.kubectl(cluster, "get", "pod", "-n", namespace, "-l", selector, "-o", "name").split()
        assert len(found) == 1, f"{selector} in {cluster}: {found}"
        return found[0]

    def changes(self) -> list[tuple[str, str]]:
        """What a preview would do: operation and type of every resource that it would not leave as it is."""
        steps: list[dict[str, Any]] = json.loads(self.pulumi("preview", "--json"))["steps"]
        changes = [step for step in steps if step["op"] not in ("same", "read")]
        return sorted((step["op"], step["urn"].split("::")[2].split("$")[-1]) for step in changes)

    def set_stage(self, stage: str, route: str = "details") -> None:
        """Edit the config, as a user does, without applying it."""
        self.pulumi("config", "set", "--path", f"stages.{route}", stage)

    @contextmanager
    def edited(self) -> Generator[dict[str, Any]]:
        """The config, to be changed in the block; not applied."""
        file = self.root / f"Pulumi.{self.stack}.yaml"
        document = yaml.safe_load(file.read_text())
        yield document["config"]
        file.write_text(yaml.dump(document, Dumper=_Dumper, sort_keys=False))

    @contextmanager
    def in_stage(self, stage: str) -> Generator[None]:
        """The route details in a stage for the time of the block, and afterwards in ``vm-only``."""
        self.set_stage(stage)
        self.up()
        try:
            yield
        finally:
            self.set_stage("vm-only")
            self.up()

    def up(self) -> str:
        """Apply the config. Returns what Pulumi has printed."""
        return self.pulumi("up", "--yes", "--skip-preview", "--non-interactive")

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return json.loads(self.pulumi("stack", "output", "--show-secrets", "--json"))

    def forget_outputs(self) -> None:
        """Has the outputs read again, kubeconfigs among them: machines or clusters have come or gone."""
        for cluster in self.__dict__.pop("outputs", {}).get("kubeconfigs", {}):
            (self.kubeconfigs / cluster).unlink(missing_ok=True)

    @cached_property
    def variables(self) -> dict[str, str]:
        """The environment that ``make env`` gives to a shell. A plugin leaves kubeconfigs in TMPDIR."""
        return {**os.environ, **environment(self.root), "TMPDIR": str(self.kubeconfigs)}

    def run(self, *command: str) -> str:
        """Run a command in the environment of the project."""
        return self._run(command, self.variables)

    def kubeconfig(self, cluster: str) -> Path:
        """File with the kubeconfig of a cluster, readable by this user only."""
        path = self.kubeconfigs / cluster
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(self.outputs["kubeconfigs"][cluster])
        return path

    def _run(self, command: Sequence[str], variables: Any, stdin: str | None = None, *, behind: bool = False) -> str:
        done = self.ended(command, variables, stdin, behind=behind)
        if done.returncode:
            print(done.stdout[-8000:], done.stderr[-8000:])
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout

    def ended(
        self, command: Sequence[str], variables: Any, stdin: str | None = None, *, behind: bool
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever that is. ``behind``: the processors are for the mesh first.

        An operator's machine is another one than the mesh's. Where both are the same, and busy, all containers together
        weigh as much as one session of processes (sched(7), autogroup), or as one process where there are no such.
        """
        program = [*_BEHIND, *command] if behind else ["nice", *command]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            program,
            cwd=self.root,
            env=variables,
            stdin=None if stdin is None else pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=behind,
        ) as process:
            try:
                printed, said = process.communicate(stdin)
            except KeyboardInterrupt:
                if behind:  # a terminal interrupts its own session alone
                    os.killpg(process.pid, signal.SIGINT)
                    process.wait()
                raise
        return subprocess.CompletedProcess(command, process.returncode, printed, said)


def copy_of_checkout(target: Path) -> Path:
    """What a clone would hold, with the changes that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [name for name in listed.stdout.split(b"\0") if name and (ROOT / name.decode()).exists()]
    tar = subprocess.run(
        ["tar", "-c", "--null", "-T", "-"], cwd=ROOT, input=b"\0".join(names), capture_output=True, check=True
    )
    subprocess.run(["tar", "-x"], cwd=target, input=tar.stdout, check=True)
    return target


def eventually(check: Callable[[], None], seconds: float = 30) -> None:
    """Repeat ``check`` until it raises no AssertionError; then the last one counts."""
    for attempt in Retrying(
        retry=retry_if_exception_type(AssertionError),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(0.5),
        reraise=True,
    ):
        with attempt:
            check()
