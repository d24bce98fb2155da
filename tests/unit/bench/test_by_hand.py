"""The scripts to compare with are given all that they ask for."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import Mock

import pytest

from bench.measures import mesh
from tests.unit.components.program import ARTIFACTS
from toolchain import artifacts

FOLDER = Path(__file__).parents[3] / "bench" / "by_hand"
# Set by the scripts themselves, by the one that calls the other, or (PORT1, PORT2) named by a loop.
_OWN = {"PORT", "KUBECONFIG", "GATEWAY", "NETWORK", "CONTAINER", "KIND_EXPERIMENTAL_DOCKER_NETWORK"}


@pytest.mark.parametrize("script", ["up.sh", "join.sh", "down.sh"])
def test_every_variable_is_set(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "load", Mock(return_value=artifacts.parse(ARTIFACTS)))
    given = mesh.variables(tmp_path)
    asked = set(re.findall(r"\$\{?([A-Z][A-Z0-9_]+)", (FOLDER / script).read_text()))
    assert asked - _OWN <= given.keys()
