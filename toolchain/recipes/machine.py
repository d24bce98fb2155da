"""The image of a container that stands in for a virtual machine."""

from __future__ import annotations

from pathlib import Path

from toolchain import versions
from toolchain.images import ENGINE, Built, EngineImage, link
from toolchain.mirror import Mirror
from toolchain.recipe import Choice, Work
from toolchain.recipes import debian
from toolchain.recipes.bookinfo import PROGRAMS


def _details(work: Work, folder: Path) -> None:
    link(work.path(PROGRAMS) / "bin" / "details", folder)


def _on(base: EngineImage) -> Built:
    return Built(
        name="vm",
        what=f"the virtual machine's image, on {base.reference}",
        repository="vm",
        version=versions.of("debian").version,
        dockerfile="vm/Dockerfile",
        add=_details,
        base=base,
        needs=(ENGINE, base, PROGRAMS),
    )


def image(mirror: Mirror) -> Choice:
    """Always built here: on Debian's official image, else on a root file system from Debian's packages."""
    return Choice(name="vm", ways=(_on(debian.official(mirror)), _on(debian.BASE)))
