"""Container images: pulled ones, and ones built here, which have the key of their making in their tag."""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import getsource
from pathlib import Path

from toolchain.cache import digest
from toolchain.packages import Packages
from toolchain.recipe import Entry, Recipe, Shop, Work

# An image that is named so can be had from this machine's engine only: no registry is ever asked for it.
HUB = "localhost/vm-mesh"
FOLDER = Path(__file__).parent / "images"


@dataclass(frozen=True, eq=False, kw_only=True)
class RunningEngine(Recipe):
    """A container engine that answers."""

    def present(self, shop: Shop) -> bool:
        return shop.engine.answers()

    def make(self, work: Work) -> None:
        with work.locked("engine"):
            work.shop.engine.start(work.log)


DOCKER = Packages(
    name="docker",
    what="Docker from Debian's packages",
    commands={"docker": "docker.io", "dockerd": "docker.io", "iptables": "iptables"},
)
ENGINE = RunningEngine(name="engine", what="starting a container engine", needs=(DOCKER,))


@dataclass(frozen=True, eq=False, kw_only=True)
class EngineImage(Recipe):
    """An image in the engine."""

    @property
    @abstractmethod
    def reference(self) -> str:
        """The image's name in the engine."""

    def present(self, shop: Shop) -> bool:
        return shop.engine.answers() and shop.engine.has(self.reference)

    def make(self, work: Work) -> None:
        with work.locked(f"image-{self.name}"):
            if not work.shop.engine.has(self.reference):
                self.produce(work)

    @abstractmethod
    def produce(self, work: Work) -> None:
        """Puts the image into the engine."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Pulled(EngineImage):
    """An official image, pulled from its registry or from the mirror of it, by its name there."""

    image: str

    @property
    def reference(self) -> str:
        return self.image

    def made_of(self) -> Sequence[str]:
        return (self.image,)

    def offered(self, shop: Shop) -> bool:
        return shop.releases.answers(self.image)

    def produce(self, work: Work) -> None:
        work.run("docker", "pull", "--quiet", self.image)


# Adds to the folder of a Dockerfile what it copies.
Context = Callable[[Work, Path], None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Built(EngineImage):
    """An image built here: from ``images/<dockerfile>``, its folder, and what ``add`` puts beside it.

    ``base`` is its Dockerfile's argument BASE. The images of one ``family`` are made of the same things and
    share a tag, as Istio's charts want it.
    """

    repository: str
    version: str
    dockerfile: str
    add: Context
    base: EngineImage | None = None
    family: str = ""
    ingredients: tuple[str | Path, ...] = ()

    @property
    def reference(self) -> str:
        return f"{HUB}/{self.repository}:{self.tag}"

    @property
    def tag(self) -> str:
        key = digest([self.family, *self.made_of(), *(need.key for need in self.needs)]) if self.family else self.key
        return f"{self.version}-{key}"

    def made_of(self) -> Sequence[str | Path]:
        source = (getsource(type(self)), getsource(self.add))
        return (self.version, (FOLDER / self.dockerfile).parent, *source, *self.ingredients)

    def offered(self, shop: Shop) -> bool:
        return self.base is None or self.base.offered(shop)

    def produce(self, work: Work) -> None:
        arguments = {"BASE": self.base.reference} if self.base else {}
        build(work, self.reference, self.dockerfile, self.add, arguments)


def build(work: Work, reference: str, dockerfile: str, add: Context, arguments: Mapping[str, str]) -> None:
    """Builds an image from ``images/<dockerfile>``, its folder, and what ``add`` puts beside it."""
    with draft_folder(work) as folder:
        shutil.copytree((FOLDER / dockerfile).parent, folder, dirs_exist_ok=True)
        add(work, folder)
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        file = folder / Path(dockerfile).name
        # An attestation beside the image is one more platform to some engines, and kind cannot load that.
        plain = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        work.run("docker", "build", "-q", "-t", reference, "-f", file, *given, folder, env=plain)


@contextmanager
def draft_folder(work: Work) -> Generator[Path]:
    """An empty folder in the cache, for the time being."""
    drafts = work.shop.cache.root / "drafts"
    drafts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=drafts) as folder:
        yield Path(folder)


def link(file: Path, folder: Path) -> None:
    """Puts a file of the cache into a folder of the cache, without copying its data."""
    folder.mkdir(parents=True, exist_ok=True)
    os.link(file, folder / file.name)


PROGRAM = "program/Dockerfile"


def program(entry: Entry, name: str) -> Context:
    """What the Dockerfile PROGRAM copies: the program ``name`` of the entry."""

    def add(work: Work, folder: Path) -> None:
        link(work.path(entry) / "bin" / name, folder / "root/usr/local/bin")
        (folder / "root/program").symlink_to(f"/usr/local/bin/{name}")

    return add
