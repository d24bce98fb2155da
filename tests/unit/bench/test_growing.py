"""The mesh of many VMs is the one that the program declares for its config."""

from __future__ import annotations

from bench import growing
from settings import PROJECT, load
from tests.unit.components import program


def names(urns: list[str]) -> set[str]:
    """Type and name of resources, without providers, which the engine makes by itself."""
    found = {urn.split("::")[2].split("$")[-1] + " " + urn.split("::")[-1] for urn in urns}
    return {name for name in found if not name.startswith(("pulumi:providers:", "pulumi:pulumi:"))}


def test_every_vm_has_a_service_and_a_route_of_its_own() -> None:
    settings = load(_own(12))
    assert len(settings.vms) == len(settings.routes) == 12
    assert settings.vms["vm12"].services["details12"].port == 9080
    assert settings.weights("details12") == {"vm12": 100}


def test_the_state_holds_what_the_program_declares() -> None:
    declared = program.run(_own(3), load_images=True).resources
    recorded = [resource["urn"] for resource in growing.resources(3)]
    assert names(recorded) == names([*declared])
    assert len(set(recorded)) == len(recorded)


def _own(count: int) -> dict[str, object]:
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in growing.config(count).items()}
