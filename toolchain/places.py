"""Where things lie: the cache, shared by all checkouts of this machine, and the state of one checkout."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


def cache_root() -> Path:
    """The folder of everything that can be made again, outside the checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("VM_MESH_CACHE") or Path(base, "vm-mesh")).absolute()


def pulumi_home() -> Path:
    """PULUMI_HOME of this project, not the user's: other projects must never find a stand-in for a plugin."""
    return cache_root() / "pulumi"


@dataclass(frozen=True)
class Checkout:
    """A checkout and what is kept in its ignored ``.state`` folder."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / ".state"

    @property
    def artifacts(self) -> Path:
        """What the last ``ensure`` found or made (:mod:`toolchain.artifacts`)."""
        return self.state / "artifacts.json"

    @property
    def bin(self) -> Path:
        """Links to the tools that are not the machine's own, to be put first on PATH."""
        return self.state / "bin"

    @property
    def commands(self) -> Path:
        """The folder of ``vmmesh``."""
        return self.root / "bin"

    @property
    def charts(self) -> Path:
        """Istio's charts ``base``, ``istiod`` and ``gateway``."""
        return self.state / "charts"

    @property
    def sidecar_package(self) -> Path:
        """The Debian package of Istio's sidecar for virtual machines."""
        return self.state / "istio-sidecar.deb"

    @property
    def images(self) -> Path:
        """Archive of the images that nodes cannot pull; there is none if they can pull all."""
        return self.state / "images.tar"

    def archive(self, image: str) -> Path:
        """Archive of an image that only some stacks need, where nodes cannot pull it."""
        return self.state / f"{image}.tar"

    @property
    def logs(self) -> Path:
        """One log file a step."""
        return self.state / "logs"

    @property
    def backend(self) -> Path:
        """Pulumi's state, where no other backend is chosen."""
        return self.state / "pulumi"

    @property
    def logins(self) -> Path:
        """Where ``pulumi login`` keeps which backend is chosen, and what opens it (PULUMI_CREDENTIALS_PATH)."""
        return self.state / "logins"

    @property
    def passphrase(self) -> Path:
        """The passphrase of the stacks' secrets, readable by its owner only."""
        return self.state / "passphrase"
