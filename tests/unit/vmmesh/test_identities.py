"""Whose a proxy is, by what its Envoy says."""

from __future__ import annotations

import base64
import functools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from toolchain.progress import Progress
from vmmesh.identities import identity, name_of, passed, roots_of, wait, wrong_with
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh

EXPIRES = datetime(2100, 1, 1, tzinfo=UTC)
Signed = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


@functools.cache
def signed(name: str, by: str | None = None) -> Signed:
    """A CA of this name, signed by another one or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = (signed(by)[0].subject, signed(by)[1]) if by else (subject, key)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(EXPIRES - timedelta(days=30000))
        .not_valid_after(EXPIRES)
        .sign(signer, hashes.SHA256())
    )
    return certificate, key


def certificate(name: str, by: str | None = None) -> x509.Certificate:
    return signed(name, by)[0]


OLD, NEW = certificate("old"), certificate("new")


def encoded(*certificates: x509.Certificate) -> dict[str, str]:
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
    return {"inline_bytes": base64.b64encode(pem).decode()}


def secrets(root: str, trusted: tuple[x509.Certificate, ...]) -> str:
    ca = f"CA below {root}"
    chain = encoded(
        *(certificate(*it) for it in ((f"workload below {root}", ca), (ca, root), (root,)) if ca_made(root))
    )
    entries: list[dict[str, Any]] = [
        {"name": "default", "secret": {"tls_certificate": {"certificate_chain": chain}}},
        {"name": "ROOTCA", "secret": {"validation_context": {"trusted_ca": encoded(*trusted)}}},
    ]
    return json.dumps({"configs": entries})


def ca_made(root: str) -> bool:
    return bool(signed(f"CA below {root}", root))


def info(address: str = "istiod-next.istio-system.svc:15012") -> str:
    return json.dumps({"node": {"metadata": {"PROXY_CONFIG": {"discoveryAddress": address}}}})


def test_what_a_proxy_shows() -> None:
    found = identity(secrets("old", (OLD, NEW)), info())
    assert found.istiod == "istiod-next"
    assert found.expires == EXPIRES
    assert found.trusts == (OLD, NEW)
    assert found.root([NEW, OLD]) == OLD
    assert found.root([NEW]) is None


@pytest.mark.parametrize("answer", ["{}", json.dumps({"configs": [{"name": "default", "secret": {}}]})])
def test_a_proxy_without_a_certificate_says_so(answer: str) -> None:
    with pytest.raises(Unreachable, match="no certificate of the mesh yet"):
        identity(answer, info())


@pytest.mark.parametrize(
    ("roots", "signer", "trusted", "wrong"),
    [
        ((OLD,), "old", (OLD,), ""),
        ((OLD, NEW), "old", (OLD,), "does not trust new"),
        ((OLD, NEW), "old", (NEW, OLD), ""),
        ((NEW, OLD), "old", (OLD, NEW), "is signed by old, not yet by new"),
        ((NEW, OLD), "new", (NEW, OLD), ""),
        ((NEW,), "new", (NEW, OLD), "still trusts old"),
        ((NEW,), "old", (OLD,), "does not trust new; still trusts old; is signed by old, not yet by new"),
        ((NEW,), "third", (NEW,), "is signed by another root, not yet by new"),
    ],
)
def test_what_is_missing_before_the_next_step(
    roots: tuple[x509.Certificate, ...], signer: str, trusted: tuple[x509.Certificate, ...], wrong: str
) -> None:
    assert wrong_with(identity(secrets(signer, trusted), info()), roots) == wrong


class Cluster:
    """A cluster whose istiod was given a new root and has not handed it out yet."""

    def get(self, _cluster: str, kind: str, name: str, _namespace: str) -> dict[str, Any]:
        pems = {
            ("configmap", "istio-ca-root-cert"): OLD.public_bytes(Encoding.PEM).decode(),
            ("secret", "cacerts"): encoded(OLD, NEW)["inline_bytes"],
        }
        return {"data": {"root-cert.pem": pems[kind, name]}}


@pytest.mark.parametrize(("installed", "roots"), [(False, (OLD, NEW)), (True, (OLD,))])
def test_what_is_wanted_is_what_the_last_update_has_given_to_istiod(
    installed: bool, roots: tuple[x509.Certificate, ...]
) -> None:
    assert roots_of(cast(Mesh, Cluster()), "cluster1", installed=installed) == roots


def test_a_root_of_the_same_name_is_not_the_same() -> None:
    """By the signature, not by what a certificate says of itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    impostor = (
        x509.CertificateBuilder()
        .subject_name(OLD.subject)
        .issuer_name(OLD.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(EXPIRES - timedelta(days=30000))
        .not_valid_after(EXPIRES)
        .sign(key, hashes.SHA256())
    )
    assert identity(secrets("old", (OLD,)), info()).root([impostor]) is None


def test_a_certificate_without_a_common_name_is_named_by_its_subject() -> None:
    assert name_of(OLD) == "old"
    assert name_of(None) == "another root"


def test_waiting_ends_when_all_are_well_or_the_time_is_over(tmp_path: Path) -> None:
    answers = iter([[{"wrong": "x"}], [{"wrong": ""}], [{"wrong": "never asked"}]])
    with Progress(tmp_path) as progress:
        assert passed(wait(lambda: next(answers), 30, progress))
        assert not passed(wait(lambda: [{"wrong": "x"}], 0, progress))
