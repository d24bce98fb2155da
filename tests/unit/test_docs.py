"""The docs name what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from settings import KEYS, PROJECT, RuleSettings, Settings, load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/configuration.md").read_text()


def fields(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    """Names of the keys anywhere in a schema."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from fields(inner, definitions)
    for inner in (schema.get("additionalProperties"), schema.get("items"), *schema.get("anyOf", ())):
        if isinstance(inner, dict):
            yield from fields(inner, definitions)  # pyright: ignore[reportUnknownArgumentType]


def every_key() -> set[str]:
    schema = TypeAdapter(Settings).json_schema(by_alias=True)
    return {*KEYS, *fields(schema, schema["$defs"])} - {"ca", "certificate", "key"}


@pytest.mark.parametrize("key", sorted(every_key()))
def test_every_key_is_documented(key: str) -> None:
    assert re.search(rf"[`.# ]{key}[`.,\n]", PAGE)


@pytest.mark.parametrize("file", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda file: file.name)
def test_every_environment_is_one_that_is_taken(file: Path) -> None:
    config = yaml.safe_load(file.read_text())["config"]
    load({key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()})


WAYS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/ways-to-move.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("example", WAYS)
def test_every_way_to_move_is_one_that_is_taken(example: str) -> None:
    config = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    config["vm-mesh:routes"]["details"] |= yaml.safe_load(example)
    settings = load({key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()})
    route = settings.routes["details"]
    assert any(route.rule_in(stage) != RuleSettings() for stage in route.stages)


def test_the_stack_of_a_team_is_one_that_is_taken() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/many-stacks.md").read_text(), re.DOTALL)
    load({key.removeprefix(f"{PROJECT}:"): value for key, value in yaml.safe_load(example).items()})


@pytest.mark.parametrize(
    "example", re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/your-own-service.md").read_text(), re.DOTALL)
)
def test_a_service_of_one_s_own_is_described_by_a_config_that_is_taken(example: str) -> None:
    config = yaml.safe_load(example)["config"]
    settings = load({key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()})
    assert settings.services() == ["shop", "billing"]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake (?:-s )?([a-z]+)\b", re.sub(r"GNU make", "", (ROOT / "README.md").read_text())))
    assert named <= targets, named - targets
