"""How long a cluster's CA lasts, and whether its nodes' clocks are right, by which certificates are valid."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography import x509

from vmmesh.doctor.examined import LOGS, Examined
from vmmesh.doctor.finding import Said

# A CA's certificate is changed by hand, and workloads must have taken the new root before the old one ends.
EXPIRES_SOON = timedelta(days=30)
# Workloads' certificates live a day; istiod can sign none that outlives its own.
EXPIRES_NOW = timedelta(days=2)
# A kubelet renews the lease of its node every 10 s, and its node counts as lost after 40.
LEASE_LOST = timedelta(seconds=60)
LEASE_AHEAD = timedelta(seconds=10)


def authority(cluster: Examined) -> Iterator[Said]:
    """The CA by which istiod signs, up to its root."""
    secret = cluster.named("secret", "cacerts") or cluster.named("secret", "istio-ca-secret")
    if secret is None:
        yield Said("failure", "istiod has no CA", f"run `make up`; {LOGS}istiod")
        return
    for key, pem in secret["data"].items():
        if key in ("ca-cert.pem", "root-cert.pem"):
            yield _lifetime(key.removesuffix("-cert.pem"), base64.b64decode(pem))


def _lifetime(what: str, pem: bytes) -> Said:
    """How long the first certificate to expire lasts."""
    certificates = x509.load_pem_x509_certificates(pem)
    ends = min(certificate.not_valid_after_utc for certificate in certificates)
    begins = max(certificate.not_valid_before_utc for certificate in certificates)
    now = datetime.now(UTC)
    advice = "make a new CA, and let both roots be trusted until every workload has the new one"
    name = "its root" if what == "root" else "its CA"
    if begins > now:
        return Said("failure", f"{name} is not valid before {begins:%Y-%m-%d %H:%M} UTC", "see the machine's clock")
    if ends - now < EXPIRES_NOW:
        return Said("failure", f"{name} ends on {ends:%Y-%m-%d %H:%M} UTC", advice)
    if ends - now < EXPIRES_SOON:
        return Said("warning", f"{name} ends on {ends:%Y-%m-%d}, in {(ends - now).days} days", advice)
    return Said("ok", f"{name} is valid until {ends:%Y-%m-%d}")


def clocks(cluster: Examined) -> Iterator[Said]:
    """The nodes' clocks, by the leases that they renew."""
    leases = cluster.get("leases", namespace="kube-node-lease")
    late: list[str] = []
    for lease in leases:
        node, renewed = lease["metadata"]["name"], lease["spec"].get("renewTime")
        if renewed is None:
            continue
        age = datetime.now(UTC) - datetime.fromisoformat(renewed)
        if age > LEASE_LOST:
            late.append(f"{node} last spoke {age.total_seconds():.0f} s ago by this machine's clock")
        elif age < -LEASE_AHEAD:
            late.append(f"{node} is {-age.total_seconds():.0f} s ahead of this machine")
    if late:
        yield Said("failure", "; ".join(late), "see that the node runs, and set its clock (or this machine's) right")
    else:
        yield Said("ok", f"{len(leases)} nodes agree with this machine's")
