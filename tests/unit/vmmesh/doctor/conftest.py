"""A cluster as the doctor's checks ask it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmmesh.doctor.examined import Examined


@pytest.fixture
def examined(tmp_path: Path) -> Examined:
    return Examined(kubeconfig=tmp_path / "kubeconfig", others=["cluster2"], istio="1.31.0")
