"""The operator's machine, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from settings import PROJECT, Settings
from toolchain import artifacts
from toolchain.artifacts import Artifacts, ArtifactsMissing
from vmmesh.kubectl import Unreachable, run


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The machine, as the stack ``name`` of the checkout at ``root`` needs it."""

    root: Path
    name: str
    settings: Settings

    @cached_property
    def engine(self) -> Mapping[str, Any] | None:
        """What the container engine says of itself; None: it does not answer."""
        try:
            found = json.loads(run(["docker", "info", "--format={{json .}}"]))
        except (Unreachable, ValueError):
            return None
        return found if found.get("ServerVersion") else None

    @cached_property
    def kinds(self) -> dict[str, int | None]:
        """The node's container of each cluster that kind makes -> its port of 127.0.0.1."""
        return {
            f"{PROJECT}-{self.name}-{name}-control-plane": cluster.kind.ingress_port if cluster.kind else None
            for name, cluster in self.settings.clusters.items()
            if not cluster.existing
        }

    @cached_property
    def containers(self) -> dict[str, str]:
        """Containers that run -> the ports that they publish, and whether they are nodes of kind."""
        if not self.engine:
            return {}
        lines = run(
            ["docker", "ps", '--format={{.Names}}\t{{.Ports}}\t{{.Label "io.x-k8s.kind.cluster"}}']
        ).splitlines()
        return {name: rest for name, _, rest in (line.partition("\t") for line in lines)}

    @property
    def tools(self) -> Artifacts | None:
        """What the toolchain has made ready; None: nothing yet."""
        try:
            return artifacts.load(self.root)
        except ArtifactsMissing:
            return None
