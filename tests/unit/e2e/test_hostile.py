"""The hostile values of the end-to-end tests are taken by the config, and their mistakes refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import PROJECT, SettingsError, load
from settings.application import bookinfo
from tests.e2e.test_faults_config import COMMAND, ENV, LABELS, MISTAKES, spoil

ROOT = Path(__file__).parents[3]


def config() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]


def plain(config: dict[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()}


def test_the_values_are_taken() -> None:
    hostile = config()
    hostile["vm-mesh:application"] = {**bookinfo(), "details": {"versions": {"v1": {"env": ENV}}}}
    hostile["vm-mesh:vms"]["vm1"]["labels"] = LABELS
    hostile["vm-mesh:vms"]["vm1"]["services"]["details"]["command"] = COMMAND
    settings = load(plain(hostile))
    assert settings.application["details"].versions["v1"].env == ENV
    assert settings.vms["vm1"].services["details"].command == COMMAND


def test_each_mistake_is_told() -> None:
    wrong = config()
    spoil(wrong)
    with pytest.raises(SettingsError) as caught:
        load(plain(wrong))
    said = str(caught.value)
    assert [words for _, words in MISTAKES.values() if words not in said] == [], said
