"""What the load generator says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.load import Load, parse
from toolchain.problem import Problem


def output(**codes: int) -> str:
    said: dict[str, Any] = {
        "ActualQPS": 999.5,
        "RetCodes": {code.removeprefix("_"): count for code, count in codes.items()},
        "DurationHistogram": {
            "Percentiles": [{"Percentile": 50, "Value": 0.0012}, {"Percentile": 99, "Value": 0.0103}]
        },
    }
    return json.dumps(said)


def test_seconds_become_milliseconds() -> None:
    found = parse(output(_200=1000), "http://details")
    assert (found.median, found.p99, found.rate) == (pytest.approx(1.2), pytest.approx(10.3), 999.5)
    assert isinstance(found, Load)


def test_a_load_that_was_not_answered_is_no_measurement() -> None:
    with pytest.raises(Problem, match=r"answered with .*503"):
        parse(output(_200=997, _503=3), "http://details")
