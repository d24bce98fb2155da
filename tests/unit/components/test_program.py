"""What holds for every component and every resource, whatever the environment."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.unit.components.monitor import STACK_URN, Program
from tests.unit.components.program import ROOT, VARIANTS, run, variant

TYPES = {
    "vm-mesh:index:Access",
    "vm-mesh:index:Application",
    "vm-mesh:index:ContainerVm",
    "vm-mesh:index:EastWestGateway",
    "vm-mesh:index:ExistingCluster",
    "vm-mesh:index:Exported",
    "vm-mesh:index:Extensions",
    "vm-mesh:index:Failover",
    "vm-mesh:index:Federation",
    "vm-mesh:index:Grafana",
    "vm-mesh:index:HostVm",
    "vm-mesh:index:IngressGateway",
    "vm-mesh:index:Keeper",
    "vm-mesh:index:Kiali",
    "vm-mesh:index:KialiAccounts",
    "vm-mesh:index:KindCluster",
    "vm-mesh:index:Management",
    "vm-mesh:index:Mesh",
    "vm-mesh:index:MetricsAgent",
    "vm-mesh:index:MetricsStore",
    "vm-mesh:index:Onboarding",
    "vm-mesh:index:Operators",
    "vm-mesh:index:Readings",
    "vm-mesh:index:Route",
    "vm-mesh:index:Telemetry",
    "vm-mesh:index:Trust",
    "vm-mesh:index:Underlay",
    "vm-mesh:index:WorkloadGroup",
}


@pytest.fixture(params=VARIANTS)
def program(request: pytest.FixtureRequest) -> Program:
    return variant(request.param)


def test_the_types_are_those_that_running_stacks_know() -> None:
    """Another type token is another URN, which replaces everything below it: rename with an alias only."""
    assert {component.type for name in VARIANTS for component in variant(name).components()} == TYPES


def test_components_are_the_stacks_and_the_rest_is_theirs(program: Program) -> None:
    components = {component.urn: component for component in program.components()}
    assert {component.parent for component in program.components()} == {STACK_URN}
    for resource in program.custom():
        assert resource.parent in components, f"{resource.name} has no component"
        assert resource.name.startswith(f"{components[resource.parent].name}-")


def test_every_component_registers_its_outputs_once(program: Program) -> None:
    expected = dict.fromkeys([STACK_URN, *(component.urn for component in program.components())], 1)
    assert program.outputs_registered == expected


@pytest.mark.parametrize("path", sorted((ROOT / "components").glob("*.py")), ids=lambda path: path.stem)
def test_outputs_are_registered_last(path: Path) -> None:
    """What a component declares after that would be missing for those who wait for it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            registered = [index for index, line in enumerate(node.body) if "register_outputs" in ast.dump(line)]
            assert registered == [len(node.body) - 1]


def test_everything_in_a_cluster_goes_through_that_clusters_provider(program: Program) -> None:
    assert program.kubernetes()
    for resource in program.kubernetes():
        assert resource.provider, f"{resource.name} is left to the default provider, and so to chance"
        assert program.provider_of(resource).type == "pulumi:providers:kubernetes"


def test_the_end_of_an_object_is_not_waited_for_ten_minutes(program: Program) -> None:
    """But for what takes its time: pods that end, and all that is in a namespace."""
    patient = {it.type.rpartition(":")[2] for it in program.kubernetes() if not (it.delete_timeout or it.read)}
    assert patient <= {"Namespace", "Deployment", "StatefulSet", "Release"}


def test_nothing_is_looked_up_in_a_cluster(program: Program) -> None:
    """A preview would have to reach the cluster, and fail while what is looked up is not there yet."""
    assert [resource.name for resource in program.kubernetes() if resource.read] == []


def test_providers_stand_for_one_cluster_however_its_kubeconfig_changes(program: Program) -> None:
    providers = program.custom("pulumi:providers:kubernetes")
    assert all(provider["context"] for provider in providers)
    identifiers = {provider["clusterIdentifier"] for provider in providers}
    assert len(identifiers) == len(providers)


def test_what_is_in_a_kind_cluster_goes_with_its_node(program: Program) -> None:
    """Removed one by one, it would take the API server minutes to say what `kind delete` does at once."""
    kind = {cluster.name for cluster in program.components() if cluster.type.endswith(":KindCluster")}
    for resource in program.kubernetes():
        cluster = program.cluster_of(resource)
        if cluster in kind:
            assert resource.deleted_with == program[f"{cluster}-node"].urn, resource.name


def test_a_preview_registers_what_an_update_registers() -> None:
    """Also from nothing, where no command has said anything: no resource hides behind an unknown value."""
    for name, config in VARIANTS.items():
        assert run(config, preview=True).resources.keys() == variant(name).resources.keys()


def test_commands_are_scripts_that_are_there(program: Program) -> None:
    """Data in the text of a command would be read by a shell, and shown with each failure."""
    for command in program.custom("command:local:Command"):
        for step in ("create", "update", "delete"):
            text = command.inputs.get(step, "true")
            script = re.fullmatch(r"sh ((components/scripts|bootstrap)/[a-z-]+\.sh)", text)
            assert text == "true" or script, f"{command.name} {step}s by {text!r}, which is not a script's name"
            assert not script or (ROOT / script[1]).is_file()


def test_what_has_a_fixed_name_goes_before_its_successor_comes(program: Program) -> None:
    fixed = [
        *program.custom("Container"),
        *(it for it in program.custom("Command") if it.name.endswith("-node")),
    ]
    assert fixed
    assert all(resource.delete_before_replace for resource in fixed)
