"""Single checks of the preflight, by the words that they have for what they find; on machines, tests/e2e tries all."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.unit.bootstrap.support import ROOT, Machine, below

PARTS = [ROOT / "bootstrap/vm/common.sh", *sorted((ROOT / "bootstrap/vm/preflight").glob("*.sh"))]


def look(check: str, has: str = "", machine: Machine | None = None, **data: str) -> list[list[str]]:
    """What a check finds: level, check, what, advice; ``has`` replaces what the machine is asked for, in shell."""
    parts = "".join(part.read_text() for part in PARTS)
    script = f"{below(str(machine.folder), parts) if machine else parts}\n{has}\nlook_at_{check}"
    environment = {**os.environ, "VM": "vm1", **data}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


TAKEN = 'listener() { echo 0 4711; }; holder() { echo "java (process 7)"; }'


def test_a_service_that_is_to_be_started_needs_its_port() -> None:
    ((level, check, what, advice),) = look("services", TAKEN, PORTS="9080 9081", STARTED_PORTS="9081")
    assert (level, check, what) == ("warning", "services", "port 9081 is taken by java (process 7)")
    assert "disable it" in advice


def test_a_service_that_is_taken_as_it_runs_may_run() -> None:
    assert look("services", TAKEN, PORTS="9080", STARTED_PORTS="") == []


NO_ROOM = "df() { printf 'Filesystem\\nx 1 1 102400 1%% /\\n'; }"


def test_a_machine_needs_room_to_join_and_not_once_more_when_it_has(machine: Machine) -> None:
    assert [(level, check) for level, check, *_ in look("disk", NO_ROOM, machine)] == 2 * [("failure", "disk")]
    machine.put("var/lib/vm-mesh/package")
    assert [(level, check) for level, check, *_ in look("disk", NO_ROOM, machine)] == 2 * [("warning", "disk")]


@pytest.mark.parametrize(
    ("kind", "manager", "level"),
    [
        ("deb", "apt-get", "ok"),
        ("deb", "dnf", "failure"),
        ("rpm", "dnf", "ok"),
        ("rpm", "yum", "ok"),
        ("rpm", "apt-get", "failure"),
        ("rpm", "zypper", "failure"),
    ],
)
def test_a_machine_needs_a_manager_for_the_packages_kind(kind: str, manager: str, level: str) -> None:
    has = f"has() {{ [ $1 = {manager} ] || [ $1 = dpkg ]; }}; missing() {{ :; }}; uname() {{ echo x86_64; }}"
    ((found, _, what, _),) = look("package", has, KIND=kind)
    assert found == level, what


@pytest.mark.parametrize(("running", "level"), [("runsvdir", "ok"), ("cron", "failure")])
def test_an_init_that_is_not_running_is_none(running: str, level: str, machine: Machine) -> None:
    (machine.folder / "run/systemd/system").rmdir()
    machine.put("etc/service/details/run")
    has = f"has() {{ :; }}; grep() {{ [ $2 = {running} ]; }}"
    assert [(found, check) for found, check, *_ in look("init", has, machine)] == [(level, "init")]
