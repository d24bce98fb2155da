"""Statistics of samples, and whether an aim is met."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.result import Bar, Result, Series, document, parse


def series(*values: float) -> Series:
    return Series(name="push", unit="ms", values=values)


def test_the_spread_is_from_the_least_to_the_greatest_sample() -> None:
    found = series(3, 1, 2, 10)
    assert (found.n, found.median, found.least, found.greatest) == (4, 2.5, 1, 10)


def test_few_samples_have_no_99th_percentile_and_the_greatest_stands_in_for_it() -> None:
    found = series(*range(99))
    assert found.p99 is None
    assert found.worst == 98


def test_one_in_a_hundred_may_be_above_the_99th_percentile() -> None:
    assert series(*range(101)).p99 == 99


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_statistics_are_in_order(values: list[float]) -> None:
    found = series(*values)
    # Interpolation is by floating point: a hair beyond the samples is none.
    assert found.least <= found.median <= found.greatest
    assert found.median * (1 - 1e-9) <= found.worst <= found.greatest * (1 + 1e-9)


@pytest.mark.parametrize(("found", "met"), [(399.0, True), (400.0, True), (400.1, False)])
def test_a_bar_is_met_up_to_its_aim(found: float, met: bool) -> None:
    assert Bar(what="push", aim=400, found=found, unit="ms", anchor="").met == met


def test_a_result_outlives_its_run() -> None:
    bar = Bar(what="push", aim=400, found=2, unit="ms", anchor="debounce")
    result = Result(name="stage", title="", how="", series=[series(1, 2)], bars=[bar], machine={"memory": "8 GiB"})
    again = parse(json.loads(json.dumps(document(result))))
    assert (again.name, again.bars, again.machine) == (result.name, result.bars, result.machine)
    assert list(again["push"].values) == [1, 2]


def test_a_series_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="push"):
        Result(name="stage", title="", how="", series=[])["push"]
