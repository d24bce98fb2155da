"""By way of which stages a VM is freed of calls."""

from __future__ import annotations

import pytest

from tests.unit.vmmesh.support import CONFIG, settings
from vmmesh.rejoin import machines_of
from vmmesh.stackfile import Misuse, load
from vmmesh.upgrade import detours


def test_calls_take_the_first_stage_that_sends_the_vm_none() -> None:
    assert detours(settings(), "vm1", None) == {"details": ("canary", "all")}


def test_calls_take_the_stage_that_is_named() -> None:
    assert detours(settings(), "vm1", "all") == {"details": ("canary", "all")}
    with pytest.raises(Misuse, match="details has no stage vm-only that sends vm1 nothing"):
        detours(settings(), "vm1", "vm-only")


def test_a_vm_that_nobody_calls_needs_none() -> None:
    nobody = load(CONFIG.replace("details:   canary", "details: all"), "Pulumi.test.yaml")
    assert detours(nobody, "vm1", None) == {}


def test_a_route_that_always_calls_the_vm_is_told_what_it_lacks() -> None:
    always = load(CONFIG.replace("all: {cluster1: 100}", "all: {vm1: 1, cluster1: 99}"), "Pulumi.test.yaml")
    with pytest.raises(Misuse, match="every stage of details sends calls to vm1") as misuse:
        detours(always, "vm1", None)
    assert "vm-mesh:routes.details.stages" in misuse.value.advice


def test_what_there_is_not_is_misuse() -> None:
    with pytest.raises(Misuse, match="there is no VM vm2; did you mean vm1"):
        detours(settings(), "vm2", None)
    with pytest.raises(Misuse, match="there is no machine vm2"):
        machines_of(settings(), ["vm2"])
    assert machines_of(settings()) == ["vm1"]
