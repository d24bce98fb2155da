"""Connections that people's calls come by, when the listener at their other end changes."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.environment import Environment
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = [pytest.mark.e2e, pytest.mark.long]

DRAIN_SECONDS = 45
"""Istio's ``drainDuration``: what is open on a listener's old filter chains is cut after it."""
AT_ONCE = 400
RATE = 1200
"""More than productpage answers, so that calls are under way on all connections when the time has come."""
POLICY: dict[str, Any] = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "all", "namespace": "default"},
    "spec": {"selector": {"matchLabels": {"app": "productpage"}}, "action": "ALLOW", "rules": [{}]},
}


def test_a_listener_that_changes_cuts_no_call(running: Environment) -> None:
    url = running.outputs["urls"]["cluster1"]
    assert send(url, new_ids(AT_ONCE), concurrency=AT_ONCE // 4).keys() == {"200"}
    with changed_listener(running) as changed:
        time.sleep(changed + DRAIN_SECONDS - 0.6 - time.monotonic())
        with Stream(url, RATE, path="/api/v1/products") as stream:
            time.sleep(changed + DRAIN_SECONDS + 1 - time.monotonic())
    print(f"{dict(stream.results)} in {stream.seconds:.1f} s, when the old filter chains were cut")
    assert set(stream.results) == {"200"}


@contextmanager
def changed_listener(environment: Environment) -> Generator[float]:
    """Productpage's listener has another filter while the block runs. Gives when it was to have, by monotonic clock."""
    file = environment.kubeconfigs / "policy.json"
    file.write_text(json.dumps(POLICY))
    environment.kubectl("cluster1", "create", f"--filename={file}")
    try:
        yield time.monotonic()
    finally:
        environment.kubectl("cluster1", "delete", f"--filename={file}")
