"""A gate is watched in the background: broken at once, held after its time, and filled up where traffic lacks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from settings import CheckSettings, GateSettings
from tests.unit.vmmesh.support import CLUSTER1, CLUSTER2, VM, details, ruled
from vmmesh.advance import checks, gatekeeper
from vmmesh.advance.gate import Gate
from vmmesh.advance.gatekeeper import Gatekeeper
from vmmesh.calls import Calls
from vmmesh.judge import Sent
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Proxy
from vmmesh.routes import Route

CALLER, OTHER = Proxy("cluster1", "default/caller", str), Proxy("cluster2", "batch/other", str, "batch")


class Mesh:
    """Callers whose destinations have had 1000 calls before the gate, and whatever ``calls`` says since."""

    def __init__(self) -> None:
        self.calls: dict[str, Calls] = {VM: Calls(), CLUSTER1: Calls()}
        self.of_other: dict[str, Calls] = {}
        self.asked: list[int] = []
        self.down = False

    def counts(self, _route: object, of: list[Proxy] | None = None) -> dict[Proxy, dict[str, Calls]]:
        if self.down and of:
            raise Unreachable("no answer")
        self.asked.append(2 if of is None else len(of))
        before = Calls(total=1000, answered=1000)
        callers = {CALLER: {name: before + part for name, part in self.calls.items()}, OTHER: self.of_other}
        return {proxy: found for proxy, found in callers.items() if of is None or proxy in of}

    def url(self, cluster: str) -> str:
        return f"http://{cluster}"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatekeeper, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(gatekeeper, "send", send_nothing)


def send_nothing(*_arguments: object) -> dict[str, Sent]:
    return {}


def watched(mesh: Any, tmp_path: Path, route: Route | None = None, **gate: Any) -> Gatekeeper:
    settings = GateSettings.model_validate({"duration": 1, "success_rate": 99} | gate)
    return Gatekeeper(mesh, Gate(settings, route or details()), tmp_path)


def good(calls: int) -> Calls:
    return Calls(total=calls, answered=calls)


def test_a_good_stage_is_held_after_its_time(tmp_path: Path) -> None:
    mesh = Mesh()
    with watched(mesh, tmp_path) as found:
        mesh.calls = {VM: good(75), CLUSTER1: good(25)}
        found.begin()
        began = time.monotonic()
        assert found.wait(3, lambda _line: None)
    assert time.monotonic() - began >= 1
    assert mesh.asked[0] == 2
    assert 1 in mesh.asked, "only who calls is asked every second"


def test_a_bad_stage_is_broken_before_its_time(tmp_path: Path) -> None:
    mesh = Mesh()
    with watched(mesh, tmp_path, duration=3600) as found:
        found.begin()
        mesh.calls = {VM: good(75), CLUSTER1: Calls(total=25, failed=25)}
        assert not found.wait(3, lambda _line: None)
    assert "25 of 25 calls of cluster1 failed" in found.why[0]
    assert found.detected_seconds is not None
    assert found.detected_seconds < 5


def test_calls_that_a_match_sends_are_a_destination_s_own_and_copies_are_nobody_s(tmp_path: Path) -> None:
    route = ruled(
        {"vm1": 75, "cluster1": 25},
        mirror={"cluster2": 50},
        match=[{"namespaces": ["batch"], "destination": "cluster1"}],
    )
    mesh = Mesh()
    mesh.of_other = {CLUSTER1: good(1)}
    with watched(mesh, tmp_path, route) as found:
        mesh.of_other = {CLUSTER1: good(11)}
        mesh.calls = {VM: good(75), CLUSTER1: good(25), CLUSTER2: Calls(total=50, failed=50)}
        found.begin()
        assert found.wait(3, lambda _line: None)
    ended = {standing.destination: standing.calls.ended for standing in found.gate.standings}
    assert ended == {"vm1": 75, "cluster1": 35}


def test_a_gate_that_lacks_calls_is_not_held(tmp_path: Path) -> None:
    with watched(Mesh(), tmp_path, min_requests=10) as found:
        found.begin()
        assert not found.wait(1.5, lambda _line: None)
    assert any("cluster1 has had 0 of 10 calls" in line for line in found.why)


def test_callers_that_do_not_answer_break_a_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatekeeper, "BLIND_SECONDS", 0.1)
    mesh = Mesh()
    mesh.down = True
    with watched(mesh, tmp_path, duration=3600) as found:
        assert found.broken.wait(10)
    assert "have not answered" in found.why[0]


def test_a_check_that_fails_breaks_a_gate(tmp_path: Path) -> None:
    with watched(
        Mesh(), tmp_path, duration=3600, checks={"mine": CheckSettings(command="echo unpaid; exit 3")}
    ) as found:
        found.begin()
        assert found.broken.wait(10)
    assert found.why == ["the check mine ended with code 3: unpaid"]


def test_little_traffic_is_filled_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh()

    def send(urls: dict[str, str], requests: int, _stop: object) -> dict[str, Sent]:
        assert set(urls) == {"cluster1", "cluster2"}
        assert urls["cluster1"] == "http://cluster1/api/v1/products/0"
        mesh.calls = {VM: mesh.calls[VM] + good(3 * requests), CLUSTER1: mesh.calls[CLUSTER1] + good(requests)}
        return {}

    monkeypatch.setattr(gatekeeper, "send", send)
    with watched(mesh, tmp_path, min_requests=40) as found:
        found.begin()
        assert found.wait(10, lambda _line: None)


def test_checks_know_what_they_are_for(tmp_path: Path) -> None:
    said = CheckSettings(command='test "$VM_MESH_SERVICE $VM_MESH_STAGE" = "details canary"')
    assert checks.failures({"mine": said}, details(), tmp_path) == []


def test_a_check_of_a_url_that_is_not_there(tmp_path: Path) -> None:
    wrong = checks.failures({"shop": CheckSettings(url="http://127.0.0.1:9/")}, details(), tmp_path)
    assert len(wrong) == 1
    assert wrong[0].startswith("the check shop had no answer")
