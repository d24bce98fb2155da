"""Private mirrors in place of the publishers' hosts: ``vm-mesh:mirror`` of a stack's config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import yaml

from toolchain.problem import Problem


@dataclass(frozen=True)
class Mirror:
    """Where to get what the publishers serve; each part is empty if the publisher itself is to be asked.

    ``downloads``: a URL below which files lie by their official host and path. ``images``: what takes the
    place of the registry's host in an image's name. ``charts``: the URL of a Helm repository.
    """

    downloads: str = ""
    images: str = ""
    charts: str = ""

    def download(self, url: str) -> str:
        """Where to fetch the file that is officially at ``url``."""
        if not self.downloads:
            return url
        parts = urlsplit(url)
        return f"{self.downloads.rstrip('/')}/{parts.netloc}{parts.path}"

    def image(self, reference: str) -> str:
        """The name of an official image, which is given with its registry."""
        registry, _, rest = reference.partition("/")
        return f"{self.images.rstrip('/') if self.images else registry}/{rest}"

    def charts_of(self, repository: str) -> str:
        """The URL of the Helm repository that is officially ``repository``."""
        return self.charts.rstrip("/") or self.download(repository)

    def chart(self, repository: str, url: str) -> str:
        """Where to fetch the chart whose ``url``, relative or not, is in the index of the Helm repository."""
        if self.charts:
            return urljoin(f"{self.charts.rstrip('/')}/", url)
        return self.download(urljoin(f"{repository}/", url))


def load(root: Path, stack: str | None) -> Mirror:
    """The mirror that the stack's config names. Raises Problem if that is not one."""
    mirror: dict[str, str] = stack_config(root, stack).get("vm-mesh:mirror") or {}
    try:
        return Mirror(**mirror)
    except TypeError:
        raise Problem(
            f"Pulumi.{stack}.yaml: vm-mesh:mirror must be a map of downloads, images and charts", "see Pulumi.yaml"
        ) from None


def stack_config(root: Path, stack: str | None) -> dict[str, Any]:
    """The stack's config, as far as the toolchain cares: unchecked. Raises Problem if there is none."""
    if stack is None:
        return {}
    file = root / f"Pulumi.{stack}.yaml"
    try:
        document = cast(dict[str, Any] | None, yaml.safe_load(file.read_text()))
    except FileNotFoundError:
        raise Problem(f"there is no stack {stack}: {file.name} is missing", "name a stack that has a file") from None
    except yaml.YAMLError as error:
        raise Problem(f"{file.name} is not YAML: {error}") from None
    return (document or {}).get("config") or {}
