"""A config and its settings, as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from settings import KEYS, PROJECT, from_pulumi, load
from tests.unit.settings.support import DEV, ENCRYPTED, FULL, REMOVED, ROOT, as_pulumi, changed, errors, inside

PROJECT_FILE: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())


def test_dev_loads() -> None:
    settings = from_pulumi(as_pulumi(DEV), ENCRYPTED)
    assert settings.weights("details") == {"vm1": 100}
    assert list(settings.application) == ["productpage", "details", "reviews", "ratings"]
    assert settings.namespaces() == ["default", "virtual-machines"]
    assert settings.ca is None


def test_what_vms_alone_run_is_a_service_too() -> None:
    settings = load(changed("vms/vm1/services/billing", {"port": 9090}, DEV))
    assert settings.services() == ["productpage", "details", "reviews", "ratings", "billing"]


@pytest.mark.parametrize("stage", DEV["routes"]["details"]["stages"])
def test_every_stage_of_dev_loads(stage: str) -> None:
    settings = load(changed("stages/details", stage, DEV))
    assert settings.weights("details") == DEV["routes"]["details"]["stages"][stage]


def test_project_file_declares_the_keys_that_are_known() -> None:
    declared: dict[str, dict[str, Any]] = PROJECT_FILE["config"]
    assert {*declared} == {f"{PROJECT}:{key}" for key in KEYS}
    for key, entry in declared.items():
        assert entry["type"] in ("object", "array", "string"), key
        assert entry["description"].strip(), key


def test_defaults_of_the_project_file_are_the_defaults() -> None:
    entries = PROJECT_FILE["config"].items()
    defaults = {key.removeprefix(f"{PROJECT}:"): entry["default"] for key, entry in entries if "default" in entry}
    least = {"clusters": {"only": {"network": "network1"}}}
    assert {*KEYS} - {*defaults} == {*least}
    assert from_pulumi(as_pulumi({**defaults, **least}), ENCRYPTED) == load(least)


def test_the_full_config_loads_and_sets_every_field() -> None:
    settings = load(FULL)
    assert settings == from_pulumi(as_pulumi(FULL), ENCRYPTED)

    def collect(value: Any) -> Iterator[tuple[type[BaseModel], set[str]]]:
        if isinstance(value, BaseModel):
            yield type(value), value.model_fields_set
            for field in type(value).model_fields:
                yield from collect(getattr(value, field))
        for _, inner in inside(value):
            yield from collect(inner)

    models: dict[type[BaseModel], set[str]] = {}
    for model, fields in collect(settings):
        models.setdefault(model, set()).update(fields)
    assert models == {model: set(model.model_fields) for model in models}


def test_services_are_in_the_clusters_that_run_them() -> None:
    settings = load(FULL)
    assert list(settings.services_in("made")) == ["details"]
    assert list(settings.services_in("there")) == ["details", "ratings"]


def test_settings_are_frozen() -> None:
    settings = load(FULL)
    with pytest.raises(ValueError, match="frozen"):
        settings.mesh.id = "other"
    settings.weights("details")["vm1"] = 0
    assert settings.weights("details") == {"vm1": 100}


def test_other_projects_keys_are_left_alone() -> None:
    assert from_pulumi({**as_pulumi(DEV), "kubernetes:context": "x", "vm-mesh-2:routes": "x"}, ENCRYPTED) == load(DEV)


def test_one_root_is_made_unless_there_is_a_ca() -> None:
    assert load(DEV).made_roots() == ("root",)
    assert load({**DEV, "roots": ["next", "root"]}).made_roots() == ("next", "root")
    assert load(changed("roots", REMOVED)).made_roots() == ()
    assert load(FULL).made_roots() == ("next",)


def test_a_root_is_named_once() -> None:
    assert errors({**DEV, "roots": ["root", "root"]}) == (
        f"{PROJECT}:roots[1]: is the same root as {PROJECT}:roots[0]",
    )
