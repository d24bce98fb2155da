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
from toolchain.recipe import Entry, Recipe, Shop
from toolchain.recipes.management import IMAGES, ManagementImages
from toolchain.recipes.workloads import Workloads

# Folders of the cache that hold no entries.
OTHER = ("engine", "locks", "pulumi")
# A draft of a run that was killed; one that is being worked on changes far more often.
ABANDONED = 24 * 3600


def prune(root: Path, stack: str | None) -> Generator[str]:
    """Removes what the checkout at ``root`` would not use, and yields in words what is removed."""
    mirrors = mirror.load(root, stack)
    shop = open_shop(root, mirrors)
    # Whichever stack it is: another one may have a management cluster.
    plan = Plan(shop, Workloads(mirrors), ManagementImages(mirrors, tuple(IMAGES)))
    recipes = set(_all(way for choice in plan.choices for way in choice.ways))
    used = {shop.path(recipe) for recipe in recipes if isinstance(recipe, Entry)} | {Path(sys.prefix)}
    for entry in shop.cache.root.glob("*/*"):
        if not entry.is_dir() or entry in used or entry.parent.name in OTHER:
            continue
        if entry.parent.name != "drafts" or entry.stat().st_mtime < time.time() - ABANDONED:
            remove(entry)
            yield f"removed {entry}"
    if shop.engine.answers():
        yield from _images(shop, {recipe.reference for recipe in recipes if isinstance(recipe, EngineImage)})


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
