"""Where a command works: which stack of which checkout, in which environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.environment import environment
from toolchain.places import cache_root
from vmmesh.stackfile import StackFile

ROOT = Path(__file__).resolve().parent.parent
"""The checkout that this is a part of."""

Environment = Callable[[Path], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A stack of the checkout at ``root``."""

    root: Path
    name: str
    environment: Environment = environment

    @property
    def file(self) -> StackFile:
        """The stack's config."""
        return StackFile(self.root, self.name)

    def enter(self) -> None:
        """Sets the environment of all programs that are run from now on. Raises ArtifactsMissing."""
        os.environ.update(self.environment(self.root))
        # What kubectl and Helm keep of a cluster's API would stay in the home folder for ever.
        os.environ.setdefault("KUBECACHEDIR", str(cache_root() / "kubernetes"))
