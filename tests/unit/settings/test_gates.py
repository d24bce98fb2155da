"""Gates in the config: durations as people write them, a stage's own over the route's, and every mistake named."""

from __future__ import annotations

from typing import Any

import pytest

from settings import GateSettings, Settings, SettingsError, load


def config(gate: Any = None, **gates: Any) -> dict[str, Any]:
    route: dict[str, Any] = {"stages": {"vm-only": {"vm1": 100}, "canary": {"vm1": 75, "one": 25}}}
    if gate is not None:
        route["gate"] = gate
    if gates:
        route["gates"] = gates
    return {
        "clusters": {"one": {"network": "network1"}},
        "vms": {
            "vm1": {
                "cluster": "one",
                "services": {"details": {"port": 1, "command": "x"}},
                "probe": {"tcp": {"port": 1}},
            }
        },
        "routes": {"details": route},
        "stages": {"details": "vm-only"},
    }


def gate_of(settings: Settings, stage: str) -> GateSettings | None:
    return settings.routes["details"].gate_of(stage)


def mistakes(gate: Any = None, **gates: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(config(gate, **gates))
    return caught.value.errors


@pytest.mark.parametrize(("written", "seconds"), [(90, 90), ("30s", 30), ("2m", 120), ("1h", 3600)])
def test_a_duration(written: Any, seconds: int) -> None:
    found = gate_of(load(config({"duration": written})), "canary")
    assert found is not None
    assert found.duration == seconds


def test_a_route_without_a_gate_has_none() -> None:
    assert gate_of(load(config()), "canary") is None


def test_a_stage_has_its_own_gate_over_the_route_s() -> None:
    settings = load(config({"successRate": 99, "duration": "1m"}, canary={"duration": "10m", "pause": True}))
    assert gate_of(settings, "vm-only") == GateSettings(success_rate=99, duration=60)
    assert gate_of(settings, "canary") == GateSettings(success_rate=99, duration=600, pause=True)


def test_a_stage_may_have_the_only_gate() -> None:
    settings = load(config(canary={"minRequests": 10}))
    assert gate_of(settings, "vm-only") is None
    assert gate_of(settings, "canary") == GateSettings(min_requests=10)


@pytest.mark.parametrize(
    ("gate", "mistake"),
    [
        ({"duration": "2 minutes"}, 'gate.duration: must be a duration such as 30s, 2m or 1h, not "2 minutes"'),
        ({"duration": 0}, "gate.duration: must be at least 1, not 0"),
        ({"successRate": 101}, "gate.successRate: must be at most 100.0, not 101"),
        ({"successRate": 0}, "gate.successRate: must be more than 0.0, not 0"),
        ({"successRate": "99"}, 'gate.successRate: must be a number, not "99"'),
        ({"p99Milliseconds": 0}, "gate.p99Milliseconds: must be at least 1, not 0"),
        ({"timesOthers": 0.5}, "gate.timesOthers: must be at least 1.0, not 0.5"),
        ({"pause": "yes"}, 'gate.pause: must be true or false, not "yes"'),
        ({"sucessRate": 99}, 'gate.sucessRate: unknown key; did you mean "successRate"?'),
        ({"checks": {"shop": {}}}, "gate.checks.shop: needs one of 'command', 'url'"),
        (
            {"checks": {"shop": {"command": "true", "url": "http://shop"}}},
            "gate.checks.shop: has both 'command' and 'url'; keep the one that it is",
        ),
        (
            {"checks": {"shop": {"url": "shop"}}},
            'gate.checks.shop.url: must be http(s)://host[:port][/path], not "shop"',
        ),
    ],
)
def test_a_mistake_is_named(gate: dict[str, Any], mistake: str) -> None:
    assert mistakes(gate) == (f"vm-mesh:routes.details.{mistake}",)


def test_a_gate_of_no_stage_is_a_mistake_and_its_own_mistakes_are_told_too() -> None:
    assert mistakes(canry={"checks": {"shop": {}}}) == (
        'vm-mesh:routes.details.gates.canry: there is no stage "canry"; did you mean "canary"?',
        "vm-mesh:routes.details.gates.canry.checks.shop: needs one of 'command', 'url'",
    )
