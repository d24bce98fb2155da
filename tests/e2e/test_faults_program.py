"""The program's own runs are killed, meet each other, or find their state damaged: the next run puts it right."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.faults import kill_all
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = [pytest.mark.e2e, pytest.mark.long]

KILLS = 20
SEED = int(os.environ.get("FAULTS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
VM = "vm9"
SETTINGS = {
    "cluster": "cluster2",
    "services": {"details": {"port": 9080, "command": "/usr/local/bin/details"}},
    "probe": {"http": {"path": "/health", "port": 9080}},
}


@pytest.fixture(scope="module", autouse=True)
def as_it_was(running: Environment) -> Iterator[None]:
    yield
    configure(running, vm=False, stage="vm-only")
    running.make("up")
    running.forget_outputs()


def configure(environment: Environment, *, vm: bool, stage: str) -> None:
    with environment.edited() as config:
        config["vm-mesh:vms"].pop(VM, None)
        if vm:
            config["vm-mesh:vms"][VM] = SETTINGS
        config["vm-mesh:stages"]["details"] = stage


def begun(environment: Environment) -> subprocess.Popen[bytes]:
    """`vmmesh up`, in a session of its own: Ctrl-C is for the tests alone."""
    command = [sys.executable, "-m", "vmmesh", "up", "--stack", environment.stack]
    return subprocess.Popen(
        command,
        cwd=environment.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_run_that_is_killed_is_finished_by_the_next(running: Environment) -> None:
    """At random moments of updates that make a VM, remove it and move calls; nobody's call is lost meanwhile."""
    rng = random.Random(SEED)  # when to kill
    print(f"FAULTS_SEED={SEED}")
    with Stream(running.outputs["urls"]["cluster1"], rate=100) as stream:
        whole = [undisturbed(running, number) for number in range(2)]
        killed = number = 0
        while killed < KILLS:
            change(running, number)
            after = rng.uniform(0, whole[number % 2])
            # Every second time the run alone: its pulumi is left to itself.
            ended = ended_within(begun(running), after, (kill_alone, kill_all)[number // 2 % 2])
            killed += not ended
            started = time.monotonic()
            running.make("up")
            took = time.monotonic() - started
            print(
                f"{number}: {'it had ended' if ended else f'kill {killed}'} after {after:.1f} s; "
                f"the next run took {took:.0f} s; {dict(stream.results)}"
            )
            assert running.changes() == []
            number += 1
    assert set(stream.results) == {"200"}


def change(environment: Environment, number: int) -> None:
    """Has the next update make a VM and move calls, or undo it, in turns."""
    configure(environment, vm=number % 2 == 0, stage=("canary", "vm-only")[number % 2])


def undisturbed(environment: Environment, number: int) -> float:
    """Seconds of such an update that nobody kills."""
    change(environment, number)
    started = time.monotonic()
    assert begun(environment).wait() == 0
    return time.monotonic() - started


def ended_within(run: subprocess.Popen[bytes], seconds: float, kill: Callable[[subprocess.Popen[bytes]], None]) -> bool:
    """Whether a run ends by itself in time; otherwise it is killed."""
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(run)
        return False
    return True


def kill_alone(run: subprocess.Popen[bytes]) -> None:
    run.kill()
    run.wait()


def test_of_two_runs_one_works_and_one_says_who_does(running: Environment) -> None:
    configure(running, vm=True, stage="vm-only")
    first = begun(running)
    lock = running.root / ".state" / f"{running.stack}.lock"

    def has_begun() -> None:
        assert lock.read_text().strip() == str(first.pid)

    eventually(has_begun)
    with pytest.raises(subprocess.CalledProcessError) as second:
        running.vmmesh("up")
    assert f"process {first.pid}" in second.value.stderr
    assert first.wait() == 0


def state_file(environment: Environment) -> Path:
    (found,) = environment.root.glob(f".state/**/stacks/vm-mesh/{environment.stack}.json")
    return found


def test_a_state_that_is_damaged_is_refused_and_its_backup_restores_it(running: Environment) -> None:
    configure(running, vm=False, stage="vm-only")
    running.make("up")
    file = state_file(running)
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(subprocess.CalledProcessError) as refused:
            running.vmmesh("up")
        said = refused.value.stderr
        assert "Traceback" not in said
        assert ".bak" in said
        # As it says.
        file.write_bytes(file.with_suffix(".json.bak").read_bytes())
        running.make("up")
    finally:
        if running.pulumi("stack", "export") == "":
            file.write_bytes(whole)
    assert running.changes() == []
    assert send(running.outputs["urls"]["cluster1"], new_ids(20)) == {"200": 20}
