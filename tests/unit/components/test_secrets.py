"""No key, token or kubeconfig is a plain value anywhere: plain values are shown, and stored as they are."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import pytest

from tests.unit.components.monitor import Program, Secret, plain_texts, revealed
from tests.unit.components.program import TOKEN, VARIANTS, variant

# What stands for a secret in the outputs that the tests make up.
CONFIDENTIAL = re.compile(rf"PRIVATE KEY|kubeconfig of|{TOKEN}")
BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")


@pytest.fixture(params=VARIANTS)
def program(request: pytest.FixtureRequest) -> Program:
    return variant(request.param)


def gives_away(text: str) -> bool:
    """Whether a text has something confidential in it, encoded or not."""
    if CONFIDENTIAL.search(text):
        return True
    for encoded in BASE64.findall(text):
        try:
            decoded = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        if gives_away(decoded):
            return True
    return False


def exposed(properties: Any) -> list[str]:
    return [text for text in plain_texts(properties) if gives_away(text)]


def test_no_resource_has_one_as_a_plain_input(program: Program) -> None:
    assert {
        resource.name: found for resource in program.resources.values() if (found := exposed(resource.inputs))
    } == {}


def test_nor_is_one_a_plain_output_of_the_stack(program: Program) -> None:
    assert exposed(program.outputs) == []
    assert set(program.outputs["kubeconfigs"]) == {
        it.name for it in program.components() if it.type.endswith("Cluster")
    }
    assert all(isinstance(kubeconfig, Secret) for kubeconfig in program.outputs["kubeconfigs"].values())


def test_what_prints_one_is_not_shown_while_it_runs(program: Program) -> None:
    printing = [it for it in program.custom("Command") if it.secret_outputs]
    assert {it.name for it in printing} >= {
        it.name for it in program.custom("Command") if it.name.endswith("-kubeconfig")
    }
    for command in printing:
        assert command.secret_outputs == ("stdout",)
        assert command["logging"] == "none", command.name


def test_what_needs_one_gets_it(program: Program) -> None:
    """Else the tests above would hold for a program that has no secrets at all."""
    for provider in program.custom("pulumi:providers:kubernetes"):
        assert isinstance(provider["kubeconfig"], Secret)
        assert gives_away(revealed(provider["kubeconfig"]))
    for secret in (it for it in program.custom("Secret") if not it.name.endswith("-token")):
        assert all(gives_away(text) for text in plain_texts(revealed(secret["stringData"])) if "KEY" in text)
    for join in (it for it in program.custom("Command") if it.name.endswith("-join")):
        assert isinstance(join["stdin"], Secret)
        assert gives_away(revealed(join["stdin"]))


def test_accounts_hand_out_no_token_by_themselves(program: Program) -> None:
    for account in program.custom("ServiceAccount"):
        if not account.name.endswith("-reader"):
            assert account["automountServiceAccountToken"] is False, account.name
