"""Removes from the cache, and from the container engine, what this checkout does not use."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterable
from pathlib import Path

from toolchain import mirror
from toolchain.cache import remove
from toolchain.commands import CommandFailed
from toolchain.ensure import Plan, open_shop
from toolchain.images import HUB, EngineImage
from toolchain.mirror import Mirror
from toolchain.recipe import Choice, Entry, Recipe, Shop
from toolchain.recipes.management import IMAGES, ManagementImages
from toolchain.recipes.workloads import Workloads

# Folders of the cache that hold no entries.
OTHER = ("engine", "locks", "pulumi")
# A draft of a run that was killed; one that is being worked on changes far more often.
ABANDONED = 24 * 3600


def prune(root: Path) -> Generator[str]:
    """Removes what no stack of the checkout at ``root`` would use, and yields in words what is removed.

    Raises Problem if the config of one of them cannot be read.
    """
    shop = open_shop(root, Mirror())
    recipes = set(_all(way for mirrors in _mirrors(root) for choice in _choices(shop, mirrors) for way in choice.ways))
    used = {shop.path(recipe) for recipe in recipes if isinstance(recipe, Entry)} | {Path(sys.prefix)}
    for entry in shop.cache.root.glob("*/*"):
        if not entry.is_dir() or entry in used or entry.parent.name in OTHER:
            continue
        if entry.parent.name != "drafts" or entry.stat().st_mtime < time.time() - ABANDONED:
            remove(entry)
            yield f"removed {entry}"
    if shop.engine.answers():
        yield from _images(shop, {recipe.reference for recipe in recipes if isinstance(recipe, EngineImage)})


def _mirrors(root: Path) -> set[Mirror]:
    """The mirrors of the checkout's stacks: what is got through one is kept by its name there."""
    stacks = (file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in root.glob("Pulumi.*.yaml"))
    return {Mirror(), *(mirror.load(root, stack) for stack in stacks)}


def _choices(shop: Shop, mirrors: Mirror) -> list[Choice]:
    # With all of management's images: some stack may have such a cluster.
    return Plan(shop, Workloads(mirrors), ManagementImages(mirrors, tuple(IMAGES))).choices


def _images(shop: Shop, used: set[str]) -> Generator[str]:
    listed = shop.commands.read("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{HUB}/*").split()
    for image in listed:
        if image not in used:
            try:
                shop.commands.read("docker", "rmi", image)
            except CommandFailed:  # a container runs on it
                continue
            yield f"removed image {image}"


def _all(recipes: Iterable[Recipe]) -> Generator[Recipe]:
    for recipe in recipes:
        yield recipe
        yield from _all(recipe.needs)
