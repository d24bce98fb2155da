"""Names that the program joins of others by ``-``: no two of them may come out the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from settings.entries import object_in, objects_in, repeated
from settings.mistakes import KeyPath, Mistake, shown


def mistakes_in_names(
    clusters: Mapping[str, Any],
    application: Mapping[str, Any],
    routes: Mapping[str, Any],
    namespaces: Collection[str],
    roots: Collection[str],
) -> Iterator[Mistake]:
    """Two resources that Pulumi would know by one name. ``roots`` are those that the program makes.

    As in :class:`settings.checks.CrossChecks`.
    """
    yield from _joined("clusters", clusters, application)
    yield from _joined("clusters", clusters, namespaces)
    yield from _joined("routes", routes, clusters)
    deployments: list[tuple[KeyPath, object]] = [
        (("application", service, "versions", version), f"{service}-{version}")
        for service, entry in objects_in(application).items()
        for version in object_in(entry.get("versions"))
    ]
    yield from repeated(deployments, "names the same Deployment as")
    for root in roots:
        cluster = "root" if root == "root" else f"root-{root}"
        if cluster in clusters:
            yield ("clusters", cluster), f"is what the program calls the root {shown(root)}; give it another name"


def _joined(key: str, firsts: Collection[str], seconds: Collection[str]) -> Iterator[Mistake]:
    """``a-b`` and ``c`` are joined to the same name as ``a`` and ``b-c``."""
    for first in firsts:
        for place, letter in enumerate(first):
            if letter != "-" or first[:place] not in firsts:
                continue
            for second in seconds:
                other = f"{first[place + 1 :]}-{second}"
                if other in seconds:
                    yield (
                        (key, first),
                        f"makes the name {shown(f'{first}-{second}')} with {shown(second)}, as {shown(first[:place])} "
                        f"does with {shown(other)}; give one of the four another name",
                    )
