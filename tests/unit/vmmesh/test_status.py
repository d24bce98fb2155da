"""What status says about routes and VMs."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.vmmesh.support import details, settings
from vmmesh.mesh import Proxy
from vmmesh.proxies import Calls
from vmmesh.route_status import drift, observation
from vmmesh.status import expiry, health


def entry(*conditions: dict[str, str]) -> dict[str, Any]:
    return {"status": {"conditions": list(conditions)}}


HEALTHY = {"type": "Healthy", "status": "True"}
SICK = {"type": "Healthy", "status": "False", "message": "Get http://127.0.0.1: refused\n"}


NEW: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("entries", "registered", "healthy", "message"),
    [
        ([], False, False, "its agent is not connected to istiod"),
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
    counted = {
        "cluster1": {"vm1": Calls(60), "cluster1": Calls(20)},
        "cluster2": {"vm1": Calls(20)},
        "not a caller": {"vm1": Calls(1000)},
    }
    assert observation(details(), counted, 5.0) == {
        "percent": {"vm1": 80.0, "cluster1": 20.0, "cluster2": 0.0},
        "requests": 100,
        "window": 5.0,
    }


def test_without_calls_nothing_is_observed() -> None:
    assert observation(details(), {}, 5.0) == {"percent": {}, "requests": 0, "window": 5.0}


def test_drift_says_what_is_apart_from_what() -> None:
    canary = {"vm1": 75, "cluster1": 25, "cluster2": 0}
    one, two, vm = Proxy("cluster1", "default/one", ()), Proxy("cluster2", "default/two", ()), Proxy("far", "vm9", ())
    assert drift(settings(), details(), "canary", {one: canary, two: canary, vm: None}) == []
    late = canary | {"vm1": 100, "cluster1": 0}
    assert drift(settings(), details(), "canary", {one: canary, two: late}) == [
        "1 of 2 callers' proxies have vm1 100% in place of vm1 75%, cluster1 25%: cluster2 default/two"
    ]
    assert drift(settings(), details(), "vm-only", {one: canary, two: late}) == [
        "the config says canary, the last update has put vm-only in place",
        "1 of 2 callers' proxies have vm1 75%, cluster1 25% in place of vm1 100%: cluster1 default/one",
    ]
    assert drift(settings(), details(), "gone", {one: canary}) == [
        "the config says canary, the last update has put gone in place"
    ]


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
