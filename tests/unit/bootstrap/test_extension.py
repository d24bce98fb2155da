"""A module is where the proxy looks for it, whole, whoever brings it at the same time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tests.unit.bootstrap.support import Machine
from tests.unit.vmmesh.support import Programs


def test_extensions_of_one_module_are_made_ready_at_once(machine: Machine, programs: Programs, tmp_path: Path) -> None:
    """The file of each is its own until it is whole."""
    programs.make("mv", 'exec /bin/mv "$@"')
    module = tmp_path / "module.wasm"
    module.write_bytes(b"a module")
    digest = hashlib.sha256(b"a module").hexdigest()
    for _ in range(2):
        assert machine.step("extension.sh", MODULE=str(module), SHA256=digest).returncode == 0
    moved = [call.split() for call in programs.calls if call.startswith("mv ")]
    assert len({source for _, source, _ in moved}) == 2
    assert {Path(target).name for *_, target in moved} == {f"{digest}.wasm"}
    assert [file.name for file in (machine.folder / "var/lib/vm-mesh/modules").iterdir()] == [f"{digest}.wasm"]


def test_what_a_copy_that_was_killed_has_left_is_removed_later(machine: Machine, tmp_path: Path) -> None:
    module = tmp_path / "module.wasm"
    module.write_bytes(b"a module")
    fresh = machine.put("var/lib/vm-mesh/modules/00.11", "half")
    left = machine.put("var/lib/vm-mesh/modules/00.10", "half")
    old = left.with_name("00.wasm")
    old.write_bytes(b"of another extension")
    for file in (left, old):
        os.utime(file, (0, 0))
    digest = hashlib.sha256(b"a module").hexdigest()
    assert machine.step("extension.sh", MODULE=str(module), SHA256=digest).returncode == 0
    assert not left.exists()
    assert fresh.exists()
    assert old.exists()
