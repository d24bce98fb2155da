"""Pulumi's plugins: the official ones, else one built from its Go module and two stand-ins of our own."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from toolchain import golang, versions
from toolchain.cache import remove
from toolchain.images import FOLDER
from toolchain.problem import Problem
from toolchain.recipe import Choice, Entry, Recipe, Shop, Work
from toolchain.recipes import releases

STAND_INS = Path(__file__).parents[1] / "plugins"
KUBERNETES = versions.of("pulumi-kubernetes")


@dataclass(frozen=True)
class Plugin:
    """A plugin and the ways to it. ``note`` marks, in its version, one that is not the official release."""

    name: str
    official: Entry
    other: Entry
    note: str

    @property
    def choice(self) -> Choice:
        return Choice(name=self.official.name, ways=(self.official, self.other))

    @property
    def program(self) -> str:
        return f"pulumi-resource-{self.name}"

    def folder(self, chosen: Recipe) -> str:
        """The name of its folder in Pulumi's home.

        The note is build metadata: for Pulumi the version is the one that the SDK asks for, and a person who
        lists the plugins sees what it really is.
        """
        note = "" if chosen is self.official else f"+{self.note}"
        return f"resource-{self.name}-v{self.official.version}{note}"


def _kubernetes() -> Plugin:
    source = FOLDER.parent / "files" / "pulumi-resource-kubernetes"
    note = f"go.{KUBERNETES.text('sdk_module_version').removeprefix('v')}"

    def prepare(work: Work, folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        module = golang.module_folder(work, KUBERNETES)
        generated = module / "cmd" / "pulumi-resource-kubernetes"
        schema = json.loads((generated / "schema.json").read_bytes())
        schema["version"] = KUBERNETES.text("sdk_module_version").removeprefix("v")
        (folder / "schema.json").write_text(json.dumps(schema))
        (folder / "terraform-mapping.json").write_bytes((generated / "terraform-mapping.json").read_bytes())
        (folder / "version.txt").write_text(f"{KUBERNETES.version}+{note}")

    sdk = f"{KUBERNETES.text('sdk_module')} {KUBERNETES.text('sdk_module_version')}"
    modules = golang.modules(
        KUBERNETES, (".",), requires=(sdk,), prepare=prepare, ingredients=(source, KUBERNETES.version, note)
    )
    other = golang.programs(KUBERNETES.name, KUBERNETES, modules, {"pulumi-resource-kubernetes": "."})
    return Plugin("kubernetes", releases.official(KUBERNETES, releases.archive()), other, note)


def _stand_in(name: str) -> Plugin:
    version = versions.of(f"pulumi-{name}")

    def fill(work: Work, folder: Path) -> None:
        if not (STAND_INS / name).exists():
            raise Problem(f"there is no stand-in for Pulumi's plugin {name}")
        # A copy, so that what is installed does not change with the checkout.
        code = folder / "lib" / "toolchain"
        shutil.copytree(STAND_INS, code / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
        (code / "__init__.py").touch()
        (folder / "bin").mkdir()
        program = folder / "bin" / f"pulumi-resource-{name}"
        # -P: the plugin is started in a checkout, whose own code must not come first.
        start = f'exec "{sys.executable}" -P -m toolchain.plugins.{name} "$@"'
        # What the plugin runs in turn gets the user's environment: the rest of PYTHONPATH is kept, and Python is kept
        # from setting a locale of its own (PEP 538).
        path = f'"{work.path(entry)}/lib${{PYTHONPATH:+:$PYTHONPATH}}"'
        program.write_text(f"#!/bin/sh\nPYTHONCOERCECLOCALE=0 PYTHONPATH={path} {start}\n")
        program.chmod(0o755)

    entry = Entry(
        name=version.name,
        what=f"a stand-in for Pulumi's plugin {name}",
        version=version.version,
        ingredients=(STAND_INS, sys.prefix),
        fill=fill,
    )
    return Plugin(name, releases.official(version, releases.archive()), entry, "standin")


PLUGINS = (_kubernetes(), _stand_in("command"), _stand_in("docker"))


def install(shop: Shop, home: Path, chosen: dict[Plugin, Entry]) -> None:
    """Puts the chosen plugins, and not those of the ways not taken, where Pulumi looks for them."""
    folder = home / "plugins"
    with shop.cache.lock("pulumi-home"):
        folder.mkdir(parents=True, exist_ok=True)
        for plugin, entry in chosen.items():
            place = folder / plugin.folder(entry)
            for other in (folder / plugin.folder(way) for way in plugin.choice.ways):
                if other != place:
                    remove(other)
            place.mkdir(exist_ok=True)
            point(place / plugin.program, shop.path(entry) / "bin" / plugin.program)


def point(link: Path, target: Path) -> None:
    """Makes ``link`` a link to ``target``, in one step."""
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
