"""Single checks of the preflight, by the words that they have for what they find; on machines, tests/e2e tries all."""

from __future__ import annotations

import os
import subprocess

from tests.unit.bootstrap.support import ROOT

PARTS = "cat bootstrap/vm/preflight/*.sh"


def look(check: str, has: str = "", **data: str) -> list[list[str]]:
    """What a check finds: level, check, what, advice; ``has`` replaces what the machine is asked for, in shell."""
    script = f'eval "$({PARTS})"\n{has}\nlook_at_{check}'
    done = subprocess.run(
        ["sh", "-euc", script], cwd=ROOT, env={**os.environ, **data}, capture_output=True, text=True, check=True
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


TAKEN = 'listener() { echo 0 4711; }; holder() { echo "java (process 7)"; }'


def test_a_service_that_is_to_be_started_needs_its_port() -> None:
    ((level, check, what, advice),) = look("services", TAKEN, PORTS="9080 9081", STARTED_PORTS="9081")
    assert (level, check, what) == ("warning", "services", "port 9081 is taken by java (process 7)")
    assert "disable it" in advice


def test_a_service_that_is_taken_as_it_runs_may_run() -> None:
    assert look("services", TAKEN, PORTS="9080", STARTED_PORTS="") == []
