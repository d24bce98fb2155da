"""The images that run in clusters: Istio's and Bookinfo's. They are all official, or all built here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from toolchain import versions
from toolchain.images import ENGINE, HUB
from toolchain.mirror import Mirror
from toolchain.recipe import Choice, Entry, Recipe, Together, Work
from toolchain.recipes import bookinfo, istio

IMAGES = (istio.PILOT_IMAGE, istio.PROXY_IMAGE, *bookinfo.BUILT.values())


def _save(work: Work, folder: Path) -> None:
    work.run("docker", "save", "--output", folder / ARCHIVE_FILE, *dict.fromkeys(image.reference for image in IMAGES))


# For nodes that cannot pull: else the engine would pack the same images again for every node.
ARCHIVE_FILE = "images.tar"
ARCHIVE = Entry(
    name="workload-archive",
    what="packing Istio's and Bookinfo's images",
    version=versions.of("istio").version,
    ingredients=(),
    fill=_save,
    needs=IMAGES,
)
BUILT = Together(name="workload-images", what="Istio's and Bookinfo's images", needs=(*IMAGES, ARCHIVE))


@dataclass(frozen=True)
class Workloads:
    """Where clusters get their images from."""

    mirror: Mirror

    def choice(self) -> Choice:
        """The ways to the images. Official ones are pulled by the clusters: here they are only looked for."""
        images = [self.mirror.image(versions.image("istio", name=name)) for name in ("pilot", "proxyv2")]
        images += bookinfo.references(self.mirror).values()

        def look(work: Work, folder: Path) -> None:
            for image in images:
                work.run("docker", "manifest", "inspect", image)
            (folder / "images.json").write_text(json.dumps(images))

        official = Entry(
            name="workload-images",
            what=f"looking for Istio's and Bookinfo's images, as {images[0]}",
            version=versions.of("istio").version,
            ingredients=tuple(images),
            fill=look,
            available=lambda shop: shop.releases.answers(images[0]),
            needs=(ENGINE,),
        )
        return Choice(name="workload-images", ways=(official, BUILT))

    def istio(self, chosen: Recipe) -> tuple[str, str]:
        """Hub and tag of Istio's images."""
        if chosen is BUILT:
            return HUB, istio.PILOT_IMAGE.tag
        name, _, tag = self.mirror.image(versions.image("istio", name="pilot")).rpartition(":")
        return name.rpartition("/")[0], tag

    def bookinfo(self, chosen: Recipe) -> dict[str, str]:
        """Bookinfo's images by their names in artifacts.json."""
        return bookinfo.references(None if chosen is BUILT else self.mirror)
