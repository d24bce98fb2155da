"""A VM's sidecar and service are changed while its callers go on: calls go elsewhere meanwhile, and none is lost."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.environment import Environment
from tests.e2e.traffic import Stream, new_ids, send
from toolchain import artifacts

pytestmark = pytest.mark.e2e

ANOTHER_VERSION = """
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cat >"$work/deb"
dpkg-deb --raw-extract "$work/deb" "$work/tree"
sed -i 's/^Version: .*/&+again/' "$work/tree/DEBIAN/control"
dpkg-deb -Zgzip -z1 --build "$work/tree" "$work/other" >/dev/null
cat "$work/other"
"""
COMMAND = "env UPGRADED=yes /usr/local/bin/details"


@pytest.fixture
def package(running: Environment, tmp_path: Path) -> Path:
    """The toolchain's own package under another version."""
    deb = Path(artifacts.load(running.root).sidecar_package.path)
    transport = running.outputs["transports"]["vm1"].split()
    with (running.root / deb).open("rb") as source, (made := tmp_path / "istio-sidecar.deb").open("wb") as target:
        subprocess.run([*transport, "sh", "-euc", ANOTHER_VERSION], stdin=source, stdout=target, check=True)
    return made


@pytest.fixture
def edited(running: Environment, package: Path) -> Iterator[None]:
    """A config with another sidecar and another command; as it was before, afterwards."""
    with running.edited() as config:
        vm = config["vm-mesh:vms"]["vm1"]
        before = {"services": {**vm["services"]}, "sidecar": None}
        vm["services"] = {"details": {"port": 9080, "command": COMMAND}}
        vm["sidecar"] = {"package": str(package), "sha256": hashlib.sha256(package.read_bytes()).hexdigest()}
    yield
    with running.edited() as config:
        config["vm-mesh:vms"]["vm1"]["services"] = before["services"]
        config["vm-mesh:vms"]["vm1"].pop("sidecar")
    running.make("up")


@pytest.mark.usefixtures("edited")
def test_an_upgrade_loses_no_request(running: Environment) -> None:
    agent, service = running.on_vm("pgrep -x pilot-agent"), running.on_vm("pgrep -xo details")
    with Stream(running.outputs["urls"]["cluster1"], rate=60) as stream:
        said = running.make("upgrade", "VM=vm1")
    print(said, f"upgraded in {stream.seconds:.0f} s while {dict(stream.results)} were served")
    assert set(stream.results) == {"200"}
    assert running.on_vm("dpkg-query --show --showformat='${Version}' istio-sidecar").endswith("+again")
    assert running.on_vm("pgrep -x pilot-agent") != agent
    assert COMMAND in running.on_vm("cat /usr/local/lib/vm-mesh/details")
    assert running.on_vm("pgrep -xo details") != service
    assert running.pulumi("config", "get", "--path", "stages.details").strip() == "vm-only"
    assert running.changes() == []
    assert send(running.outputs["urls"]["cluster1"], new_ids(20)) == {"200": 20}
