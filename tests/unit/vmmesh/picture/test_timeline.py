"""Pictures over time: what they say, and that it can be read."""

from __future__ import annotations

import pytest

from tests.unit.vmmesh.picture.boxes import parse, texts
from tests.unit.vmmesh.picture.samples import long
from tests.unit.vmmesh.picture.timelines import FAULT, STAGES, START, timeline
from vmmesh import over_time
from vmmesh.picture.chart import scale, ticks
from vmmesh.picture.style import DARK, LIGHT, Theme
from vmmesh.picture.timeline import failures, shares, totals, within
from vmmesh.picture.timeline_drawing import description, draw

CROWDED = {f"stage-{number}": 20 * number for number in range(1, 12)}


def test_shares_are_of_the_calls_of_the_moment() -> None:
    (part,) = timeline().parts
    found = shares(part)
    assert (found["vm1"][0], found["cluster1"][0]) == (100, 0)
    assert (found["vm1"][30], found["cluster1"][30]) == (75, 25)
    assert found["vm1"][-1] is None


def test_what_fails_is_a_share_of_its_own_destination() -> None:
    (part,) = timeline().parts
    found = failures(part.curves[1])
    assert found[FAULT[0] // 15] == 20
    assert found[0] is None, "there was no call"
    assert found[25] == 0


def test_a_table_has_each_stage_and_its_destinations() -> None:
    seen = timeline()
    found = [(it.stay.stage, it.destination, round(it.percent)) for it in totals(seen, seen.parts[0])]
    assert found == [
        ("vm-only", "vm1", 100),
        ("canary", "vm1", 75),
        ("canary", "cluster1", 25),
        ("kubernetes", "cluster1", 100),
    ]
    assert [round(it.calls) for it in totals(seen, seen.parts[0])][:2] == [12_000, 18_000]


def test_the_stage_that_was_under_way_is_the_first() -> None:
    stays = timeline().parts[0].stays
    assert [stay.stage for stay in within(stays, START)] == [*STAGES]
    assert [stay.stage for stay in within(stays, START + 600)] == ["canary", "kubernetes"]
    assert within([], START) == []


@pytest.mark.parametrize(
    ("values", "least", "most"),
    [([[None]], 10, 10), ([[3.0]], 10, 10), ([[11.0]], 10, 20), ([[None, 2000.0]], 10, 2000), ([[2001.0]], 10, 5000)],
)
def test_a_scale_is_round_and_enough(values: list[list[float | None]], least: float, most: float) -> None:
    assert scale(values, least) == most


@pytest.mark.parametrize("seconds", [60, 1800, 6 * 3600, 9999 * 86400 // 100])
def test_moments_below_are_round_and_not_too_many(seconds: int) -> None:
    found = ticks(START, START + seconds)
    assert found
    assert all(START <= moment <= START + seconds for moment in found)
    if seconds <= 6 * 3600:
        assert 2 <= len(found) <= 9


@pytest.mark.parametrize(
    "seen",
    [
        timeline(),
        timeline(stages={}),
        timeline(stages=CROWDED),
        timeline(destinations=(long("v"), long("c")), stages={long("s"): 10, long("t"): 1790}),
    ],
    ids=["plain", "without stages", "crowded", "long"],
)
def test_no_text_meets_another_or_leaves_the_picture(seen: over_time.Timeline) -> None:
    svg = parse(draw(seen))
    found = texts(svg)
    wide, high = float(svg.attrib["width"]), float(svg.attrib["height"])
    for index, text in enumerate(found):
        assert text.left >= 0
        assert text.top >= 0
        assert text.right <= wide, text.what
        assert text.bottom <= high
        for other in found[index + 1 :]:
            assert not text.overlaps(other), f"{text.what} meets {other.what}"


def test_it_says_in_words_what_it_shows() -> None:
    words = description(timeline())
    assert "details in stage canary: 75.0 % of the calls to vm1." in words
    svg = draw(timeline())
    assert words in svg
    for stage in STAGES:
        assert f">{stage}</text>" in svg


def test_themes_and_formats() -> None:
    both = draw(timeline(), Theme.AUTO)
    assert LIGHT.paper in both
    assert DARK.paper in both
    assert LIGHT.paper not in draw(timeline(), Theme.DARK)
    assert over_time.rendered(timeline(), ".png", None).startswith(b"\x89PNG")
    page = over_time.rendered(timeline(), ".html", None).decode()
    assert page.startswith("<!DOCTYPE html>")
    assert "details, stage by stage" in page
    assert "http://www.w3.org" in page
    assert "src=" not in page
