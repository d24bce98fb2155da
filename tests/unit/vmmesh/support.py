"""A config to test with, and the engine's events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pulumi.automation import EngineEvent

from settings import RuleSettings, Settings
from vmmesh.routes import Route, route_of
from vmmesh.stackfile import load

CONFIG = """\
# The team's own remarks.

config:
  vm-mesh:stages:      # the lines to edit
    details:   canary  # where it is

  vm-mesh:routes:
      details:
        callers: { namespaces: [default],   clusters: [cluster1, cluster2] }
        probePath: '/api/v1/products/0'
        stages: {vm-only: {vm1: 100}, canary: {vm1: 75, cluster1: 25}, all: {cluster1: 100}, "on": {vm1: 100}}
  vm-mesh:clusters:
    cluster1: {network: network1, kind: {ingressPort: 8081}}
    cluster2: {network: network2, kind: {ingressPort: 8082}}
  vm-mesh:vms:
    vm1:
      cluster: cluster1
      services: {details: {port: 9080, command: /usr/local/bin/details}}
      probe: {http: {port: 9080}}
"""
VM = "outbound|9080||details-vm1.virtual-machines.svc.cluster.local"
CLUSTER1 = "outbound|9080|cluster1|details.default.svc.cluster.local"
CLUSTER2 = "outbound|9080|cluster2|details.default.svc.cluster.local"


def settings() -> Settings:
    return load(CONFIG, "Pulumi.test.yaml")


def details() -> Route:
    return route_of(settings(), "details")


def ruled(percents: dict[str, int] | None = None, **rule: Any) -> Route:
    """The route with a rule, and with these percents in place of its stage's."""
    made = RuleSettings.model_validate(rule, by_alias=True, by_name=False)
    return replace(
        details(),
        rule=made,
        percents={**dict.fromkeys(details().percents, 0), **percents} if percents else details().percents,
    )


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::vm-mesh::vm-mesh:index:Parent${kind}::{name}"


def step(
    event: str,
    operation: str,
    kind: str,
    name: str,
    *,
    old: Any = None,
    new: Any = None,
    diff: Any = None,
    provider: str = "",
) -> EngineEvent:
    """An event about a resource, as the CLI sends it."""
    metadata = {
        "op": operation,
        "urn": urn(kind, name),
        "type": kind,
        "provider": provider,
        "old": {"inputs": old} if old else None,
        "new": {"inputs": new} if new else None,
        "detailedDiff": {path: {"diffKind": "update"} for path in diff or ()},
    }
    return event_of({"sequence": 1, "timestamp": 1, event: {"metadata": metadata}})


def said(message: str, severity: str = "error", about: str = "") -> EngineEvent:
    """An event in which the engine says something, about a resource or in general."""
    diagnostic = {"message": message, "severity": severity, "urn": about, "color": "never"}
    return event_of({"sequence": 1, "timestamp": 1, "diagnosticEvent": diagnostic})


def state_with(*clusters: str) -> dict[str, Any]:
    """The state of a stack that has these clusters; each one's kubeconfig is its name."""
    kind = "pulumi:providers:kubernetes"
    return {
        "resources": [
            {"type": kind, "urn": urn(kind, f"{name}-kubernetes"), "id": name, "inputs": {"kubeconfig": name}}
            for name in clusters
        ]
    }


def event_of(document: dict[str, Any]) -> EngineEvent:
    """An event as the CLI sends it."""
    return EngineEvent.from_json(document)  # pyright: ignore[reportUnknownMemberType]


class Programs:
    """Makes programs in a folder. Each writes down how it is called before it does what it is made for."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log
        log.touch()

    def make(self, name: str, does: str = "") -> None:
        """Makes a program that runs the shell commands ``does``."""
        file = self._folder / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self._log}"\n{does}\n')
        file.chmod(0o755)

    def link(self, name: str, program: str) -> None:
        """Makes another program run under a name."""
        (self._folder / name).symlink_to(program)

    def read(self, name: str) -> str:
        """A file that a program has left beside itself."""
        return (self._folder / name).read_text()

    def write(self, name: str, text: str) -> None:
        """Puts a file beside the programs."""
        (self._folder / name).write_text(text)

    def remove(self, name: str) -> None:
        """Removes such a file."""
        (self._folder / name).unlink()

    @property
    def calls(self) -> list[str]:
        """The command lines so far."""
        return self._log.read_text().splitlines()
