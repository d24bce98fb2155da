"""Whose each proxy is: the istiod that it asks, the root that its certificate comes from, the roots that it trusts."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from rich.console import Console
from rich.table import Table
from rich.text import Text

from settings import Settings
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh, Proxy, each

SECRETS = "config_dump?resource=dynamic_active_secrets"
"""Envoy's admin path of the certificates that :func:`identity` reads; it shows no private key."""
INFO = "server_info"
"""Envoy's admin path of what the proxy was started with."""
POLL_SECONDS = 5.0
"""Each time every proxy of the mesh is asked, by an exec, for what takes minutes at least."""
_NAMESPACE = "--namespace=istio-system"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a proxy has to show, and whom it believes."""

    istiod: str
    """Name of the istiod's Service that it asks, as it was told at its start."""
    chain: tuple[x509.Certificate, ...]
    """Its own certificate, then those of the CAs."""
    trusts: tuple[x509.Certificate, ...]

    @property
    def expires(self) -> datetime:
        return self.chain[0].not_valid_after_utc

    def root(self, known: Sequence[x509.Certificate]) -> x509.Certificate | None:
        """The one of the ``known`` roots that the chain comes from; None: it comes from another one."""
        return next((root for root in known for link in self.chain if _issued(link, root)), None)


def identity(secrets: str, info: str) -> Identity:
    """What Envoy answers at :data:`SECRETS` and :data:`INFO`. Raises Unreachable if it has no certificate yet."""
    found = {entry["name"]: entry["secret"] for entry in json.loads(secrets).get("configs", [])}
    try:
        chain = found["default"]["tls_certificate"]["certificate_chain"]["inline_bytes"]
        roots = found["ROOTCA"]["validation_context"]["trusted_ca"]["inline_bytes"]
        metadata = json.loads(info)["node"]["metadata"]
        address: str = metadata.get("ISTIOD") or metadata["PROXY_CONFIG"]["discoveryAddress"]
    except KeyError as missing:
        raise Unreachable(f"the proxy has no certificate of the mesh yet ({missing} is missing)") from None
    return Identity(istiod=address.split(".")[0], chain=_certificates(chain), trusts=_certificates(roots))


def wrong_with(found: Identity, roots: Sequence[x509.Certificate]) -> str:
    """Why a proxy is not as its cluster wants it, whose ``roots`` begin with the one that signs; "" if nothing is."""
    lacking = [name_of(root) for root in roots if root not in found.trusts]
    old = [name_of(root) for root in found.trusts if root not in roots]
    signed_by = found.root([*roots, *found.trusts])
    wrong = [f"does not trust {name}" for name in lacking] + [f"still trusts {name}" for name in old]
    if signed_by != roots[0]:
        wrong.append(f"is signed by {name_of(signed_by)}, not yet by {name_of(roots[0])}")
    return "; ".join(wrong)


def identities(mesh: Mesh, settings: Settings) -> list[dict[str, Any]]:
    """Every proxy of the mesh, as JSON. Raises Unreachable if a cluster does not answer; of a proxy, it says so."""
    roots = {cluster: roots_of(mesh, cluster, installed=settings.mesh.installed) for cluster in settings.clusters}
    return each(lambda proxy: _shown(proxy, roots[proxy.cluster]), mesh.proxies())


def roots_of(mesh: Mesh, cluster: str, *, installed: bool) -> tuple[x509.Certificate, ...]:
    """The roots that a cluster is to have, the one that signs first. Raises Unreachable.

    They are its CA's. In a mesh that another stack has ``installed`` that is not for us to read: there they are those
    that istiod hands out, which it does some seconds after it was started with others.
    """
    if installed:
        pem = mesh.get(cluster, "configmap", "istio-ca-root-cert", _NAMESPACE)["data"]["root-cert.pem"].encode()
    else:
        pem = base64.b64decode(mesh.get(cluster, "secret", "cacerts", _NAMESPACE)["data"]["root-cert.pem"])
    return tuple(x509.load_pem_x509_certificates(pem))


def wait(found: Callable[[], list[dict[str, Any]]], seconds: float, progress: Progress) -> list[dict[str, Any]]:
    """Asks until every proxy is as it should be, or the time is over. Returns what it found last."""
    deadline = time.monotonic() + seconds
    with progress.step("proxies", f"until every proxy's certificates are as the config wants, for {seconds:.0f} s"):
        while not passed(proxies := found()) and time.monotonic() < deadline:
            time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
    return proxies


def passed(proxies: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every proxy is as the config wants it."""
    return not any(proxy["wrong"] for proxy in proxies)


def name_of(certificate: x509.Certificate | None) -> str:
    """A certificate's common name, or else the whole of its subject."""
    if certificate is None:
        return "another root"
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _shown(proxy: Proxy, roots: Sequence[x509.Certificate]) -> dict[str, Any]:
    shown: dict[str, Any] = {"cluster": proxy.cluster, "proxy": proxy.name}
    try:
        found = identity(proxy.request(SECRETS), proxy.request(INFO))
    except Problem as problem:
        return shown | {"istiod": None, "root": None, "trusts": [], "expires": None, "wrong": str(problem)}
    return shown | {
        "istiod": found.istiod,
        "root": name_of(found.root([*roots, *found.trusts])),
        "trusts": [name_of(root) for root in found.trusts],
        "expires": found.expires.isoformat(),
        "wrong": wrong_with(found, roots),
    }


def _certificates(encoded: str) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(base64.b64decode(encoded)))


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def show(console: Console, proxies: Sequence[Mapping[str, Any]]) -> None:
    """Prints the proxies as a table, and below it what is wrong."""
    table = Table(box=None, pad_edge=False)
    for heading in ("cluster", "proxy", "istiod", "signed below", "trusts", "certificate expires"):
        table.add_column(heading)
    for proxy in proxies:
        cells = (proxy["istiod"], proxy["root"], ", ".join(proxy["trusts"]), proxy["expires"])
        table.add_row(proxy["cluster"], proxy["proxy"], *(cell or "-" for cell in cells))
    console.print(table)
    for proxy in proxies:
        if proxy["wrong"]:
            console.print(Text(f"{proxy['cluster']} {proxy['proxy']}: {proxy['wrong']}", style="red"), soft_wrap=True)
