"""100,000 requests while every stage follows every other one, none of them tried again: none is lost."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterable

import pytest

from tests.e2e.environment import Environment
from tests.e2e.faults import RATE, every_destination_has_calls
from tests.e2e.traffic import Stream

pytestmark = [pytest.mark.e2e, pytest.mark.long]

REQUESTS = 100_000
STAGES = ("vm-only", "canary", "kubernetes", "spread")
SENT_RATE = 2 * RATE
"""Requests a second that are sent; a busy machine may come to no less than half of it."""


def every_pair(stages: Iterable[str]) -> list[str]:
    """A way through the stages that takes each ordered pair of them once, and ends where it begins."""
    left = set(itertools.permutations(stages, 2))
    first = next(iter(stages))
    way, through = [first], list[str]()
    while way:
        ahead = sorted(there for here, there in left if here == way[-1])
        if ahead:
            left.remove((way[-1], ahead[0]))
            way.append(ahead[0])
        else:
            through.append(way.pop())
    return through[::-1]


def test_every_stage_after_every_other_one_loses_none_of_many_requests(running: Environment) -> None:
    way = every_pair(STAGES)
    steps = list(itertools.pairwise(way))
    url = running.outputs["urls"]["cluster1"]
    with every_destination_has_calls(running, way[0]), Stream(url, rate=SENT_RATE) as stream:
        began = time.monotonic()
        for number, (before, after) in enumerate(steps, start=1):
            running.set_stage(after)
            said = running.up()
            assert re.findall(r"^ +[^ ] \d+ [a-z]+$", said, re.MULTILINE) == ["    ~ 2 updated"], (before, after, said)
            # All take their share of the requests, so that each stage serves some before the next one is taken.
            until(stream, REQUESTS * number // len(steps), began)
            print(f"{number}: {before} to {after}: {dict(stream.results)}")
            assert set(stream.results) == {"200"}, (before, after)
    print(f"{len(steps)} changes of stage: {len(stream.failed)} of {stream.results.total()} lost; nothing to be healed")
    assert stream.results["200"] >= REQUESTS
    assert set(stream.results) == {"200"}


def until(stream: Stream, count: int, began: float) -> None:
    """Waits for the requests, as long as they take at the least rate."""
    while stream.results.total() < count:
        assert time.monotonic() < began + count / RATE, f"{stream.results.total()} of {count} were sent"
        time.sleep(0.2)
