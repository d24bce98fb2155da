"""What runs on nodes and machines that were started lately is waited for, by what is known since then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.vmmesh.support import Programs, settings
from toolchain.progress import Progress
from vmmesh import restarted, stragglers
from vmmesh.mesh import Mesh, connect
from vmmesh.restarted import await_agents, await_pods, connected_since, serves_since

STARTED = datetime(2026, 11, 28, 17, 22, 30, 605624, tzinfo=UTC)
BEFORE, AFTER, SAME_SECOND = "2026-11-28T17:20:00Z", "2026-11-28T17:23:00Z", "2026-11-28T17:22:30Z"


def pod(status: str, since: str, **metadata: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "lastTransitionTime": since}
    return {
        "metadata": {"name": "details-1", **metadata},
        "spec": {"containers": [{"name": "details"}, {"name": "istio-proxy"}]},
        "status": {"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"}, ready]},
    }


@pytest.mark.parametrize(
    ("found", "serves"),
    [
        (pod("True", AFTER), True),
        (pod("True", SAME_SECOND), True),
        (pod("True", BEFORE), False),
        (pod("False", AFTER), False),
        (pod("False", BEFORE, deletionTimestamp=AFTER), True),
        (pod("False", BEFORE) | {"spec": {"containers": [{"name": "somebody-else's"}]}}, True),
        (pod("False", BEFORE) | {"status": {"phase": "Failed"}}, True),
        (pod("False", BEFORE) | {"status": {"phase": "Pending"}}, False),
    ],
)
def test_a_pod_serves_if_it_is_ready_since_its_node_was_started(found: dict[str, Any], serves: bool) -> None:
    assert serves_since(found, STARTED) == serves


@pytest.mark.parametrize(("annotations", "since"), [(BEFORE, False), (AFTER, True), (None, False)])
def test_an_agent_is_there_if_it_has_connected_since(annotations: str | None, since: bool) -> None:
    entry = {"metadata": {"annotations": {"istio.io/connectedAt": annotations} if annotations else {}}}
    assert connected_since(entry, STARTED) == since


@pytest.fixture
def progress(tmp_path: Path) -> Iterator[Progress]:
    with Progress(tmp_path) as progress:
        yield progress


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    with connect(settings(), {"kubeconfigs": {"cluster1": "{}"}}) as mesh:
        yield mesh


def waiting(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(restarted, "READY_SECONDS", seconds)
    monkeypatch.setattr(stragglers.time, "sleep", lambda _seconds: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


def test_what_runs_for_long_is_not_asked(programs: Programs, mesh: Mesh, progress: Progress) -> None:
    programs.make("kubectl", "exit 1")
    long_ago = STARTED - timedelta(days=9999)
    await_pods(mesh, settings(), {"cluster1": long_ago}, progress)
    await_agents(mesh, settings(), {"vm1": long_ago}, progress)
    assert programs.calls == []


def test_pods_that_are_late_are_waited_for(
    programs: Programs,
    mesh: Mesh,
    progress: Progress,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    now = datetime.now(UTC)
    (late, ready) = (
        json.dumps({"items": [pod(status, (now + timedelta(seconds=1)).isoformat())]}) for status in ("False", "True")
    )
    programs.make("kubectl", f"if mkdir \"$0-was-asked\" 2>/dev/null; then echo '{late}'; else echo '{ready}'; fi")
    waiting(monkeypatch, 60)
    await_pods(mesh, settings(), {"cluster1": now}, progress)
    said = capfd.readouterr().err
    assert "pods: cluster1 started lately" in said
    assert "pods: done" in said
    assert "not ready" not in said


def test_what_stays_late_is_told_and_the_update_goes_on(
    programs: Programs,
    mesh: Mesh,
    progress: Progress,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A machine and a pod; the update may be what mends them."""
    now = datetime.now(UTC)
    pods = json.dumps({"items": [pod("False", AFTER)]})
    programs.make("kubectl", f"case \"$*\" in *pods*default*) echo '{pods}' ;; *) echo '{{\"items\": []}}' ;; esac")
    waiting(monkeypatch, 0)
    await_pods(mesh, settings(), {"cluster1": now}, progress)
    await_agents(mesh, settings(), {"vm1": now}, progress)
    said = capfd.readouterr().err.replace("\n", " ")
    assert "cluster1 default/details-1;" in said
    assert "vm1 (its agent is not connected to istiod)" in said
    assert "going on" in said
