"""Programs built from Go modules, which the module proxy serves and the checksum database vouches for."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import getsource
from pathlib import Path

from toolchain import versions
from toolchain.commands import CommandFailed
from toolchain.fits import numbers
from toolchain.problem import Problem
from toolchain.recipe import Entry, Recipe, Shop, Work
from toolchain.versions import Version, require_linux

# Debugging data is stripped by the linker; not making it in the first place saves a tenth of the time. Paths
# are left out so that the same source gives the same program on every machine.
COMPILE = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false")
# The compiler's garbage collector takes a sixth of the time unless it may let more memory pile up first.
ENVIRONMENT = {"CGO_ENABLED": "0", "GOWORK": "off", "GOGC": "400", "GOMEMLIMIT": "2GiB"}
# From this version on, Go fetches the newer Go that a module asks for by itself.
OLDEST_GO = (1, 21, 0)

# Adds to a folder with a go.mod what the module needs beyond its requirement.
Prepare = Callable[[Work, Path], None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Go(Recipe):
    """The Go compiler of this machine."""

    def present(self, shop: Shop) -> bool:
        try:
            found = numbers(shop.commands.read("go", "env", "GOVERSION"))
        except CommandFailed:
            return False
        return found is not None and found >= OLDEST_GO

    def make(self, work: Work) -> None:
        require_linux()
        wanted, oldest = versions.of("go").version, ".".join(map(str, OLDEST_GO))
        raise Problem(
            f"tools have to be built from source here, and there is no Go, or one older than {oldest}",
            f"install Go {wanted}, or allow the hosts that toolchain/versions.toml names",
        )


GO = Go(name="go", what="the Go compiler of this machine")


def modules(
    version: Version,
    packages: tuple[str, ...],
    *,
    requires: tuple[str, ...] = (),
    prepare: Prepare | None = None,
    ingredients: tuple[str | bytes | Path, ...] = (),
    tags: str = "",
) -> Entry:
    """A module that requires that of ``version`` and pins, with checksums, all that ``packages`` import.

    A wrapper of our own, because ``go install`` refuses modules that hold replacements. ``ingredients`` is
    what ``prepare`` works from.
    """
    lines = [
        f"module vm-mesh/{version.name}",
        f"go {versions.of('go').version}",
        f"require {version.module} {version.module_version}",
        *(f"require {other}" for other in requires),
        *(f"replace {replacement}" for replacement in version.texts("replace")),
    ]
    go_mod = "\n\n".join(lines) + "\n"

    def fill(work: Work, folder: Path) -> None:
        (folder / "go.mod").write_text(go_mod)
        if prepare:
            prepare(work, folder)
        # Listing what is imported downloads it, and no more than that.
        listing = ("go", "list", "-mod=mod", f"-tags={tags}", "-deps", *packages)
        work.read(*listing, cwd=folder, env=ENVIRONMENT)

    return Entry(
        name=f"{version.name}-modules",
        what=f"the Go modules of {version.name} {version.version}",
        version=version.version,
        ingredients=(go_mod, *packages, tags, *_source_of(prepare), *ingredients),
        fill=fill,
        needs=(GO,),
    )


def programs(
    name: str,
    version: Version,
    source: Entry,
    packages: Mapping[str, str],
    *,
    tags: str = "",
    variables: Mapping[str, str] | None = None,
    extra: Prepare | None = None,
    needs: tuple[Recipe, ...] = (),
    after: tuple[Recipe, ...] = (),
) -> Entry:
    """``packages``, by their programs' names, built in the modules of ``source`` into the folder ``bin``.

    ``variables`` are set by the linker. ``extra`` adds further files.
    """
    linker = " ".join(["-s", "-w", *(f"-X {variable}={value}" for variable, value in (variables or {}).items())])
    flags = (*COMPILE, f"-tags={tags}", f"-ldflags={linker}")

    def fill(work: Work, folder: Path) -> None:
        binaries = folder / "bin"
        binaries.mkdir()
        output = binaries / next(iter(packages)) if len(packages) == 1 else binaries
        command = ("go", "build", *flags, "-o", output, *packages.values())
        work.run(*command, cwd=work.path(source), env=ENVIRONMENT)
        if extra:
            extra(work, folder)

    return Entry(
        name=name,
        what=f"{name} {version.version}, built from the Go module {version.module}",
        version=version.version,
        ingredients=(*flags, *_source_of(extra), *(f"{key}={value}" for key, value in packages.items())),
        fill=fill,
        needs=(source, *needs),
        after=after,
        heavy=True,
    )


def _source_of(prepare: Prepare | None) -> tuple[str, ...]:
    return (getsource(prepare),) if prepare else ()


def module_folder(work: Work, version: Version) -> Path:
    """Where a module's files lie, downloaded if need be."""
    with tempfile.TemporaryDirectory() as nowhere:  # outside any module, so that no go.mod of it has a say
        download = ("go", "mod", "download", "-json", f"{version.module}@{version.module_version}")
        answer = work.read(*download, cwd=Path(nowhere), env=ENVIRONMENT)
    return Path(json.loads(answer)["Dir"])
