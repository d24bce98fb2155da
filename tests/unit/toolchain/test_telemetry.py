"""Images for access logs and traces: only for a stack whose config asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain import asked
from toolchain.ensure import Plan
from toolchain.images import Pulled
from toolchain.mirror import Mirror
from toolchain.recipe import Recipe, Shop
from toolchain.recipes.telemetry import BUILT, Telemetry
from toolchain.recipes.workloads import Workloads

ALL = ("otel-collector", "victoria-logs", "jaeger")


@pytest.mark.parametrize(
    ("management", "names"),
    [
        ("", ()),
        ("  vm-mesh:management: {cluster: c}\n", ()),
        ("  vm-mesh:management: {cluster: c, metrics: {}}\n", ()),
        ("  vm-mesh:management: {cluster: c, accessLogs: }\n", ()),
        ("  vm-mesh:management: {cluster: c, accessLogs: {}}\n", ALL[:2]),
        ("  vm-mesh:management: {cluster: c, traces: {sampling: 1}}\n", (ALL[0], ALL[2])),
        ("  vm-mesh:management: {cluster: c, accessLogs: {}, traces: {}}\n", ALL),
        ("  vm-mesh:management: no map\n", ()),
    ],
)
def test_a_config_asks_for_what_it_names(tmp_path: Path, management: str, names: tuple[str, ...]) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  vm-mesh:stages: {{}}\n{management}")
    assert asked.telemetry(tmp_path, "dev") == names


def test_without_a_stack_nothing_is_asked_for(tmp_path: Path) -> None:
    assert asked.telemetry(tmp_path, None) == asked.telemetry(tmp_path, "other") == ()


def test_what_is_not_asked_for_is_not_even_looked_for(shop: Shop) -> None:
    without, with_ = Plan(shop, Workloads(Mirror())), Plan(shop, Workloads(Mirror()), Telemetry(Mirror(), ALL))
    added = {choice.name for choice in with_.choices} - {choice.name for choice in without.choices}
    assert added == {f"{name}-image" for name in ALL}


def test_each_has_an_official_way_and_one_from_package_registries() -> None:
    for choice in Telemetry(Mirror(), ALL).choices():
        official, built = choice.ways
        assert official is not built
        assert not isinstance(built, Pulled)


def test_images_are_the_mirror_s_or_those_built_here() -> None:
    telemetry = Telemetry(Mirror(images="registry.example/hub"), ALL)
    ways = {choice.name: choice.ways for choice in telemetry.choices()}
    chosen: dict[str, Recipe] = {name: official for name, (official, _) in ways.items()}
    chosen["jaeger-image"] = BUILT["jaeger"]
    images = telemetry.images(chosen)
    assert images["victoria-logs"].reference.startswith("registry.example/hub/victoriametrics/victoria-logs:")
    assert (images["victoria-logs"].local, images["jaeger"].local) == (False, True)
    assert images["jaeger"].reference.startswith("localhost/vm-mesh/jaeger:")
