"""The images of a management cluster: who gets which, from where, and what they are built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import PROJECT, load
from tests.unit.toolchain.support import every
from toolchain import versions
from toolchain.ensure import Plan
from toolchain.images import FOLDER, Built
from toolchain.mirror import Mirror
from toolchain.recipe import Entry, Shop
from toolchain.recipes.management import IMAGES, ManagementImages, wanted
from toolchain.recipes.workloads import Workloads

ROOT = Path(__file__).parents[3]
COLLECTOR, LOGS, TRACES, METRICS = "otel-collector", "victoria-logs", "jaeger", "prometheus"
KEYS = {"metrics": (METRICS,), "accessLogs": (COLLECTOR, LOGS), "traces": (COLLECTOR, TRACES)}


@pytest.mark.parametrize("management", [None, {}, {"cluster": "c"}, "metrics", ["metrics"]])
def test_without_anything_to_keep_no_image_is_wanted(management: Any) -> None:
    assert wanted({}) == ()
    assert wanted({"vm-mesh:management": management}) == ()


@pytest.mark.parametrize(
    ("keys", "images"),
    [
        (("metrics",), (METRICS,)),
        (("accessLogs",), (COLLECTOR, LOGS)),
        (("traces",), (COLLECTOR, TRACES)),
        (("accessLogs", "traces"), (COLLECTOR, LOGS, TRACES)),
        (("metrics", "accessLogs", "traces"), (METRICS, COLLECTOR, LOGS, TRACES)),
    ],
)
def test_each_key_takes_its_images_each_once_and_the_program_asks_for_the_same(
    keys: Sequence[str], images: Sequence[str]
) -> None:
    management: dict[str, Any] = {"cluster": "cluster1", **{key: {} for key in keys}}
    assert wanted({"vm-mesh:management": management}) == images
    dev = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    config = {key.removeprefix(f"{PROJECT}:"): value for key, value in dev.items()}
    settings = load({**config, "management": management})
    assert sorted(settings.management.images()) == sorted(images)


def test_all_images_are_of_some_key() -> None:
    assert set(wanted({"vm-mesh:management": dict.fromkeys(KEYS)})) == set(IMAGES)


@pytest.mark.parametrize("key", KEYS)
def test_a_stack_gets_what_it_keeps_things_with_and_no_more(key: str, shop: Shop) -> None:
    def steps(config: dict[str, Any]) -> set[str]:
        plan = Plan(shop, Workloads(Mirror()), ManagementImages(Mirror(), wanted(config)))
        return {step.name for step in every(way for choice in plan.choices for way in choice.ways)}

    more = steps({"vm-mesh:management": {"cluster": "c", key: {}}}) - steps({})
    for image in IMAGES:
        built = {image, f"{image}-modules", f"{image}-image", f"{image}-archive", f"management-{image}"}
        assert more & built == (built if image in KEYS[key] else set())


def test_an_image_that_is_pulled_has_no_archive(shop: Shop) -> None:
    images = ManagementImages(Mirror(images="registry.example/hub"), (METRICS,))
    (choice,) = images.choices
    official, built = choice.ways
    pulled = images.finish(shop, {choice.name: official})[METRICS]
    assert (pulled.reference, pulled.archive) == ("registry.example/hub/prom/prometheus:v3.16.0", None)
    made = images.finish(shop, {choice.name: built})[METRICS]
    assert made.reference.startswith("localhost/vm-mesh/prometheus:3.16.0-")
    assert made.archive == ".state/prometheus.tar"
    assert (shop.checkout.root / made.archive).is_symlink()


def made_of(image: str, step: str) -> tuple[Any, ...]:
    """What a step of building an image works from: what its key holds."""
    (found,) = (it for it in every([IMAGES[image]]) if it.name == step)
    return tuple(found.made_of())


@pytest.mark.parametrize("image", IMAGES)
def test_the_key_of_an_images_modules_holds_what_is_required(image: str) -> None:
    version = versions.of(image)
    (go_mod,) = (it for it in made_of(image, f"{image}-modules") if str(it).startswith("module "))
    required = [f"{version.module} {version.module_version}", *version.texts("requires")]
    assert [line.removeprefix("require ") for line in go_mod.splitlines() if line.startswith("require ")] == required
    assert f"go {versions.of('go').version}" in go_mod.splitlines()
    assert version.version in made_of(image, f"{image}-image")


def test_the_key_of_the_collector_holds_the_source_that_composes_it() -> None:
    source = FOLDER.parent / "files" / COLLECTOR
    assert source in made_of(COLLECTOR, f"{COLLECTOR}-modules")
    assert (source / "main.go").is_file()


def test_the_key_of_prometheus_holds_what_is_left_out_and_the_version_that_it_tells() -> None:
    tags = "remove_all_sd,enable_kubernetes_sd"
    assert tags in made_of(METRICS, f"{METRICS}-modules")
    flags = made_of(METRICS, METRICS)
    assert f"-tags={tags}" in flags
    (linked,) = (flag for flag in flags if str(flag).startswith("-ldflags="))
    assert f"version.Version={versions.of(METRICS).version}" in linked


def with_other_modules(image: Built) -> Built:
    """The image as it is after an edit of what is required."""
    engine, program = image.needs
    assert isinstance(program, Entry)
    modules, *rest = program.needs
    assert isinstance(modules, Entry)
    other = replace(modules, ingredients=(*modules.ingredients, "another"))
    return replace(image, needs=(engine, replace(program, needs=(other, *rest))))


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_of_other_modules_is_another_one_and_the_others_stay(name: str) -> None:
    image = IMAGES[name]
    other = with_other_modules(image)
    assert image.tag == f"{image.version}-{image.key}"
    assert other.reference != image.reference
    keys = [image.key, other.key, *(it.key for it in IMAGES.values() if it is not image)]
    assert len(set(keys)) == len(keys)
    assert replace(image).reference == image.reference


@pytest.mark.parametrize("name", IMAGES)
def test_an_archive_is_of_the_very_image(name: str) -> None:
    (choice,) = ManagementImages(Mirror(), (name,)).choices
    _, built = choice.ways
    image, archive = built.needs
    assert image is IMAGES[name]
    assert archive.needs == (image,)
