"""Extensions of the proxies: WebAssembly modules that act on the calls that a workload takes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from settings.model import Model
from settings.values import Module, Name, Sha256


class WorkloadSettings(Model):
    """Whose calls: those that pods of services take, and those that VMs take. What is left out has none."""

    services: tuple[Name, ...] | None = Field(default=None, min_length=1)
    """Services of the application."""
    vms: tuple[Name, ...] | None = Field(default=None, min_length=1)


class ExtensionSettings(Model):
    """A module, and the proxies that run it."""

    module: Module
    """An image with its digest, a URL at which every proxy's agent can fetch it, or a file where Pulumi runs."""
    sha256: Sha256 | None = None
    """Sum of the module; of an image its digest is that."""
    phase: Literal["authn", "authz", "stats", "unspecified"] = "unspecified"
    """Before which of Istio's own filters it acts; default: after all of them."""
    config: dict[str, JsonValue] = {}
    """What the module is configured with."""
    workloads: WorkloadSettings | None = None
    """Default: every service and every VM."""
    clusters: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Clusters whose proxies run it, those of the VMs that have joined them among them; default: all."""

    @property
    def file(self) -> str | None:
        """The path of the module, if it is a file."""
        return None if "://" in self.module else self.module

    def runs_in(self, cluster: str) -> bool:
        """Whether proxies of ``cluster`` run it."""
        return self.clusters is None or cluster in self.clusters

    def is_for_service(self, name: str) -> bool:
        """Whether the pods of a service run it, in a cluster whose proxies do."""
        return self.workloads is None or name in (self.workloads.services or ())

    def is_for_vm(self, name: str) -> bool:
        """Whether a VM runs it, if it has joined a cluster whose proxies do."""
        return self.workloads is None or name in (self.workloads.vms or ())
