"""What routes must be to their stages, and to what else a config has."""

from __future__ import annotations

from typing import Any

import pytest

from settings import PROJECT, load
from tests.unit.settings.support import REMOVED, changed, errors


def test_route_of_no_service_in_no_stage() -> None:
    assert errors(changed("routes/detail", {"stages": {"only": {"made": 100}}})) == (
        f'{PROJECT}:routes.detail: there is no service in the application "detail"; did you mean "details"?',
        f'{PROJECT}:stages.detail: is missing; name the stage that "detail" is in',
    )


def test_a_namespace_of_callers_is_named_once() -> None:
    path = f"{PROJECT}:routes.details.callers.namespaces"
    assert errors(changed("routes/details/callers/namespaces", ["shop", "shop"])) == (
        f"{path}[1]: is the same namespace as {path}[0]",
    )


def test_vm_that_does_not_run_the_service() -> None:
    config = changed("vms/vm1/services", {"reviews": {"port": 9080, "command": "reviews"}})
    config["stages"]["details"] = "canary"
    wrong = 'VM "vm1" does not run "details"; known: "reviews"'
    assert errors(config) == (
        f'{PROJECT}:routes.details.stages.canary.vm1: {wrong}; "details" is in this stage, so move '
        "to another stage first",
        f"{PROJECT}:routes.details.stages.vm-only.vm1: {wrong}",
    )


@pytest.mark.parametrize(("path", "value"), [("clusters", ["made"]), ("versions", {})])
def test_cluster_that_does_not_run_the_service(path: str, value: Any) -> None:
    config = changed("routes/details/rules", {}, changed("routes/details/rule", {}))
    config = changed("routes/details/failover", REMOVED, changed(f"application/details/{path}", value, config))
    assert errors(config) == (f'{PROJECT}:routes.details.stages.canary.there: cluster "there" does not run "details"',)


def test_removed_vm_that_the_current_stage_calls() -> None:
    wrong = 'there is no VM or cluster "vm1"; known: "fleet", "known", "made", "old", "there"'
    assert errors(changed("vms/vm1", REMOVED)) == (
        f"{PROJECT}:routes.details.stages.canary.vm1: {wrong}",
        f'{PROJECT}:routes.details.stages.vm-only.vm1: {wrong}; "details" is in this stage, so move '
        "to another stage first",
    )


def test_removed_vm_that_no_stage_names() -> None:
    config = changed("routes/details/stages", {"kubernetes": {"there": 100}})
    config["stages"]["details"] = "kubernetes"
    config["routes"]["details"] |= {"rules": {}, "gates": {}}
    assert load({**config, "vms": {}, "extensions": {}}).vms == {}
