"""What several tests of the toolchain use."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

from toolchain.recipe import Recipe, Shop, Work


def every(recipes: Iterable[Recipe]) -> Generator[Recipe]:
    """Recipes, and all that they need."""
    for recipe in recipes:
        yield recipe
        yield from every(recipe.needs)


@dataclass
class Server:
    """A web server on this machine: serves ``files`` by their paths, and remembers what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    asked: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, eq=False, kw_only=True)
class Noted(Recipe):
    """Writes its name to ``notes`` when it is made."""

    notes: list[str]
    there: bool = False
    reachable: bool = True

    def present(self, shop: Shop) -> bool:
        return self.there or self.name in self.notes

    def offered(self, shop: Shop) -> bool:
        return self.reachable

    def make(self, work: Work) -> None:
        self.notes.append(self.name)
