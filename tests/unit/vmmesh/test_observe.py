"""What is in place, and what a stage would be."""

from __future__ import annotations

import pytest

from tests.unit.vmmesh.support import CONFIG, settings
from toolchain.problem import Problem
from vmmesh.observe import in_place, planned
from vmmesh.stackfile import Misuse, load


def test_in_place_are_the_stages_of_the_last_update_and_its_vms() -> None:
    found = in_place(settings(), {"stages": {"details": "vm-only"}, "transports": {}})
    assert found.stages == {"details": "vm-only"}
    assert found.vms == {}
    assert in_place(settings(), {"stages": {}, "transports": {"vm1": "docker exec x"}}).routes == {}


def test_a_vm_of_several_machines_is_in_place_with_the_first_of_them() -> None:
    """Outputs name machines, weights name their VM: without it, its calls would go to no destination."""
    several = load(
        CONFIG.replace("      probe:", "      machines: {vm1-a: {}, vm1-b: {}}\n      probe:"), "Pulumi.test.yaml"
    )
    found = in_place(several, {"stages": {"details": "canary"}, "transports": {"vm1-a": "docker exec x"}})
    assert list(found.vms) == ["vm1"]
    assert in_place(several, {"stages": {"details": "canary"}, "transports": {"vm2": "docker exec x"}}).vms == {}


def test_a_stage_that_is_in_place_and_not_in_the_config_is_a_problem() -> None:
    with pytest.raises(Problem, match="details is in stage gone, which the config does not have any more"):
        in_place(settings(), {"stages": {"details": "gone"}, "transports": {}})


def test_a_stage_to_come_is_of_every_route_that_has_it() -> None:
    assert planned(settings(), None, "all") == {"details": "all"}
    assert planned(settings(), "details", "all") == {"details": "all"}
    with pytest.raises(Misuse, match=r"details has no stage al \(known: all, canary, on, vm-only\)"):
        planned(settings(), "details", "al")
    with pytest.raises(Misuse, match="did you mean details"):
        planned(settings(), "detail", "all")
