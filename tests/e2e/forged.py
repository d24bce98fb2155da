"""Identities that the mesh must not take: of another root, of the past, and a real one that has no business here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Who signs."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes
    chain: bytes
    """PEM of its certificate and of those above it."""


def of_pem(certificate: bytes, key: bytes, chain: bytes) -> Authority:
    """An authority that is there: the CA of a cluster, as its own Secret has it."""
    loaded = serialization.load_pem_private_key(key, None)
    assert isinstance(loaded, CertificateIssuerPrivateKeyTypes)
    return Authority(certificate=x509.load_pem_x509_certificate(certificate), key=loaded, chain=certificate + chain)


def foreign() -> Authority:
    """A root that nobody in the mesh knows, whatever it calls itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "cluster.local")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - HOUR, now + HOUR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate=certificate, key=key, chain=certificate.public_bytes(serialization.Encoding.PEM))


def identity(folder: Path, name: str, spiffe: str, by: Authority, ended: timedelta = -HOUR) -> list[str]:
    """Files of a certificate, with its chain, and of its key, for a SPIFFE identity; ``ended`` so long ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    ends = datetime.now(UTC) - ended
    certificate = (
        x509.CertificateBuilder(
            by.certificate.subject,
            x509.Name([]),
            key.public_key(),
            x509.random_serial_number(),
            ends - 24 * HOUR,
            ends,
        )
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe)]), critical=True)
        .sign(by.key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = [folder / f"{name}.pem", folder / f"{name}.key"]
    for file, content in zip(files, (certificate.public_bytes(pem) + by.chain, private), strict=True):
        file.touch(mode=0o600)
        file.write_bytes(content)
    return [str(file) for file in files]
