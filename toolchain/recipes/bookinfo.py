"""Bookinfo's images: Istio's own, or those of ``apps/bookinfo``."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchain import golang, versions
from toolchain.images import ENGINE, HUB, PROGRAM, Built, build, program
from toolchain.mirror import Mirror
from toolchain.recipe import Entry, Work
from toolchain.versions import Platform

SOURCE = Path(__file__).parents[2] / "apps" / "bookinfo"
VERSION = versions.image("bookinfo").rpartition(":")[2]
# Each service, with its versions.
SERVICES = {"productpage": ("v1",), "details": ("v1",), "reviews": ("v1", "v2", "v3"), "ratings": ("v1",)}
# What no program is made of, so that an edit of it makes no image anew, and with that the VM.
_NOT_BUILT = ("_test.go", ".md")


def _sources() -> tuple[str | Path, ...]:
    files = [file for file in sorted(SOURCE.rglob("*")) if file.is_file() and not file.name.endswith(_NOT_BUILT)]
    return tuple(part for file in files for part in (str(file.relative_to(SOURCE)), file))


def _fill(work: Work, folder: Path) -> None:
    compiler = work.shop.releases.image(versions.image("golang"))
    if golang.GO.present(work.shop):
        (folder / "bin").mkdir()
        flags = (*golang.COMPILE, "-ldflags=-s -w", "-o", folder / "bin")
        target = {"GOOS": "linux", "GOARCH": Platform().arch}
        work.run("go", "build", *flags, "./cmd/...", cwd=SOURCE, env=golang.ENVIRONMENT | target)
    elif work.shop.releases.answers(compiler):
        _fill_by_container(work, folder, compiler)
    else:
        golang.GO.make(work)


def _fill_by_container(work: Work, folder: Path, compiler: str) -> None:
    """Builds the programs in the compiler's own image, so that a machine with a registry needs no Go."""
    image = f"{HUB}/bookinfo-programs:{folder.name}"
    container = f"vm-mesh-{folder.name}"
    build(work, image, "golang/Dockerfile", _add_source, {"BASE": compiler})
    work.clean_up("docker", "rm", container)  # left by a run that was killed
    try:
        work.run("docker", "create", "--name", container, image, "none")
        work.run("docker", "cp", f"{container}:/bin", folder)
    finally:
        work.clean_up("docker", "rm", container)
        work.clean_up("docker", "rmi", image)


def _add_source(_work: Work, folder: Path) -> None:
    shutil.copytree(SOURCE, folder / "source")


PROGRAMS = Entry(
    name="bookinfo",
    what="the programs of apps/bookinfo",
    version=VERSION,
    ingredients=_sources(),
    fill=_fill,
    after=(ENGINE,),  # where there is no Go, the engine builds them
    heavy=True,
)


def _image(service: str) -> Built:
    return Built(
        name=f"bookinfo-{service}",
        what=f"the image of Bookinfo's {service}",
        repository=f"bookinfo-{service}",
        version=VERSION,
        dockerfile=PROGRAM,
        add=program(PROGRAMS, service),
        ingredients=(service,),
        needs=(ENGINE, PROGRAMS),
    )


BUILT = {service: _image(service) for service in SERVICES}


def references(mirror: Mirror | None) -> dict[str, str]:
    """The images by the names of artifacts.json: the official ones, or without ``mirror`` those built here.

    The ones built here are one image for all versions of a service: it is told which one it is.
    """
    return {
        f"{service}-{version}": mirror.image(versions.image("bookinfo", name=f"{service}-{version}"))
        if mirror
        else BUILT[service].reference
        for service, numbers in SERVICES.items()
        for version in numbers
    }
