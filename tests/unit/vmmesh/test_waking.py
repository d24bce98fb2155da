"""What the engine has stopped of the stack is started, and nothing else."""

from __future__ import annotations

import pytest

from tests.unit.vmmesh.support import Programs, settings
from vmmesh import waking
from vmmesh.waking import wake

MADE = {"cluster1-node", "cluster2-node", "vm1-container"}


def docker(programs: Programs, *states: str, ready: str = "true") -> None:
    """An engine that has these containers, each with its state behind a tab."""
    programs.make(
        "docker",
        f"""
case "$1" in
ps) cat <<'END'
{chr(10).join(states)}
END
;;
exec) {ready} ;;
esac""",
    )


def woken(programs: Programs) -> list[str]:
    return [call for call in programs.calls if not call.startswith("docker ps")]


def test_what_runs_is_left_alone(programs: Programs) -> None:
    docker(
        programs,
        "vm-mesh-dev-cluster1-control-plane\tUp 3 hours",
        "vm-mesh-dev-vm1\tUp 5 seconds",
        "vm-mesh-dev-other\tExited (0) 2 hours ago",
    )
    assert wake("dev", settings(), MADE, print) == []
    assert woken(programs) == []


def test_what_was_stopped_is_started_and_its_api_server_waited_for(programs: Programs) -> None:
    docker(programs, "vm-mesh-dev-cluster1-control-plane\tExited (130) 2 minutes ago", "vm-mesh-dev-vm1\tExited (0)")
    said: list[str] = []
    assert wake("dev", settings(), MADE, said.append) == ["cluster1-control-plane", "vm1"]
    start1, start2, ready = woken(programs)
    assert (start1, start2) == (
        "docker start vm-mesh-dev-cluster1-control-plane",
        "docker start vm-mesh-dev-vm1",
    )
    assert ready.startswith("docker exec vm-mesh-dev-cluster1-control-plane kubectl")
    assert said == ["cluster1-control-plane was stopped: starting it", "vm1 was stopped: starting it"]


def test_what_was_paused_goes_on(programs: Programs) -> None:
    docker(programs, "vm-mesh-dev-cluster2-control-plane\tUp 3 hours (Paused)", "vm-mesh-dev-vm1\tUp 3 hours")
    said: list[str] = []
    assert wake("dev", settings(), MADE, said.append) == ["cluster2-control-plane"]
    unpause, ready = woken(programs)
    assert unpause == "docker unpause vm-mesh-dev-cluster2-control-plane"
    assert ready.startswith("docker exec vm-mesh-dev-cluster2-control-plane kubectl")
    assert said == ["cluster2-control-plane was paused: going on with it"]


def test_a_node_that_the_engine_has_started_again_is_waited_for(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And if its API server stays away, the update is what fails."""
    monkeypatch.setattr(waking, "API_SECONDS", 0.0)
    docker(programs, "vm-mesh-dev-cluster2-control-plane\tUp 12 seconds", ready="exit 1")
    said: list[str] = []
    assert wake("dev", settings(), MADE, said.append) == []
    assert "does not answer" in said[0]


def test_what_a_killed_run_has_left_is_not_waited_for(programs: Programs) -> None:
    docker(programs, "vm-mesh-dev-cluster2-control-plane\tUp 12 seconds", ready="exit 1")
    assert wake("dev", settings(), MADE - {"cluster2-node"}, print) == []
    assert woken(programs) == []
