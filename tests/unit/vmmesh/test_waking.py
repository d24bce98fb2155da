"""What the engine has stopped of the stack is started, what somebody has paused goes on, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.unit.vmmesh.support import Programs, settings
from vmmesh.waking import started_machines, started_nodes, wake

MADE = {"cluster1-node", "cluster2-node", "vm1-container"}


def docker(programs: Programs, *states: str) -> None:
    """An engine that has these containers, each with its state behind a tab."""
    programs.make("docker", f"[ \"$1\" != ps ] || cat <<'END'\n{chr(10).join(states)}\nEND")


def woken(programs: Programs) -> list[str]:
    return [call for call in programs.calls if not call.startswith("docker ps")]


def test_what_runs_is_left_alone(programs: Programs) -> None:
    docker(
        programs,
        "vm-mesh-dev-cluster1-control-plane\tUp 3 hours",
        "vm-mesh-dev-vm1\tUp 5 seconds",
        "vm-mesh-dev-other\tExited (0) 2 hours ago",
    )
    wake("dev", settings(), MADE, print)
    assert woken(programs) == []


def test_what_was_stopped_is_started(programs: Programs) -> None:
    docker(programs, "vm-mesh-dev-cluster1-control-plane\tExited (130) 2 minutes ago", "vm-mesh-dev-vm1\tExited (0)")
    said: list[str] = []
    wake("dev", settings(), MADE, said.append)
    assert woken(programs) == ["docker start vm-mesh-dev-cluster1-control-plane", "docker start vm-mesh-dev-vm1"]
    assert said == ["cluster1-control-plane was stopped: starting it", "vm1 was stopped: starting it"]


def test_what_was_paused_goes_on(programs: Programs) -> None:
    docker(programs, "vm-mesh-dev-cluster2-control-plane\tUp 3 hours (Paused)", "vm-mesh-dev-vm1\tUp 3 hours")
    said: list[str] = []
    wake("dev", settings(), MADE, said.append)
    assert woken(programs) == ["docker unpause vm-mesh-dev-cluster2-control-plane"]
    assert said == ["cluster2-control-plane was paused: going on with it"]


def test_what_a_killed_run_has_left_is_not_started(programs: Programs) -> None:
    docker(programs, "vm-mesh-dev-cluster2-control-plane\tExited (137) 12 seconds ago")
    wake("dev", settings(), MADE - {"cluster2-node"}, print)
    assert woken(programs) == []


def test_it_is_known_since_when_what_runs_does(programs: Programs) -> None:
    listed = "vm-mesh-dev-cluster1-control-plane\tUp 9 seconds\nvm-mesh-dev-vm1\tExited (0) 2 hours ago"
    does = f"[ \"$1\" = ps ] && printf '%s' '{listed}' || echo 2026-11-28T17:22:30.605624584Z"
    programs.make("docker", does)
    assert started_nodes("dev", settings(), MADE) == {
        "cluster1": datetime(2026, 11, 28, 17, 22, 30, 605624, tzinfo=UTC)
    }
    assert programs.calls[-1] == "docker inspect --format={{.State.StartedAt}} vm-mesh-dev-cluster1-control-plane"
    assert started_machines("dev", settings(), MADE) == {}


def test_where_no_container_is_the_stacks_docker_is_not_asked(programs: Programs) -> None:
    docker(programs)
    assert started_nodes("dev", settings(), set()) == started_machines("dev", settings(), set()) == {}
    assert programs.calls == []
