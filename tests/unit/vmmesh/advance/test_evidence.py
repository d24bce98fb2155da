"""Evidence is enough by chance no more often than stated, however often it is looked at, and soon where it is true."""

from __future__ import annotations

import math
import random

import pytest

from vmmesh.advance.evidence import WorseThanOthers, above

RUNS = 400
LOOKS = 60
ALARMS = 0.05
ENOUGH = math.log(1 / ALARMS)


def calls(chance: random.Random, number: int, bad: float) -> int:
    return sum(chance.random() < bad for _ in range(number))


def test_a_destination_at_its_limit_seldom_raises_an_alarm() -> None:
    """Looked at after each of 60 seconds; a test made anew each time would raise one in a third of the runs."""
    chance, alarms = random.Random(1), 0
    for _ in range(RUNS):
        bad = total = 0
        for _ in range(LOOKS):
            bad, total = bad + calls(chance, 20, 0.02), total + 20
            if above(bad, total, 0.02) >= ENOUGH:
                alarms += 1
                break
    assert alarms / RUNS <= ALARMS


def test_destinations_that_fail_alike_seldom_raise_an_alarm_whatever_their_rate() -> None:
    """The rate changes all the time, as when what all depend on has its troubles."""
    chance, alarms = random.Random(2), 0
    for _ in range(RUNS):
        worse = WorseThanOthers(1)
        for _ in range(LOOKS):
            rate = chance.choice([0.0, 0.01, 0.5])
            worse.add(calls(chance, 5, rate), 5, calls(chance, 15, rate), 15)
            if worse.evidence >= ENOUGH:
                alarms += 1
                break
    assert alarms / RUNS <= ALARMS


def test_a_destination_that_always_fails_is_found_out_in_a_few_calls() -> None:
    assert above(4, 4, 0.01) > math.log(1e5)
    assert above(2, 2, 0.01) < math.log(1e5)


def test_where_no_call_may_fail_one_is_enough() -> None:
    assert above(0, 10_000, 0) <= 0
    assert above(1, 10_000, 0) == math.inf


@pytest.mark.parametrize("total", [10, 1_000, 1_000_000])
def test_good_calls_are_no_evidence(total: int) -> None:
    assert above(0, total, 0.01) < 0
    assert above(total // 1000, total, 0.01) < 0


def test_failures_of_one_destination_alone_are_evidence() -> None:
    worse = WorseThanOthers(3)
    for _ in range(20):
        worse.add(5, 25, 0, 75)
    assert worse.evidence > math.log(1e5)


def test_a_few_times_the_others_is_none_where_that_is_allowed() -> None:
    worse, chance = WorseThanOthers(3), random.Random(3)
    for _ in range(200):
        worse.add(calls(chance, 25, 0.04), 25, calls(chance, 75, 0.02), 75)
    assert worse.evidence < 0


def test_without_others_there_is_nothing_to_compare() -> None:
    worse = WorseThanOthers(3)
    worse.add(100, 100, 0, 0)
    assert worse.evidence == pytest.approx(0)
