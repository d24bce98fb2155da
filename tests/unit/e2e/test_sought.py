"""Secrets are found again in every form in which they could lie about."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e import sought

TOKEN = f"eyJhbGciOiJSUzI1NiJ9.{'eyJhdWQiOlsiaXN0aW8tY2EiXX0' * 2}.{'sIgNaTuRe' * 9}"


@pytest.fixture(scope="module")
def key() -> str:
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return rsa.generate_private_key(65537, 2048).private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_secrets_of_a_state_are_told_from_the_rest() -> None:
    secret = {sought._SIGNATURE: sought._SECRET, "plaintext": json.dumps({"a": ["hidden"]})}  # pyright: ignore[reportPrivateUsage]
    assert list(sought.plaintexts({"resources": [{"inputs": {"x": secret, "y": "plain"}}]})) == ["hidden"]


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_keys_and_tokens_are_found_again(key: str, before: str) -> None:
    for secret in (key, TOKEN):
        wanted = sought.needles([f"kubeconfig of {secret}"])
        assert sought.in_text(before + secret, wanted)
        assert sought.in_text(encoded(before + secret), wanted)
        assert not sought.in_text("-----BEGIN CERTIFICATE-----", wanted)


def test_of_what_is_encoded_the_plain_form_is_found(key: str) -> None:
    wanted = sought.needles([f"client-key-data: {encoded(key)}"])
    assert sought.in_text(key, wanted)
    assert sought.in_text(encoded(key), wanted)


def test_a_file_is_found_that_others_may_read(tmp_path: Path, key: str) -> None:
    for name, mode in (("mine", 0o600), ("everybody's", 0o644)):
        (tmp_path / name).write_text(key)
        (tmp_path / name).chmod(mode)
    assert sought.open_files(tmp_path, sought.needles([key])) == [str(tmp_path / "everybody's")]
