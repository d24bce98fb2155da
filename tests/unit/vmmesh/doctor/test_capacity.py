"""What the clusters take of the operator's machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.unit.vmmesh.doctor.support import engine, only, operator
from tests.unit.vmmesh.support import Programs
from vmmesh.doctor import capacity


def test_memory_is_needed_for_the_clusters_to_come(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2 * 2**30))
    engine(programs)
    assert only(list(capacity.memory(operator(tmp_path)))).level == "warning"
    engine(programs, "vm-mesh-dev-cluster1-control-plane\t127.0.0.1:8081->30080/tcp\tvm-mesh-dev-cluster1")
    assert only(list(capacity.memory(operator(tmp_path)))).level == "ok"


@pytest.mark.parametrize(("limit", "others", "level"), [(128, 2, "ok"), (128, 3, "failure"), (512, 10, "ok")])
def test_more_than_four_nodes_need_more_than_128_inotify_instances(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch, limit: int, others: int, level: str
) -> None:
    file = tmp_path / "max_user_instances"
    file.write_text(f"{limit}\n")
    monkeypatch.setattr(capacity, "INSTANCES", file)
    engine(programs, *(f"other{number}-control-plane\t\tother{number}" for number in range(others)), "no-node\t\t")
    found = only(list(capacity.inotify(operator(tmp_path))))
    assert found.level == level
    assert f"{2 + others} nodes" in found.what
