"""What is wanted and the ways to it, without making any of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.toolchain.support import every
from toolchain.ensure import Plan
from toolchain.images import Built, EngineImage, Pulled
from toolchain.mirror import Mirror
from toolchain.recipe import Entry, Shop
from toolchain.recipes import bookinfo, debian, istio, plugins
from toolchain.recipes.management import IMAGES, ManagementImages
from toolchain.recipes.plugins import PLUGINS, install, point
from toolchain.recipes.workloads import BUILT, Workloads


@pytest.fixture
def plan(shop: Shop) -> Plan:
    return Plan(shop, Workloads(Mirror()), ManagementImages(Mirror(), tuple(IMAGES)))


def test_everything_has_an_official_way_and_one_from_package_registries(plan: Plan) -> None:
    for choice in plan.choices:
        official, built = choice.ways
        assert official is not built
        assert not any(isinstance(recipe, Pulled) for recipe in every([built])), choice.name


def test_steps_have_names_of_their_own(plan: Plan) -> None:
    """A log file is named after its step."""
    for way in (0, -1):
        steps = set(every(choice.ways[way] for choice in plan.choices))
        assert sorted(step.name for step in steps) == sorted({step.name for step in steps})


def test_entries_of_the_cache_have_places_of_their_own(plan: Plan, shop: Shop) -> None:
    entries = set(every(way for choice in plan.choices for way in choice.ways))
    places = [shop.path(recipe) for recipe in entries if isinstance(recipe, Entry)]
    assert len(places) == len(set(places))


def test_no_registry_is_ever_asked_for_an_image_that_is_built_here(plan: Plan) -> None:
    for recipe in every(way for choice in plan.choices for way in choice.ways):
        if isinstance(recipe, EngineImage) and not isinstance(recipe, Pulled):
            assert recipe.reference.startswith("localhost/")


def test_istios_images_share_a_tag_that_changes_with_what_they_are_made_of() -> None:
    assert istio.PILOT_IMAGE.tag == istio.PROXY_IMAGE.tag
    other = Built(
        name="istio-pilot",
        what="",
        repository="pilot",
        version=istio.PILOT_IMAGE.version,
        dockerfile="istio/pilot.Dockerfile",
        add=istio.PILOT_IMAGE.add,
        family="istio",
        needs=istio.PILOT_IMAGE.needs[:-1],
    )
    assert other.tag != istio.PILOT_IMAGE.tag


def test_a_mirror_is_in_every_official_images_name() -> None:
    workloads = Workloads(Mirror(images="registry.example/hub"))
    official = workloads.choice().ways[0]
    assert workloads.istio(official) == ("registry.example/hub/istio", istio.VERSION.version)
    assert workloads.bookinfo(official)["reviews-v2"] == (
        "registry.example/hub/istio/examples-bookinfo-reviews-v2:1.20.3"
    )
    assert workloads.istio(BUILT)[0] == "localhost/vm-mesh"


def test_plugins_are_found_under_the_version_that_the_sdk_asks_for() -> None:
    kubernetes, command, docker = PLUGINS
    assert kubernetes.folder(kubernetes.official) == "resource-kubernetes-v4.34.2"
    assert kubernetes.folder(kubernetes.other) == "resource-kubernetes-v4.34.2+go.4.18.1"
    assert command.folder(command.other) == "resource-command-v1.2.1+standin"
    assert docker.folder(docker.official) == "resource-docker-v5.2.0"


def test_one_plugin_of_a_kind_is_installed(shop: Shop, tmp_path: Path) -> None:
    command = plugins.PLUGINS[1]
    for chosen in (command.other, command.official):
        program = shop.path(chosen) / "bin" / command.program
        program.parent.mkdir(parents=True)
        program.write_text(command.folder(chosen))
        install(shop, tmp_path, {command: chosen})
        (folder,) = (tmp_path / "plugins").iterdir()
        assert folder.name == command.folder(chosen)
        assert (folder / command.program).read_text() == folder.name


def test_links_are_changed_in_one_step(tmp_path: Path) -> None:
    link = tmp_path / "bin" / "tool"
    for target in (tmp_path / "one", tmp_path / "two", tmp_path / "two"):
        point(link, target)
        assert link.readlink() == target
        assert list(link.parent.iterdir()) == [link]


def test_an_edit_of_what_no_program_is_made_of_makes_no_image_anew() -> None:
    names = [str(part) for part in bookinfo.PROGRAMS.ingredients]
    assert "go.mod" in names
    assert not [name for name in names if name.endswith((".md", "_test.go"))]


STANZAS = """\
Types: deb deb-src
# a comment
URIs: http://packages.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://packages.example/debian
Suites: bookworm bookworm-updates
Components: main
"""


def test_debians_packages_come_from_this_machines_mirror(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    assert debian.mirror_of("bookworm", tmp_path) is None
    (folder / "debian.sources").write_text(STANZAS)
    assert debian.mirror_of("bookworm", tmp_path) == "http://packages.example/debian"
    assert debian.mirror_of("noble", tmp_path) is None
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example bookworm main\n"
        "deb-src http://sources.example bookworm main\n"
        "deb [signed-by=/key arch=amd64] http://lines.example bookworm main contrib\n"
    )
    assert debian.mirror_of("bookworm", tmp_path) == "http://lines.example"


def test_debootstrap_is_not_sent_where_only_apt_finds_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (tmp_path / "sources.list").write_text("deb mirror+file:/etc/apt/mirrors.txt bookworm main\n")
    (folder / "cdrom.sources").write_text("Types: deb\nURIs: cdrom://x\nSuites: bookworm\nComponents: main\n")
    assert debian.mirror_of("bookworm", tmp_path) is None
    uris = "mirror+file:/etc/apt/mirrors.txt https://packages.example/debian"
    (folder / "debian.sources").write_text(f"Types: deb\nURIs: {uris}\nSuites: bookworm\nComponents: main\n")
    assert debian.mirror_of("bookworm", tmp_path) == "https://packages.example/debian"
