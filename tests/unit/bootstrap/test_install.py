"""The package of the config's digest is installed, whatever was there before, and only that is recorded."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.unit.bootstrap.support import Machine
from tests.unit.vmmesh.support import Programs

RECORD = "var/lib/vm-mesh/package"
DIGEST = hashlib.sha256(b"a package").hexdigest()


def install(machine: Machine, kind: str) -> subprocess.CompletedProcess[str]:
    package: Path = machine.put(f"sidecar.{kind}", "a package")
    return machine.step("install.sh", PACKAGE=str(package), PACKAGE_SHA256=DIGEST)


@pytest.fixture
def debian(machine: Machine, programs: Programs) -> Machine:
    """A machine with apt, on which the sidecar is in the state that a file says."""
    programs.write("state", "installed")
    programs.make("apt-get")
    programs.make("dpkg")
    programs.make("dpkg-query", 'cat "$(dirname "$0")/state"')
    return machine


def installs(programs: Programs) -> list[str]:
    return [call for call in programs.calls if " install " in call and "--simulate" not in call and ".deb" in call]


def test_another_package_of_the_same_version_takes_the_place_of_the_old_one(
    debian: Machine, programs: Programs
) -> None:
    debian.put(RECORD, "another digest\n")
    assert install(debian, "deb").returncode == 0
    (call,) = installs(programs)
    assert " install --reinstall " in call
    assert (debian.folder / RECORD).read_text() == f"{DIGEST}\n"


def test_a_package_that_is_there_is_not_installed_again(debian: Machine, programs: Programs) -> None:
    debian.put(RECORD, f"{DIGEST}\n")
    assert install(debian, "deb").returncode == 0
    assert installs(programs) == []


def test_a_package_that_is_half_configured_is_installed_again(debian: Machine, programs: Programs) -> None:
    debian.put(RECORD, f"{DIGEST}\n")
    programs.write("state", "half-configured")
    assert install(debian, "deb").returncode == 0
    assert len(installs(programs)) == 1


def test_an_install_that_fails_leaves_no_record_of_the_one_before(debian: Machine, programs: Programs) -> None:
    debian.put(RECORD, "another digest\n")
    programs.make("apt-get", "echo no room >&2; exit 100")
    done = install(debian, "deb")
    assert done.returncode == 1
    assert "no room" in done.stderr
    assert not (debian.folder / RECORD).exists()


@pytest.mark.parametrize(
    ("installed", "verb"), [("istio-sidecar-1.31", "reinstall"), ("istio-sidecar-1.30", "install")]
)
def test_an_rpm_of_the_same_version_takes_the_place_of_the_old_one(
    installed: str, verb: str, machine: Machine, programs: Programs
) -> None:
    programs.make("dpkg-query", "exit 1")
    programs.make("dnf")
    query = f'case "$*" in *--package*) echo istio-sidecar-1.31 ;; *{installed}) ;; *) exit 1 ;; esac'
    programs.make("rpm", query)
    assert install(machine, "rpm").returncode == 0
    (call,) = (call for call in programs.calls if call.startswith("dnf "))
    assert f" {verb} " in call
