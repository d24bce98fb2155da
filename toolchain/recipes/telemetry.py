"""What keeps access logs and spans, and what passes them on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from toolchain import golang, versions
from toolchain.images import ENGINE, FOLDER, PROGRAM, Built, program
from toolchain.recipe import Entry, Work

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


IMAGES: Mapping[str, Built] = {
    LOGS.name: _of_package(LOGS, "app/victoria-logs"),
    COLLECTOR.name: _collector(),
    TRACES.name: _of_package(TRACES, "cmd/all-in-one"),
}
