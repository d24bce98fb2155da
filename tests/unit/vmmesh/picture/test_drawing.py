"""Pictures of configs of many shapes: all is there, nothing is on anything else, and anyone can read it."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.unit.vmmesh.picture.boxes import NAMESPACE, parse, rectangles, texts
from tests.unit.vmmesh.picture.samples import BARE, LONG, MANY, MOMENT, SAMPLES, TALK, every_way, verdict
from vmmesh.calls import Calls
from vmmesh.picture.canvas import text_width
from vmmesh.picture.drawing import draw
from vmmesh.picture.shown import Picture
from vmmesh.picture.style import DARK, FACES, LIGHT, Palette, Theme, colours, css
from vmmesh.picture.topology import picture

PICTURES = [
    pytest.param(drawn, id=f"{name}-{number}")
    for name, settings in SAMPLES.items()
    for number, drawn in enumerate(every_way(settings))
]
CARDS = ("card", "vm-card", "hub", "gateway", "pill")


@pytest.mark.parametrize("drawn", PICTURES)
def test_no_text_meets_another_or_is_cut_off(drawn: Picture) -> None:
    svg = parse(draw(drawn))
    found = texts(svg)
    (paper,) = rectangles(svg, "paper")
    cards = rectangles(svg, *CARDS)
    for text in found:
        assert text.within(paper), text
        touched = [card for card in cards if text.overlaps(card)]
        assert len(touched) <= 1, (text, touched)
        assert all(text.within(card) for card in touched), (text, touched)
    for one, other in itertools.combinations(found, 2):
        assert not one.overlaps(other), (one, other)


@pytest.mark.parametrize("drawn", PICTURES)
def test_no_card_meets_another_and_each_is_in_a_zone(drawn: Picture) -> None:
    svg = parse(draw(drawn))
    zones = rectangles(svg, "zone")
    cards = rectangles(svg, *CARDS[:-1])
    for one, other in itertools.chain(itertools.combinations(cards, 2), itertools.combinations(zones, 2)):
        assert not one.overlaps(other), (one, other)
    for card in cards:
        assert (card.what in ("hub", "gateway") and card.top > 100) or any(card.within(zone) for zone in zones), card


@pytest.mark.parametrize("settings", [TALK, LONG, MANY])
def test_every_destination_and_its_share_are_there(settings: object) -> None:
    assert settings in (TALK, LONG, MANY)
    (drawn, *_) = every_way(settings)  # pyright: ignore[reportArgumentType]
    svg = draw(drawn)
    words = [text.what for text in texts(parse(svg))]
    (panel,) = drawn.panels
    zones = [zone for cluster in panel.zones for zone in (cluster, *cluster.vms)]
    assert {zone.name for zone in zones} <= set(words)
    for zone in zones:
        assert zone.destination
        place = "process on" if zone.kind == "VM" else "pods of"
        assert f"{place} {zone.name}" in words
        assert f"{zone.destination.percent} % of the calls of {panel.service} to {zone.name}" in svg
    shares = sorted(f"{zone.destination.percent} %" for zone in zones if zone.destination)
    assert sorted(word for word in words if re.fullmatch(r"\d+ %", word)) == shares


def test_an_arrow_is_as_wide_as_its_share_and_none_is_faint() -> None:
    svg = parse(draw(picture("dev", TALK, ["details"], stages={"details": "spread"})))
    widths = {
        path[0].text: float(path.attrib["stroke-width"])
        for path in svg.iter(f"{NAMESPACE}path")
        if len(path) and path.get("class") == "line-call" and "%" in (path[0].text or "")
    }
    assert widths == {
        "50 % of the calls of details to vm1": 6.0,
        "25 % of the calls of details to cluster1": 3.0,
        "25 % of the calls of details to cluster2": 3.0,
    }
    svg = parse(draw(picture("dev", TALK, ["details"])))
    kinds = {path[0].text: path.get("class") for path in svg.iter(f"{NAMESPACE}path") if len(path)}
    assert kinds["100 % of the calls of details to vm1"] == "line-call"
    assert kinds["0 % of the calls of details to cluster1"] == "line-faint"


def test_what_is_to_change_is_said_beside_the_share() -> None:
    drawn = draw(picture("dev", TALK, ["details"], stages={"details": "spread"}))
    words = [text.what for text in texts(parse(drawn))]
    assert "What the stage would be. Now details is in stage vm-only." in words
    assert words.count("now 0 %") == 2
    assert words.count("now 100 %") == 1


def test_what_was_observed_is_told_from_what_is_intended() -> None:
    counted = {"cluster1": {"vm1": Calls(950), "cluster1": Calls(50, 7)}}
    drawn = draw(
        picture(
            "dev", TALK, ["details"], verdicts=[verdict(TALK, counted)], moment=MOMENT, config={"details": "spread"}
        )
    )
    words = [text.what for text in texts(parse(drawn))]
    assert "95.0 % observed, 950 calls" in words
    assert "5.0 % observed, 50 calls, must be none" in words
    assert "7 answered with 5xx" in words
    assert "not as intended" in words
    assert "The config says stage spread, which is not applied yet." in words
    assert "Stack dev, observed 2026-11-24 16:51:02 UTC" in words


def test_why_a_vm_is_not_well_is_told_to_who_points_at_it() -> None:
    vm = {"name": "vm1", "vm": "vm1", "registered": True, "healthy": False, "message": "<refused> & closed"}
    drawn = parse(draw(picture("dev", TALK, ["details"], vms=[vm])))
    assert "not healthy" in [text.what for text in texts(drawn)]
    assert "<refused> & closed" in [title.text for title in drawn.iter(f"{NAMESPACE}title")]


def test_a_bar_is_as_long_as_what_was_observed() -> None:
    counted = {"cluster1": {"vm1": Calls(750), "cluster1": Calls(250)}}
    svg = parse(draw(picture("dev", TALK, ["details"], verdicts=[verdict(TALK, counted)], moment=MOMENT)))
    track, *_ = rectangles(svg, "track")
    bars = [bar.right - bar.left for bar in rectangles(svg, "bar")][:2]
    assert [round(100 * bar / (track.right - track.left)) for bar in bars] == [25, 75]


def test_a_mesh_without_routes_is_drawn_too() -> None:
    words = [text.what for text in texts(parse(draw(picture("dev", BARE, []))))]
    assert {"The mesh", "cluster1", "cluster2", "vm1"} <= set(words)
    assert not any("%" in word for word in words)


@pytest.mark.parametrize("theme", Theme)
def test_a_theme_is_a_viewer_s_choice_or_one_of_two(theme: Theme) -> None:
    rules = css(theme)
    assert ("prefers-color-scheme" in rules) == (theme is Theme.AUTO)
    assert (LIGHT.paper in rules) == (theme is not Theme.DARK)
    assert (DARK.paper in rules) == (theme is not Theme.LIGHT)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_are_told_apart_by_people_who_see_less(palette: Palette) -> None:
    """WCAG 2.2, 1.4.3 and 1.4.11."""
    found = colours(palette)
    for ground in ("paper", "zone", "card"):
        for ink in ("ink", "soft", "call", "vm", "control", "good", "bad"):
            assert contrast(found[ink], found[ground]) >= 4.5, (ink, ground)
    assert contrast(palette.call, palette.track) >= 3
    assert contrast(palette.ink, palette.track) >= 3


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("face", FACES)
def test_a_wider_text_is_taken_for_wider(face: str) -> None:
    assert text_width("iiii", face) < text_width("nnnn", face) < text_width("WWWW", face)
    assert text_width("名", face) > text_width("m", face)
