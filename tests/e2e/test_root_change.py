"""The root of the mesh changed with traffic running: trusted, then signing, then alone; pods, gateways and the VM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from tests.e2e.conftest import STACK
from tests.e2e.environment import Environment
from tests.e2e.traffic import Stream

pytestmark = [pytest.mark.e2e, pytest.mark.long]

RATE = 40
LIFETIME = timedelta(minutes=2)
RENEWED_SECONDS = 240
"""Twice the half of a certificate's life, and what it takes on a machine that is busy."""
VM_JOIN = f"urn:pulumi:{STACK}::vm-mesh::vm-mesh:index:Onboarding$command:local:Command::vm1-join"


@pytest.fixture
def short_lived(running: Environment) -> Iterator[Environment]:
    """Every proxy with certificates of minutes; the stage has callers go to the VM and to both clusters."""
    running.set_stage("spread")
    with running.edited() as config:
        config["vm-mesh:mesh"] = {"certificateTtl": "2m"}
    join_anew(running)
    try:
        yield running
    finally:
        running.set_stage("vm-only")
        with running.edited() as config:
            del config["vm-mesh:mesh"]
        join_anew(running)


def join_anew(environment: Environment) -> None:
    """Applies the config. An agent on a VM learns the lifetime when it joins."""
    environment.pulumi("up", "--yes", "--skip-preview", "--non-interactive", "--replace", VM_JOIN)


def test_certificates_live_as_long_as_the_config_says(short_lived: Environment) -> None:
    proxies = short_lived_proxies(short_lived)
    assert {"vm1"} < {proxy["proxy"] for proxy in proxies}
    latest = datetime.now(UTC) + LIFETIME + timedelta(seconds=10)
    assert all(datetime.fromisoformat(proxy["expires"]) <= latest for proxy in proxies)


def test_the_root_changes_without_a_lost_request(short_lived: Environment) -> None:
    """The environment keeps the new root: to go back would be another change of the root."""
    with short_lived.edited() as config:
        (old,) = config.get("vm-mesh:roots") or ["root"]
    new = "next" if old == "root" else "root"
    (before,) = roots_on_the_vm(short_lived)

    take(short_lived, [old, new])
    both = roots_on_the_vm(short_lived)
    assert len(both) == 2
    assert before in both
    take(short_lived, [new, old])
    take(short_lived, [new])
    assert roots_on_the_vm(short_lived) == both - {before}
    assert short_lived.changes() == []


def take(environment: Environment, roots: list[str]) -> None:
    """Applies the roots, and waits until every proxy has renewed, while calls go on; none may be lost."""
    with environment.edited() as config:
        config["vm-mesh:roots"] = roots
    touched = {kind for _, kind in environment.changes()}
    assert touched <= {
        "command:local:Command",
        "kubernetes:core/v1:Secret",
        "kubernetes:helm.sh/v3:Release",
        "kubernetes:admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration",
    }
    urls = list(environment.outputs["urls"].values())
    before = webhook_changes(environment)
    with Stream(urls[0], RATE / 2) as first, Stream(urls[1], RATE / 2) as second:
        started = time.monotonic()
        environment.up()
        applied = time.monotonic() - started
        short_lived_proxies(environment)
        renewed = time.monotonic() - started - applied
    results = first.results + second.results
    print(f"roots {roots}: {dict(results)}; applied in {applied:.0f} s, every proxy right {renewed:.0f} s later")
    assert set(results) == {"200"}
    changed = {webhook: count - before[webhook] for webhook, count in webhook_changes(environment).items()}
    assert set(changed.values()) == {1}, f"istiods that know different roots wrote their own in turn: {changed}"


def short_lived_proxies(environment: Environment) -> list[dict[str, Any]]:
    """Every proxy, once all are as the config wants them."""
    return json.loads(environment.vmmesh("proxies", "--json", "--wait", str(RENEWED_SECONDS)))["proxies"]


def webhook_changes(environment: Environment) -> dict[tuple[str, str], int]:
    """How often each of Istio's webhooks in each cluster was changed since it was made."""
    kinds = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
    return {
        (cluster, found["metadata"]["name"]): found["metadata"]["generation"]
        for cluster in environment.outputs["urls"]
        for found in json.loads(environment.kubectl(cluster, "get", kinds, "-o", "json"))["items"]
    }


def roots_on_the_vm(environment: Environment) -> set[x509.Certificate]:
    """What the VM's agent, which sorts them by their text, knows istiod by when it starts again."""
    return set(x509.load_pem_x509_certificates(environment.on_vm("cat /etc/certs/root-cert.pem").encode()))
