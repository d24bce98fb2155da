"""The images of a management cluster, which only a stack that has one needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from toolchain import versions
from toolchain.artifacts import ManagementImage
from toolchain.images import ENGINE, Built
from toolchain.mirror import Mirror
from toolchain.recipe import Choice, Entry, Recipe, Shop, Together, Work
from toolchain.recipes import prometheus, telemetry
from toolchain.recipes.plugins import point

IMAGES: Mapping[str, Built] = {"prometheus": prometheus.IMAGE, **telemetry.IMAGES}
"""Image -> how it is built where it cannot be pulled."""
_USES = {
    "metrics": ("prometheus",),
    "accessLogs": ("otel-collector", "victoria-logs"),
    "traces": ("otel-collector", "jaeger"),
}
"""Key of vm-mesh:management -> images that it takes."""


def wanted(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Images that a stack's config asks for. What is wrong with the config, the program says."""
    management = config.get("vm-mesh:management")
    keys = cast(dict[str, Any], management) if isinstance(management, dict) else {}
    return tuple(dict.fromkeys(image for key, images in _USES.items() if key in keys for image in images))


@dataclass(frozen=True)
class ManagementImages:
    """Where the management cluster, and those who push to it, get their images from."""

    mirror: Mirror
    wanted: tuple[str, ...]

    @cached_property
    def _ways(self) -> dict[str, tuple[Entry, Together]]:
        return {name: (self._official(name), _built(name)) for name in self.wanted}

    @property
    def choices(self) -> list[Choice]:
        """The ways to each image. Official ones are pulled by the clusters: here they are only looked for."""
        return [Choice(name=_step(name), ways=ways) for name, ways in self._ways.items()]

    def finish(self, shop: Shop, chosen: Mapping[str, Recipe]) -> dict[str, ManagementImage]:
        """The images by the ways that were chosen, with links to the archives in the checkout."""
        return {name: self._finished(name, chosen[_step(name)], shop) for name in self.wanted}

    def _finished(self, name: str, way: Recipe, shop: Shop) -> ManagementImage:
        _, built = self._ways[name]
        if way is not built:
            return ManagementImage(reference=self._reference(name), archive=None)
        archive = shop.checkout.archive(name)
        point(archive, shop.path(_ARCHIVES[name]) / f"{name}.tar")
        return ManagementImage(reference=IMAGES[name].reference, archive=str(archive.relative_to(shop.checkout.root)))

    def _reference(self, name: str) -> str:
        return self.mirror.image(versions.image(name))

    def _official(self, name: str) -> Entry:
        image = self._reference(name)

        def look(work: Work, folder: Path) -> None:
            work.run("docker", "manifest", "inspect", image)
            (folder / "image.json").write_text(json.dumps(image))

        return Entry(
            name=_step(name),
            what=f"looking for {image}",
            version=versions.of(name).version,
            ingredients=(image,),
            fill=look,
            available=lambda shop: shop.releases.answers(image),
            needs=(ENGINE,),
        )


def _step(name: str) -> str:
    return f"management-{name}"


def _archive(name: str) -> Entry:
    image = IMAGES[name]

    def save(work: Work, folder: Path) -> None:
        work.run("docker", "save", "--output", folder / f"{name}.tar", image.reference)

    return Entry(
        name=f"{name}-archive",
        what=f"packing the image of {name}",
        version=image.version,
        ingredients=(),
        fill=save,
        needs=(image,),
    )


_ARCHIVES = {name: _archive(name) for name in IMAGES}


def _built(name: str) -> Together:
    return Together(name=_step(name), what=f"the image of {name}", needs=(IMAGES[name], _ARCHIVES[name]))
