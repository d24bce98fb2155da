"""What ``python -m toolchain ensure`` found or made, as ``.state/artifacts.json`` tells it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.whole import replace_text

IMAGES = (
    "node",
    "vm",
    "productpage-v1",
    "details-v1",
    "reviews-v1",
    "reviews-v2",
    "reviews-v3",
    "ratings-v1",
)


class ArtifactsMissing(Problem):
    """The tools and images were never made ready in this checkout, or by another version of it."""


@dataclass(frozen=True, kw_only=True)
class Istio:
    """Istio's version, and where its images are: ``<hub>/pilot:<tag>`` and ``<hub>/proxyv2:<tag>``.

    ``proxy`` is ``envoy`` if they hold upstream Envoy, which lacks Istio's own filters.
    """

    version: str
    hub: str
    tag: str
    proxy: Literal["istio", "envoy"]


@dataclass(frozen=True, kw_only=True)
class SidecarPackage:
    """The Debian package of Istio's sidecar: its path in the checkout, and its digest in hexadecimal."""

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ManagementImage:
    """An image of the management cluster, and the archive, in the checkout, that nodes get it from.

    Without an archive, nodes pull it.
    """

    reference: str
    archive: str | None


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """Every tool and image, as the rest of the project needs to name them.

    ``path`` is to be put first on PATH. ``charts`` and the sidecar package are relative to the checkout, so
    that Pulumi's state does not depend on where it lies. ``load_images`` is true if the images exist in the
    local container engine only and must be loaded into kind's nodes. ``kind_config`` is what the node image
    needs of the config of each kind cluster. ``management`` has images that only some stacks need, by name.
    """

    path: tuple[str, ...]
    istio: Istio
    charts: str
    sidecar_package: SidecarPackage
    images: Mapping[str, str]
    load_images: bool
    kind_config: Mapping[str, Any]
    management: Mapping[str, ManagementImage] = field(default_factory=dict[str, ManagementImage])

    def require(self, images: Collection[str]) -> None:
        """Raises ArtifactsMissing if images of the management cluster are not there."""
        for name in images:
            if name not in self.management:
                raise ArtifactsMissing(
                    f"the image of {name}, which vm-mesh:management asks for, is not there yet",
                    "run `make tools` with this STACK",
                )

    @property
    def local_images(self) -> tuple[str, ...]:
        """Images to load into kind's nodes, which cannot pull them."""
        if not self.load_images:
            return ()
        istio = [f"{self.istio.hub}/{component}:{self.istio.tag}" for component in ("pilot", "proxyv2")]
        application = (image for name, image in self.images.items() if name not in ("node", "vm"))
        return tuple(dict.fromkeys((*istio, *application)))  # some names are of one image


def load(root: Path) -> Artifacts:
    """Reads the artifacts of the checkout at ``root``.

    Raises ArtifactsMissing if there are none, or if they are not of this version's form.
    """
    file = Checkout(root).artifacts
    try:
        return parse(json.loads(file.read_bytes()))
    except FileNotFoundError:
        raise ArtifactsMissing("the tools and images are not there yet", "run `make tools`") from None
    except (ValueError, KeyError, TypeError):
        raise ArtifactsMissing(f"{file} is of another version", "run `make tools`") from None


def parse(document: Mapping[str, Any]) -> Artifacts:
    """Artifacts from their JSON form. Raises KeyError, TypeError or ValueError if it is not of that form."""
    images: dict[str, str] = document["images"]
    if sorted(images) != sorted(IMAGES):
        raise ValueError(f"images are {sorted(images)}, not {sorted(IMAGES)}")
    return Artifacts(
        path=tuple(document["path"]),
        istio=Istio(**document["istio"]),
        charts=document["charts"],
        sidecar_package=SidecarPackage(**document["sidecar_package"]),
        images=images,
        load_images=document["load_images"],
        kind_config=document["kind_config"],
        management={name: ManagementImage(**image) for name, image in document.get("management", {}).items()},
    )


def save(root: Path, artifacts: Artifacts) -> None:
    """Writes ``.state/artifacts.json`` in one step, so that no reader sees half of it."""
    file = Checkout(root).artifacts
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_text(file, json.dumps(asdict(artifacts), indent=2) + "\n")
