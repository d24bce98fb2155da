"""What can be made, and what it takes: entries of the cache, and whatever else has to be there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from inspect import getsource
from pathlib import Path
from typing import IO

from filelock import Timeout

from toolchain.cache import Cache, digest
from toolchain.commands import Commands, Stopped
from toolchain.engine import Engine
from toolchain.places import Checkout
from toolchain.release import Releases
from toolchain.versions import Platform


@dataclass(frozen=True)
class Shop:
    """What recipes work with."""

    checkout: Checkout
    cache: Cache
    commands: Commands
    releases: Releases
    engine: Engine

    def path(self, entry: Entry) -> Path:
        """Where the cache has the entry, once it is made."""
        return self.cache.entry(entry.name, entry.version, entry.key)


@dataclass(frozen=True)
class Work:
    """A recipe being made: in a shop, with the log of its step."""

    shop: Shop
    log: Path

    def run(
        self,
        *command: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: IO[bytes] | None = None,
    ) -> None:
        """Runs a program, what it writes in the log. Raises as Commands.run does."""
        self.shop.commands.run(*command, log=self.log, cwd=cwd, env=env, stdin=stdin)

    def read(self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        """What a program writes to standard output. Raises as Commands.run does."""
        return self.shop.commands.read(*command, log=self.log, cwd=cwd, env=env)

    def clean_up(self, *command: str | Path) -> None:
        """Takes back what another program did. As Commands.clean_up."""
        self.shop.commands.clean_up(*command)

    def path(self, entry: Entry) -> Path:
        """Where the cache has the entry, once it is made."""
        return self.shop.path(entry)

    @contextmanager
    def locked(self, name: str) -> Generator[None]:
        """Waits for other runs that have the lock, unless this one is stopped."""
        try:
            with self.shop.cache.lock(name).acquire(cancel_check=lambda: self.shop.commands.stopped):
                yield
        except Timeout:
            raise Stopped from None


@dataclass(frozen=True, eq=False, kw_only=True)
class Recipe(ABC):
    """Something that can be made.

    ``what`` says how, for people. ``needs`` has to be there first, and is part of the key. ``after`` is not
    needed, but if it is to be made in the same run, it goes first. ``heavy``: keeps a processor busy.
    """

    name: str
    what: str
    needs: tuple[Recipe, ...] = ()
    after: tuple[Recipe, ...] = ()
    heavy: bool = False

    @cached_property
    def key(self) -> str:
        """Changes with everything that the recipe makes its thing from."""
        return digest([self.name, *self.made_of(), *(need.key for need in self.needs)])

    def made_of(self) -> Sequence[str | bytes | Path]:
        """What the thing is made from, apart from what it needs."""
        return ()

    def offered(self, shop: Shop) -> bool:
        """Whether it can be made here: for what others serve, whether they can be reached."""
        return True

    @abstractmethod
    def present(self, shop: Shop) -> bool:
        """Whether there is nothing to do."""

    @abstractmethod
    def make(self, work: Work) -> None:
        """Makes it, unless another run just did. Raises Problem if it cannot."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Entry(Recipe):
    """An entry of the cache. ``fill`` puts its files into an empty folder.

    ``ingredients`` are what it does that with; its own source is part of the key already.
    """

    version: str
    ingredients: tuple[str | bytes | Path, ...]
    fill: Callable[[Work, Path], None]
    available: Callable[[Shop], bool] = field(default=lambda shop: True)

    def made_of(self) -> Sequence[str | bytes | Path]:
        target = Platform()
        return (self.version, target.os, target.arch, getsource(self.fill), *self.ingredients)

    def offered(self, shop: Shop) -> bool:
        return self.available(shop)

    def present(self, shop: Shop) -> bool:
        return shop.path(self).exists()

    def make(self, work: Work) -> None:
        entry = work.path(self)
        with work.locked(f"{entry.parent.name}-{entry.name}"):
            work.shop.cache.fill(entry, lambda folder: self.fill(work, folder))


@dataclass(frozen=True, eq=False, kw_only=True)
class Together(Recipe):
    """Several things as one: there if all of them are."""

    def present(self, shop: Shop) -> bool:
        return all(need.present(shop) for need in self.needs)

    def make(self, work: Work) -> None:
        """Nothing is left to do once all of them are made."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Choice:
    """Ways to the same thing, the best first."""

    name: str
    ways: tuple[Recipe, ...]

    def best(self, shop: Shop) -> Recipe:
        """The way that was gone before, else the first that is open. The last one is always open."""
        for way in self.ways:
            if way.present(shop):
                return way
        return next((way for way in self.ways if way.offered(shop)), self.ways[-1])
