"""Makes what is missing, several things at once, each after what it needs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from toolchain.progress import Progress
from toolchain.recipe import Recipe, Shop, Work

# Steps that wait for the network most of the time.
LIGHT_AT_ONCE = 6


def missing(wanted: Iterable[Recipe], shop: Shop) -> list[Recipe]:
    """What has to be made for ``wanted`` to be there, in the order in which it was asked for."""
    found: dict[Recipe, None] = {}

    def visit(recipe: Recipe) -> None:
        if recipe not in found and not recipe.present(shop):
            found[recipe] = None
            for need in recipe.needs:
                visit(need)

    for recipe in wanted:
        visit(recipe)
    return list(found)


def make(recipes: Sequence[Recipe], shop: Shop, progress: Progress) -> None:
    """Makes ``recipes``, which must hold what they need as far as it is missing.

    The first failure ends the programs that the other steps are running, and is raised. So does
    KeyboardInterrupt.
    """
    chosen = set(recipes)
    order = TopologicalSorter({recipe: chosen.intersection(recipe.needs + recipe.after) for recipe in recipes})
    order.prepare()
    ready: list[Recipe] = []
    running: dict[Future[None], Recipe] = {}
    free = {True: os.cpu_count() or 1, False: LIGHT_AT_ONCE}
    with ThreadPoolExecutor(sum(free.values())) as pool:
        try:
            while order.is_active():
                ready += order.get_ready()
                ready.sort(key=recipes.index)
                for recipe in list(ready):
                    if free[recipe.heavy]:
                        free[recipe.heavy] -= 1
                        ready.remove(recipe)
                        running[pool.submit(_make, recipe, shop, progress)] = recipe
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    recipe = running.pop(future)
                    free[recipe.heavy] += 1
                    future.result()
                    order.done(recipe)
        except BaseException:
            shop.commands.stop()
            raise


def _make(recipe: Recipe, shop: Shop, progress: Progress) -> None:
    with progress.step(recipe.name, recipe.what) as step:
        recipe.make(Work(shop, step.log))
    shop.cache.note(recipe.name, step.seconds)
