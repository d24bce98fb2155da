"""A gate is held by every destination, broken on evidence alone, and a bad canary is not hidden by a good VM."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from settings import GateSettings
from tests.unit.vmmesh.support import details
from vmmesh.advance.gate import Gate, standing_document
from vmmesh.calls import Calls

GATE = GateSettings(success_rate=99, p99_milliseconds=500, min_requests=100, duration=30)


def gate(settings: GateSettings = GATE, **percents: int) -> Gate:
    route = details()
    return Gate(
        settings, replace(route, percents=dict.fromkeys(route.percents, 0) | (percents or {"vm1": 75, "cluster1": 25}))
    )


def figures(answered: int = 0, failed: int = 0, slow: int = 0, waiting: int = 0, given_up: int = 0) -> Calls:
    times = {8.0: answered - slow, 900.0: slow}
    return Calls(
        total=answered + failed + waiting + given_up,
        answered=answered,
        failed=failed,
        given_up=given_up,
        waiting=waiting,
        times={least: count for least, count in times.items() if count},
    )


def taken(found: Gate, *moments: Mapping[str, Calls]) -> Gate:
    for at, moment in enumerate(moments):
        found.take(at, {"vm1": Calls(), "cluster1": Calls(), "cluster2": Calls(), **moment})
    return found


def test_a_gate_is_held_when_every_destination_has_had_its_calls() -> None:
    found = taken(gate(), {"vm1": figures(300), "cluster1": figures(99)})
    assert (found.broken, found.lacking) == ([], ["cluster1 has had 99 of 100 calls"])
    assert taken(found, {"vm1": figures(303), "cluster1": figures(100)}).lacking == []


def test_a_bad_canary_is_not_hidden_by_a_good_vm() -> None:
    """99.6% of all calls succeed, which is more than the gate asks for."""
    found = taken(gate(), {"vm1": figures(5000), "cluster1": figures(80, 20)})
    assert any("20 of 100 calls of cluster1 failed" in line for line in found.broken)
    assert all("cluster1" in line for line in found.broken)


def test_a_canary_that_fails_always_breaks_the_gate_at_its_first_calls() -> None:
    assert taken(gate(), {"vm1": figures(12), "cluster1": figures(0, 4)}).broken


def test_one_failure_may_be_chance_so_the_gate_goes_on() -> None:
    found = taken(gate(), {"vm1": figures(300), "cluster1": figures(59, 1)})
    assert found.broken == []
    assert "1 of 60 calls of cluster1 failed, 99% must succeed" in found.lacking
    assert taken(found, {"vm1": figures(600), "cluster1": figures(199, 1)}).lacking == []


def test_calls_that_callers_gave_up_have_failed() -> None:
    assert taken(gate(), {"vm1": figures(100), "cluster1": figures(0, given_up=10)}).broken


def test_a_slow_canary_breaks_the_gate() -> None:
    found = taken(gate(), {"vm1": figures(100), "cluster1": figures(30, slow=30)})
    assert any("30 of 30 calls of cluster1 took longer than 500 ms" in line for line in found.broken)


def test_a_canary_that_answers_nothing_breaks_the_gate() -> None:
    """Calls that were not begun in the last second wait for longer than 500 ms."""
    waits = {"vm1": figures(100), "cluster1": figures(waiting=20)}
    assert taken(gate(), waits).broken == []
    assert any("20 of 20 calls of cluster1" in line for line in taken(gate(), waits, waits).broken)


def test_calls_that_have_only_begun_are_not_late() -> None:
    found = taken(gate(), *({"cluster1": figures(40 * second, waiting=20)} for second in range(1, 5)))
    assert found.broken == []
    assert [standing.late for standing in found.standings] == [0, 0]


def test_without_limits_of_its_own_a_destination_is_judged_by_the_others() -> None:
    loose = GateSettings(duration=30)
    moments = [{"vm1": figures(75 * second), "cluster1": figures(15 * second, 10 * second)} for second in range(1, 20)]
    assert any("more than 3 times as likely as at the others" in line for line in taken(gate(loose), *moments).broken)
    alike = [
        {"vm1": figures(45 * second, 30 * second), "cluster1": figures(15 * second, 10 * second)}
        for second in range(1, 20)
    ]
    assert taken(gate(loose), *alike).broken == []


def test_what_has_broken_the_gate_stays() -> None:
    found = taken(gate(), {"vm1": figures(12), "cluster1": figures(0, 4)})
    first = list(found.broken)
    assert taken(found, {"vm1": figures(12), "cluster1": figures(9000, 4)}).broken == first


def test_only_destinations_of_the_stage_are_judged() -> None:
    found = taken(gate(GATE, cluster1=100), {"vm1": figures(0, 50), "cluster1": figures(100)})
    assert (found.broken, found.lacking) == ([], [])


def test_good_destinations_break_no_gate() -> None:
    chance = random.Random(4)
    for _ in range(100):
        found, counts = gate(), {"vm1": [0, 0], "cluster1": [0, 0]}
        for second in range(60):
            for name, calls in (("vm1", 45), ("cluster1", 15)):
                bad = sum(chance.random() < 0.005 for _ in range(calls))
                counts[name] = [counts[name][0] + calls - bad, counts[name][1] + bad]
            found.take(second, {"cluster2": Calls()} | {name: figures(*count) for name, count in counts.items()})
        assert found.broken == []


def test_a_standing_as_json() -> None:
    [_, canary] = taken(gate(), {"vm1": figures(100), "cluster1": figures(99, 1, slow=3)}).standings
    document = standing_document(canary)
    assert document | {"lacking": []} == {
        "destination": "cluster1",
        "percent": 25,
        "calls": 100,
        "failed": 1,
        "given_up": 0,
        "success_rate": 99.0,
        "p50_milliseconds": 8.0,
        "p99_milliseconds": 900.0,
        "late": 3,
        "broken": [],
        "lacking": [],
    }


@pytest.mark.parametrize("percent", [50, 99])
def test_percentiles_of_nothing(percent: float) -> None:
    assert Calls().percentile(percent) is None
