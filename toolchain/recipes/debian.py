"""Root file systems from Debian's packages, for images where no registry can be reached."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain import versions
from toolchain.images import ENGINE, HUB, EngineImage, Pulled
from toolchain.mirror import Mirror
from toolchain.packages import Packages, as_root
from toolchain.recipe import Entry, Work

ROOTFS = Path(__file__).parents[1] / "files" / "rootfs"
ARCHIVE = "root.tar"
BOOTSTRAP = Packages(
    name="debootstrap",
    what="debootstrap from Debian's packages",
    commands={"debootstrap": "debootstrap debian-archive-keyring"},
)


def root_file_system(name: str, packages: Sequence[str]) -> Entry:
    """A minimal Debian with ``packages``, as an archive."""
    suite = versions.of("debian").version

    def fill(work: Work, folder: Path) -> None:
        mirror = mirror_of(suite, Path("/etc/apt"))
        work.run(
            *as_root(work.shop.commands),
            ROOTFS,
            suite,
            ",".join(packages),
            folder / ARCHIVE,
            str(os.getuid()),
            *([mirror] if mirror else []),
        )

    return Entry(
        name=f"{name}-root",
        what=f"a Debian {suite} root file system, from Debian's packages",
        version=suite,
        ingredients=(ROOTFS, *packages),
        fill=fill,
        needs=(BOOTSTRAP,),
    )


def mirror_of(suite: str, apt: Path) -> str | None:
    """The URL from which this machine gets the packages of a suite, if it gets them at all.

    None leaves the choice to debootstrap, as on an Ubuntu. Of apt's methods debootstrap knows the web's.
    """
    for file in sorted([apt / "sources.list", *apt.glob("sources.list.d/*.list")]):
        for line in file.read_text().splitlines() if file.exists() else []:
            match = re.match(r"deb\s+(?:\[[^]]*]\s+)?(https?://\S+)\s+(\S+)\s", line)
            if match and match[2] == suite:
                return match[1]
    for file in sorted(apt.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            fields = dict(re.findall(r"(?m)^(\w[\w-]*):\s*(.*)$", stanza))
            uris = re.findall(r"https?://\S+", fields.get("URIs", ""))
            if uris and "deb" in fields.get("Types", "").split() and suite in fields.get("Suites", "").split():
                return uris[0]
    return None


@dataclass(frozen=True, eq=False, kw_only=True)
class Imported(EngineImage):
    """A root file system as an image."""

    root: Entry

    @property
    def reference(self) -> str:
        return f"{HUB}/{self.root.name}:{self.root.version}-{self.root.key}"

    def produce(self, work: Work) -> None:
        work.run("docker", "import", work.path(self.root) / ARCHIVE, self.reference)


def imported(root: Entry) -> Imported:
    """An image of the root file system."""
    return Imported(name=f"{root.name}-image", what=f"an image of {root.name}", root=root, needs=(ENGINE, root))


BASE_ROOT = root_file_system("base", ("ca-certificates", "curl", "iproute2", "iptables", "procps", "sudo"))
BASE = imported(BASE_ROOT)


def official(mirror: Mirror) -> Pulled:
    """Debian's own image."""
    name = mirror.image(versions.image("debian"))
    return Pulled(name="debian", what=f"pulling {name}", image=name, needs=(ENGINE,))
