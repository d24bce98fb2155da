"""Which commands were broken off is kept until they have come to an end."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from components.scripts import NOTHING, script
from vmmesh.broken_off import BrokenOff, runs_again

COMMAND = "command:local:Command"


def test_what_is_broken_off_is_kept_until_it_has_ended(tmp_path: Path) -> None:
    kept = BrokenOff(tmp_path / "broken-off.json")
    assert kept.names() == []
    kept.note(["vm1-join", "vm1-sidecar"])
    kept.note(["vm1-join"], ended=["vm1-sidecar"])
    assert BrokenOff(tmp_path / "broken-off.json").names() == ["vm1-join"]
    kept.note([], ended=["vm1-join"])
    assert kept.names() == []
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_what_was_kept_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = BrokenOff(tmp_path / "broken-off.json")
    kept.note(["vm1-join"])

    def full(path: Path, text: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, text.decode())

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="vm2"):
            kept.note(["vm2-join"])
    assert kept.names() == ["vm1-join"]


def test_what_has_begun_and_ended_is_not_broken_off(tmp_path: Path) -> None:
    kept = BrokenOff(tmp_path / "broken-off.json")
    kept.note(["vm1-join"], ended=["vm1-join", "vm1-entry"])
    assert kept.names() == []


@pytest.mark.parametrize(
    ("kind", "inputs", "again"),
    [
        (COMMAND, {"create": "sh bootstrap/join.sh"}, True),
        (COMMAND, {"create": "kind create cluster", "delete": "kind delete cluster"}, False),
        (COMMAND, {"create": NOTHING, "update": NOTHING}, False),
        (COMMAND, {"create": script("kind-load.sh")}, True),
        (COMMAND, {"create": script("ca-intermediate.sh")}, False),
        (COMMAND, {}, False),
        ("kubernetes:core/v1:Service", {}, False),
    ],
)
def test_only_what_may_run_at_any_time_is_run_again(kind: str, inputs: dict[str, str], again: bool) -> None:
    assert runs_again(kind, inputs) is again
