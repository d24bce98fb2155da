"""The doctor, on an environment that is well and on one that is not."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually

pytestmark = pytest.mark.e2e


def doctor(environment: Environment) -> tuple[int, list[dict[str, Any]]]:
    """How it ends, and what it finds."""
    done = subprocess.run(
        ["python", "-m", "vmmesh", "doctor", "--json", "--stack", environment.stack],
        cwd=environment.root,
        env=environment.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)["findings"]


def test_an_environment_that_is_up_is_well(running: Environment) -> None:
    code, found = doctor(running)
    assert [finding for finding in found if finding["level"] == "failure"] == []
    assert code == 0
    assert {finding["place"] for finding in found} == {"machine", "cluster1", "cluster2", "vm1"}
    fine = {(finding["place"], finding["check"]) for finding in found if finding["level"] == "ok"}
    for check in ("api", "istiod", "gateways", "remotes", "authority", "clocks"):
        assert {("cluster1", check), ("cluster2", check)} <= fine
    for check in ("ports", "services", "gateway", "redirects", "iptables", "joined", "certificate"):
        assert ("vm1", check) in fine


def test_a_vm_that_cannot_serve_and_a_cluster_that_knows_no_other_are_found(running: Environment) -> None:
    """And nothing else: each failure has one finding, with what to do."""
    running.on_vm("sv stop details")
    secret = ("secret", "istio-remote-secret-cluster2", "--namespace=istio-system")
    kept = json.loads(running.kubectl("cluster1", "get", *secret, "--output=json"))
    for name in kept["metadata"].keys() - {"name", "namespace", "labels", "annotations"}:
        del kept["metadata"][name]
    try:
        running.kubectl("cluster1", "delete", *secret)

        def failed() -> None:
            code, found = doctor(running)
            failures = [finding for finding in found if finding["level"] == "failure"]
            assert code == 1
            assert {(finding["place"], finding["check"]) for finding in failures} == {
                ("vm1", "joined"),
                ("cluster1", "remotes"),
            }
            assert all(finding["advice"] for finding in failures)

        eventually(failed)
    finally:
        running.on_vm("sv start details")
        file = running.root / ".state" / "secret.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(kept))
        running.kubectl("cluster1", "create", f"--filename={file}")
        file.unlink()

    def well() -> None:
        assert doctor(running)[0] == 0

    eventually(well, seconds=60)
