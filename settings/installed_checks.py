"""What a config must be that adds to a mesh which another stack has made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from settings.entries import object_in, objects_in, value_of
from settings.mesh import MeshSettings
from settings.mistakes import Mistake

_MODE = "mesh.installed"
_OF_THE_OTHER = ("roots", "caTrusted", "caCertificate", "caKey", "management")


def mistakes_in_installed(config: Mapping[str, Any]) -> Iterator[Mistake]:
    """What belongs to the stack that has made the mesh, and what this one has to be told of it.

    As in :class:`settings.checks.CrossChecks`.
    """
    mesh = object_in(config.get("mesh"))
    if mesh.get("installed") is not True:
        return
    for key in _OF_THE_OTHER:
        if config.get(key) not in (None, "", [], {}):
            yield (key,), f"belongs to the stack that has made the mesh, and not to one with {_MODE}; remove it"
    if value_of(mesh, "discovery", MeshSettings) == "serviceEntries":
        yield (
            ("mesh", "discovery"),
            f"must be remoteSecrets with {_MODE}: the gateways of the other stack would not know this one's VMs",
        )
    for name, cluster in objects_in(object_in(config.get("clusters"))).items():
        existing = object_in(cluster.get("existing"))
        gateway = object_in(existing.get("gateway"))
        if "existing" not in cluster:
            yield ("clusters", name, "existing"), f"is missing; with {_MODE} every cluster is there already"
        elif "address" not in gateway and gateway.get("externalIPs", []) == []:
            yield (
                ("clusters", name, "existing", "gateway", "address"),
                f"is missing; with {_MODE} the gateway is not this stack's (output `gateways` of the other one)",
            )
    for name, extension in objects_in(config.get("extensions")).items():
        module = extension.get("module")
        for_pods = "workloads" not in extension or "services" in object_in(extension["workloads"])
        if for_pods and isinstance(module, str) and "://" not in module:
            yield (
                ("extensions", name, "module"),
                f"must be an image or a URL with {_MODE}, but for VMs alone: what serves files to pods is there once "
                "in a cluster, and may be another stack's",
            )
