"""A service that the config lacks, or whose command it lacks, runs no longer on its machine, and nothing else ends."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.unit.bootstrap.support import Machine
from tests.unit.vmmesh.support import Programs

UNIT = "etc/systemd/system/{}.service"


@pytest.fixture
def serving(machine: Machine) -> Machine:
    """A machine with two services."""
    for service in ("details", "ratings"):
        done = machine.step("serve.sh", SERVICE=service, COMMAND=f"/usr/local/bin/{service}")
        assert done.returncode == 0, done.stderr
    return machine


def files(machine: Machine, service: str) -> list[str]:
    places = (UNIT.format(service), f"usr/local/lib/vm-mesh/{service}", f"var/lib/vm-mesh/started-{service}")
    return [place for place in places if (machine.folder / place).exists()]


def test_a_service_that_is_taken_out_is_stopped_and_nothing_of_it_left(serving: Machine, programs: Programs) -> None:
    assert len(files(serving, "details")) == 3
    assert serving.step("unserve.sh", SERVICE="details").returncode == 0
    assert "systemctl --quiet disable --now details" in programs.calls
    assert "userdel svc-details" in programs.calls
    assert files(serving, "details") == []
    assert len(files(serving, "ratings")) == 3
    assert "systemctl --quiet disable --now ratings" not in programs.calls


def test_a_service_that_is_the_machine_s_own_by_now_goes_on(serving: Machine, programs: Programs) -> None:
    unit = serving.put(UNIT.format("details"), "[Service]\nExecStart=/opt/details\n")
    assert serving.step("unserve.sh", SERVICE="details").returncode == 0
    assert unit.exists()
    assert "systemctl --quiet disable --now details" not in programs.calls


def test_a_machine_that_leaves_keeps_no_service_of_ours(serving: Machine, programs: Programs) -> None:
    """Nor one that an update which failed has left behind: the machine itself knows which there are."""
    for name in ("kubectl", "dpkg", "groupdel"):
        programs.make(name)
    own = serving.put(UNIT.format("own"), "[Service]\n")
    done = serving.step("leave.sh", NAMESPACE="virtual-machines", SELECTOR="vm-mesh/machine=vm1")
    assert done.returncode == 0, done.stderr
    assert files(serving, "details") == files(serving, "ratings") == []
    assert {call for call in programs.calls if " disable --now " in call} == {
        f"systemctl --quiet disable --now {name}" for name in ("istio", "details", "ratings")
    }
    assert own.exists()


def test_a_first_start_that_failed_is_taken_back_too(machine: Machine, programs: Programs) -> None:
    programs.make("systemctl", 'case "$*" in "restart details") exit 1 ;; esac')
    assert machine.step("serve.sh", SERVICE="details", COMMAND="/bin/details").returncode != 0
    for name in ("kubectl", "dpkg"):
        programs.make(name)
    assert machine.step("leave.sh", NAMESPACE="virtual-machines", SELECTOR="vm-mesh/machine=vm1").returncode == 0
    assert files(machine, "details") == []


def leaving(machine: Machine, programs: Programs, others: str, healthy: str) -> list[str]:
    """The calls of kubectl of a machine that leaves while there are ``others`` in its place."""
    programs.make("hostname", "echo 10.0.0.5 10.0.1.5")
    programs.make(
        "kubectl",
        f"""case "$*" in
        *'address=="10.0.0.5"'*.metadata.name*) echo vm1-10.0.0.5 ;;
        *'address!="10.0.0.5"'*.metadata.name*) echo {others} ;;
        *'address!="10.0.0.5"'*Healthy*) {healthy} ;;
        esac""",
    )
    for name in ("dpkg", "pilot-agent"):
        programs.make(name)
    done = machine.step("leave.sh", NAMESPACE="virtual-machines", SELECTOR="vm-mesh/machine=vm1")
    assert (done.returncode, done.stderr) == (0, "")
    return [call.partition("--namespace ")[2] for call in programs.calls if call.startswith("kubectl")]


def test_a_machine_that_leaves_takes_its_own_entry_along_alone(machine: Machine, programs: Programs) -> None:
    *asked, deleted = leaving(machine, programs, "", "")
    entries = "virtual-machines get workloadentries.networking.istio.io --selector vm-mesh/machine=vm1 "
    assert all(call.startswith(entries) for call in asked)
    assert deleted == "virtual-machines delete workloadentries.networking.istio.io --ignore-not-found vm1-10.0.0.5"


def test_a_machine_leaves_when_the_one_in_its_place_can_serve(machine: Machine, programs: Programs) -> None:
    """That has an entry with the same labels, and joins before its first probe has succeeded."""
    programs.make("sleep")
    ready = 'if mkdir "$0-was-asked" 2>/dev/null; then echo False; else echo True; fi'
    *asked, deleted = leaving(machine, programs, "vm1-10.0.0.6", ready)
    assert sum("Healthy" in call for call in asked) == 2
    assert deleted.endswith(" vm1-10.0.0.5")


def test_a_machine_without_an_entry_leaves(machine: Machine, programs: Programs) -> None:
    for name in ("hostname", "kubectl", "dpkg"):
        programs.make(name)
    done = machine.step("leave.sh", NAMESPACE="virtual-machines", SELECTOR="vm-mesh/machine=vm1")
    assert (done.returncode, done.stdout) == (0, "")
    assert not any(" delete " in call for call in programs.calls)


def test_a_machine_leaves_though_the_cluster_is_silent(machine: Machine, programs: Programs) -> None:
    for name, does in (("hostname", ""), ("kubectl", "exit 1"), ("dpkg", "")):
        programs.make(name, does)
    done = machine.step("leave.sh", NAMESPACE="virtual-machines", SELECTOR="vm-mesh/machine=vm1")
    assert done.returncode == 0
    assert done.stdout == "vm1: its workload entry could not be removed; istiod removes it when it is back\n"
    assert "systemctl --quiet disable --now istio" in programs.calls


@pytest.mark.parametrize("script", ["unserve.sh", "leave.sh"])
def test_only_a_machine_that_is_gone_need_not_answer(script: str, machine: Machine, programs: Programs) -> None:
    programs.make("kubectl")
    data = {"SERVICE": "details", "NAMESPACE": "x", "SELECTOR": "x", "TRANSPORT": "false"}
    silent = machine.step(script, **data)
    assert silent.returncode == 1
    assert "make up GONE=vm1" in silent.stderr
    gone = machine.step(script, **data, VM_MESH_GONE="vm0 vm1")
    assert (gone.returncode, gone.stdout) == (0, "vm1 is gone: nothing was done on it\n")


@pytest.fixture
def runit(machine: Machine, programs: Programs) -> Iterator[Machine]:
    """A machine whose init is runit."""
    shutil.rmtree(machine.folder / "run/systemd")
    (machine.folder / "etc/service").mkdir()
    pipes = machine.folder / "etc/sv/details/supervise"
    pipes.mkdir(parents=True)
    os.mkfifo(pipes / "ok")
    programs.make("runsvdir", "read until_its_end")
    with subprocess.Popen(["runsvdir"], stdin=subprocess.PIPE):  # which the end of the block closes
        yield machine


def test_runit_is_spoken_to_when_it_listens(runit: Machine, programs: Programs) -> None:
    """The pipe is there before anybody reads it, and ``sv`` says "runsv not running" until then."""
    programs.make("sleep")
    programs.make(
        "sv",
        """case "$*" in
        "status details") if mkdir "$0-asked" 2>/dev/null; then exit 1; else mkdir "$0-listens"; fi ;;
        "-w 30 restart details") [ -d "$0-listens" ] ;;
        esac""",
    )
    done = runit.step("serve.sh", SERVICE="details", COMMAND="/bin/details")
    assert (done.returncode, done.stderr) == (0, "")
    assert [call for call in programs.calls if call.startswith("sv ")] == [
        "sv status details",
        "sv status details",
        "sv -w 30 restart details",
    ]


def test_what_runit_says_of_a_service_that_does_not_start_is_told(runit: Machine, programs: Programs) -> None:
    programs.make("sv", 'case "$*" in *restart*) echo "timeout: down: details: 30s"; exit 1 ;; esac')
    done = runit.step("serve.sh", SERVICE="details", COMMAND="/bin/details")
    assert (done.returncode, done.stderr) == (1, "vm1: timeout: down: details: 30s\n")
