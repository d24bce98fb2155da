"""How long certificates are valid, and by whose clock."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.vmmesh.doctor.support import answers, only
from tests.unit.vmmesh.support import CONFIG, Programs
from vmmesh.doctor import validity, vm
from vmmesh.doctor.examined import Examined
from vmmesh.stackfile import load


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


@pytest.mark.parametrize(
    ("age", "left", "level", "says"),
    [
        (timedelta(hours=11), timedelta(hours=13), "ok", "valid for 13 h more"),
        (timedelta(hours=19), timedelta(hours=5), "warning", "ends in 300 min, not renewed yet"),
        (timedelta(minutes=20), timedelta(minutes=40), "ok", "valid for 1 h more"),
        (timedelta(minutes=50), timedelta(minutes=10), "warning", "ends in 10 min, not renewed yet"),
        (timedelta(hours=25), timedelta(hours=-1), "failure", "ended at"),
    ],
)
def test_a_machine_renews_its_certificate_at_half_of_its_life(
    tmp_path: Path, examined: Examined, age: timedelta, left: timedelta, level: str, says: str
) -> None:
    """However long that is: `mesh.certificateTtl` says."""
    chain = tmp_path / "chain"
    chain.write_bytes(base64.b64decode(certificate(-age, left)))
    settings = load(CONFIG, "Pulumi.test.yaml").vms["vm1"]
    machine = vm.Machine(
        root=tmp_path, name="vm1", settings=settings, transport=f"sh -c 'cat {chain}'", cluster=examined, gateway=""
    )
    found = only(list(vm.certificate(machine)))
    assert found.level == level
    assert says in found.what


@pytest.mark.parametrize(("age", "level"), [(3, "ok"), (45, "ok"), (90, "failure"), (-30, "failure")])
def test_nodes_tell_their_clocks_by_their_leases(examined: Examined, programs: Programs, age: int, level: str) -> None:
    renewed = (datetime.now(UTC) - timedelta(seconds=age)).isoformat().replace("+00:00", "Z")
    lease = {"metadata": {"name": "node"}, "spec": {"renewTime": renewed}}
    answers(programs, leases=[lease])
    assert [said.level for said in validity.clocks(examined)] == [level]
