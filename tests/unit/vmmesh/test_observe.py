"""What is in place, and what a stage would be."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.vmmesh.support import CLUSTER1, CONFIG, VM, settings
from toolchain.problem import Problem
from vmmesh import observe as observing
from vmmesh.calls import Calls
from vmmesh.judge import Sent
from vmmesh.mesh import Proxy, Snapshot
from vmmesh.observe import in_place, observe, planned
from vmmesh.place import Place
from vmmesh.report import rendered
from vmmesh.routes import Route
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


class Mesh:
    """A mesh in which all calls of a route have gone to one of its destinations, since it was asked first."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def wait_for_routes(self, _route: Route, _seconds: float) -> None:
        """They are there."""

    def url(self, _cluster: str) -> str:
        return "http://127.0.0.1"

    def counts(self, route: Route) -> Snapshot:
        now = Calls(1000 if route.service in self.asked else 0)
        self.asked.add(route.service)
        return {Proxy("cluster1", "front", str): {VM: now, CLUSTER1.replace("details", "reviews"): now}}


def giving(value: object) -> Callable[..., object]:
    """A function that returns this, whatever it is called with."""
    return lambda *_: value


def test_a_report_states_the_p_value_that_all_its_routes_are_judged_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = CONFIG.replace("canary  #", "canary\n    reviews: half  #")
    text = text.replace(
        "  vm-mesh:clusters", "      reviews: {stages: {half: {cluster1: 50, cluster2: 50}}}\n  vm-mesh:clusters"
    )
    place = Place(root=tmp_path, name="dev", environment=lambda _root: {"KUBECACHEDIR": ""})
    place.file.write(text)
    outputs = {"stages": {"details": "canary", "reviews": "half"}, "transports": {"vm1": "docker exec x"}}
    stack = SimpleNamespace(outputs=lambda: outputs, history=list)
    monkeypatch.setenv("KUBECACHEDIR", "")
    monkeypatch.setattr(observing, "Stack", giving(stack))
    monkeypatch.setattr(observing, "connect", giving(nullcontext(Mesh())))
    monkeypatch.setattr(observing.status, "machines", giving([]))
    monkeypatch.setattr(observing.verify, "send", giving({"cluster1": Sent(requests=1000, failures={})}))
    seen = observe(place, None, 0.0, 1000)
    judged = [line for verdict in seen.verdicts for line in verdict.clusters[0].wrong]
    assert [line.partition("must be ")[2] for line in judged] == ["at least 3e-05)", "at least 3e-05)"]
    assert rendered("dev", seen, ".md").count("A p-value below 3e-05 is judged wrong") == 2


def test_a_stage_to_come_is_of_every_route_that_has_it() -> None:
    assert planned(settings(), None, "all") == {"details": "all"}
    assert planned(settings(), "details", "all") == {"details": "all"}
    with pytest.raises(Misuse, match=r"details has no stage al \(known: all, canary, on, vm-only\)"):
        planned(settings(), "details", "al")
    with pytest.raises(Misuse, match="did you mean details"):
        planned(settings(), "detail", "all")
