"""How long certificates are valid, and by whose clock."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.vmmesh.doctor.support import answers
from tests.unit.vmmesh.support import Programs
from vmmesh.doctor import validity
from vmmesh.doctor.examined import Examined


def certificate(begins: timedelta, ends: timedelta) -> str:
    """The base64 of a certificate's PEM, of these times from now on."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


@pytest.mark.parametrize(
    ("begins", "days", "level"), [(-1, 300, "ok"), (-1, 20, "warning"), (-1, 1, "failure"), (1, 300, "failure")]
)
def test_a_ca_is_valid_for_a_while(examined: Examined, programs: Programs, begins: int, days: int, level: str) -> None:
    pem = certificate(timedelta(hours=begins), timedelta(days=days))
    answers(programs, secret=[{"data": {"ca-cert.pem": pem, "ca-key.pem": "none"}}])
    assert [said.level for said in validity.authority(examined)] == [level]


@pytest.mark.parametrize(("age", "level"), [(3, "ok"), (45, "ok"), (90, "failure"), (-30, "failure")])
def test_nodes_tell_their_clocks_by_their_leases(examined: Examined, programs: Programs, age: int, level: str) -> None:
    renewed = (datetime.now(UTC) - timedelta(seconds=age)).isoformat().replace("+00:00", "Z")
    lease = {"metadata": {"name": "node"}, "spec": {"renewTime": renewed}}
    answers(programs, leases=[lease])
    assert [said.level for said in validity.clocks(examined)] == [level]
