"""What keeps access logs and spans, and what passes them on; only for a stack whose config asks for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain import golang, versions
from toolchain.artifacts import Image
from toolchain.images import ENGINE, FOLDER, PROGRAM, Built, program
from toolchain.mirror import Mirror
from toolchain.recipe import Choice, Entry, Recipe, Work

LOGS = versions.of("victoria-logs")
COLLECTOR = versions.of("otel-collector")
TRACES = versions.of("jaeger")


def _built(version: versions.Version, modules: Entry, package: str) -> Built:
    name = version.name
    programs = golang.programs(name, version, modules, {name: package})
    return Built(
        name=f"{name}-image",
        what=f"the image of {name}",
        repository=name,
        version=version.version,
        dockerfile=PROGRAM,
        add=program(programs, name),
        ingredients=(name,),
        needs=(ENGINE, programs),
    )


def _of_package(version: versions.Version, folder: str) -> Built:
    package = f"{version.module}/{folder}"
    return _built(version, golang.modules(version, (package,)), package)


def _collector() -> Built:
    source = FOLDER.parent / "files" / "otel-collector"

    def prepare(work: Work, folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True)

    modules = golang.modules(
        COLLECTOR, (".",), requires=COLLECTOR.texts("requires"), prepare=prepare, ingredients=(source,)
    )
    return _built(COLLECTOR, modules, ".")


BUILT: Mapping[str, Built] = {
    LOGS.name: _of_package(LOGS, "app/victoria-logs"),
    COLLECTOR.name: _collector(),
    TRACES.name: _of_package(TRACES, "cmd/all-in-one"),
}


def _official(name: str, image: str) -> Entry:
    """Pulled by the clusters: here it is only looked for."""

    def look(work: Work, folder: Path) -> None:
        work.run("docker", "manifest", "inspect", image)
        (folder / "images.json").write_text(json.dumps([image]))

    return Entry(
        name=f"{name}-official",
        what=f"looking for {image}",
        version=versions.of(name).version,
        ingredients=(image,),
        fill=look,
        available=lambda shop: shop.releases.answers(image),
        needs=(ENGINE,),
    )


@dataclass(frozen=True)
class Telemetry:
    """Where clusters get these images from, those of the names that are ``wanted``."""

    mirror: Mirror
    wanted: Iterable[str] = ()

    def choices(self) -> list[Choice]:
        """The ways to each."""
        return [
            Choice(name=f"{name}-image", ways=(_official(name, self._official(name)), BUILT[name]))
            for name in self.wanted
        ]

    def images(self, chosen: Mapping[str, Recipe]) -> dict[str, Image]:
        """The images by their names in artifacts.json, by what was chosen."""
        built = {name for name in self.wanted if chosen[f"{name}-image"] is BUILT[name]}
        return {
            name: Image(reference=BUILT[name].reference if name in built else self._official(name), local=name in built)
            for name in self.wanted
        }

    def _official(self, name: str) -> str:
        return self.mirror.image(versions.image(name))
