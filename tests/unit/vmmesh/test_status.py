"""What status says about routes and VMs."""

from __future__ import annotations

import io
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.unit.vmmesh.support import CLUSTER1, VM, details, settings
from vmmesh.calls import Calls
from vmmesh.counting import of_all_callers
from vmmesh.mesh import Proxy, Snapshot
from vmmesh.route_status import observation, show, states
from vmmesh.routing import Routing
from vmmesh.status import expiry, health


def entry(*conditions: dict[str, str], **annotations: str) -> dict[str, Any]:
    """An entry that an istiod controls, since its agent is connected to it."""
    given = {f"istio.io/{name}": value for name, value in {"workloadController": "istiod-1", **annotations}.items()}
    return {"metadata": {"annotations": given}, "status": {"conditions": list(conditions)}}


HEALTHY = {"type": "Healthy", "status": "True"}
SICK = {"type": "Healthy", "status": "False", "message": "Get http://127.0.0.1: refused\n"}


NEW = entry()
DECLARED: dict[str, Any] = {"metadata": {"annotations": {}}}


@pytest.mark.parametrize(
    ("entries", "registered", "healthy", "message"),
    [
        ([], False, False, "its agent is not connected to istiod"),
        ([DECLARED], False, False, "its agent is not connected to istiod"),
        ([entry(HEALTHY, disconnectedAt="2026-01-01")], False, False, "its agent is not connected to istiod"),
        ([NEW], True, False, "its probe has not answered yet"),
        ([entry({"type": "Other", "status": "True"})], True, False, "its probe has not answered yet"),
        ([entry(HEALTHY)], True, True, ""),
        ([entry(SICK)], True, False, "Get http://127.0.0.1: refused"),
        ([entry({"type": "Healthy", "status": "False"})], True, False, "its probe fails"),
        ([entry(HEALTHY), entry(SICK)], True, False, "Get http://127.0.0.1: refused"),
    ],
)
def test_a_vm_is_as_its_entries_say(entries: list[Any], registered: bool, healthy: bool, message: str) -> None:
    assert health(entries) == {"registered": registered, "healthy": healthy, "message": message}


def test_observed_are_the_callers_of_the_route_together() -> None:
    by_cluster = {
        "cluster1": {"vm1": Calls(60), "cluster1": Calls(20)},
        "cluster2": {"vm1": Calls(20)},
        "not a caller": {"vm1": Calls(1000)},
    }
    assert observation(of_all_callers(details(), by_cluster), 5.0) == {
        "percent": {"vm1": 80.0, "cluster1": 20.0, "cluster2": 0.0},
        "requests": 100,
        "window": 5.0,
    }


def test_without_calls_nothing_is_observed() -> None:
    assert observation(of_all_callers(details(), {}), 5.0) == {"percent": {}, "requests": 0, "window": 5.0}


def test_a_route_has_its_shares_its_answers_and_where_it_is_apart() -> None:
    caller = Proxy("cluster1", "default/caller", str)
    answers = {VM: Calls(75, answered=75, times={8.0: 75}), CLUSTER1: Calls(25, 5, answered=20, times={9.0: 25})}
    canary = {"vm1": 75, "cluster1": 25, "cluster2": 0}

    class Mesh:
        def counts(self, _route: object) -> Snapshot:
            return {caller: answers}

        def routes(self, _route: object) -> dict[Proxy, Routing]:
            return {caller: Routing(percents=canary)}

    mesh: Any = Mesh()
    [found] = states(mesh, settings(), [details()], {"details": "vm-only"}, [{caller: {}}], 5.0)
    assert found["observed"]["percent"] == {"vm1": 75.0, "cluster1": 25.0, "cluster2": 0.0}
    assert (found["destinations"]["vm1"]["success_rate"], found["destinations"]["cluster1"]["failed"]) == (100, 5)
    assert found["drift"] == [
        "details: is in stage canary, applied is vm-only",
        "cluster1 default/caller: divides calls of details as vm1 75%, cluster1 25%, not vm1 100%",
    ]
    console = Console(file=io.StringIO(), width=120)
    show(console, [found])
    assert isinstance(console.file, io.StringIO)
    assert "80%" not in console.file.getvalue()
    assert "20%" in console.file.getvalue()


def test_the_first_certificate_of_a_chain_is_the_vm_s(tmp_path: Path) -> None:
    chain = ""
    for days in (1, 3650):
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-noenc",
            "-days",
            str(days),
            "-subj",
            "/CN=x",
        ]
        files = [f"-keyout={tmp_path / 'key'}", f"-out={tmp_path / 'certificate'}"]
        subprocess.run(
            [*command, *(part for file in files for part in file.split("="))], check=True, capture_output=True
        )
        chain += (tmp_path / "certificate").read_text()
    assert abs(expiry(chain) - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=5)


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="PEM"):
        expiry("cat: /etc/certs/cert-chain.pem: No such file or directory")
