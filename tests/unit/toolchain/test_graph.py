"""What is missing is made, and nothing else: in order, several things at once, until the first failure."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from tests.unit.toolchain.support import Noted
from toolchain import graph
from toolchain.commands import Stopped
from toolchain.problem import Problem
from toolchain.progress import Progress, StepFailed
from toolchain.recipe import Choice, Recipe, Shop, Together, Work


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(tmp_path / "logs", Console(quiet=True))


def test_only_what_is_missing_is_made_and_in_order(shop: Shop, progress: Progress) -> None:
    notes: list[str] = []
    far = Noted(name="far", what="", notes=notes)
    there = Noted(name="there", what="", notes=notes, there=True, needs=(far,))
    module = Noted(name="module", what="", notes=notes)
    program = Noted(name="program", what="", notes=notes, needs=(module, there))
    image = Noted(name="image", what="", notes=notes, needs=(program,), heavy=True)

    wanted = graph.missing([image, program], shop)
    with progress:
        graph.make(wanted, shop, progress)

    assert notes == ["module", "program", "image"]
    assert graph.missing([image], shop) == []


def test_order_alone_makes_nothing_needed(shop: Shop, progress: Progress) -> None:
    notes: list[str] = []
    first = Noted(name="first", what="", notes=notes)
    second = Noted(name="second", what="", notes=notes, after=(first,))

    assert graph.missing([second], shop) == [second]
    with progress:
        graph.make(graph.missing([second, first], shop), shop, progress)
    assert notes == ["first", "second"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Sleeping(Recipe):
    """Runs a program that would take far longer than the test may."""

    notes: list[str]

    def present(self, shop: Shop) -> bool:
        return False

    def make(self, work: Work) -> None:
        try:
            work.run("sleep", "60")
        except Stopped:
            self.notes.append("stopped")
            raise


@dataclass(frozen=True, eq=False, kw_only=True)
class Failing(Recipe):
    """Fails, once others had the time to start."""

    error: BaseException

    def present(self, shop: Shop) -> bool:
        return False

    def make(self, work: Work) -> None:
        time.sleep(0.2)
        raise self.error


@pytest.mark.parametrize(
    ("raised", "seen"), [(Problem("no room"), StepFailed), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_a_failure_ends_what_else_is_running(
    raised: BaseException, seen: type[BaseException], shop: Shop, progress: Progress
) -> None:
    notes: list[str] = []
    failing = Failing(name="failing", what="", error=raised)
    recipes = [
        Sleeping(name="sleeping", what="", notes=notes),
        failing,
        Noted(name="later", what="", notes=notes, needs=(failing,)),
    ]
    started = time.monotonic()
    with progress, pytest.raises(seen):
        graph.make(recipes, shop, progress)
    assert notes == ["stopped"]
    assert time.monotonic() - started < 10


def test_the_way_that_was_gone_before_is_taken_again(shop: Shop) -> None:
    official = Noted(name="official", what="", notes=[])
    built = Noted(name="built", what="", notes=[], there=True)
    assert Choice(name="tool", ways=(official, built)).best(shop) is built


@pytest.mark.parametrize(("reachable", "expected"), [(True, "official"), (False, "built")])
def test_the_official_way_is_taken_if_it_is_open(reachable: bool, expected: str, shop: Shop) -> None:
    official = Noted(name="official", what="", notes=[], reachable=reachable)
    built = Noted(name="built", what="", notes=[])
    assert Choice(name="tool", ways=(official, built)).best(shop).name == expected


def test_several_things_are_there_if_each_is(shop: Shop) -> None:
    notes: list[str] = []
    parts = [Noted(name=name, what="", notes=notes) for name in ("a", "b")]
    whole = Together(name="whole", what="", needs=tuple(parts))
    assert graph.missing([whole], shop) == [whole, *parts]
    notes.append("a")
    assert graph.missing([whole], shop) == [whole, parts[1]]
    notes.append("b")
    assert graph.missing([whole], shop) == []


def test_a_key_changes_with_what_is_needed() -> None:
    def image(module: str) -> str:
        return Noted(name="image", what="", notes=[], needs=(Noted(name=module, what="", notes=[]),)).key

    assert image("a") != image("b")
    assert image("a") == image("a")


def test_how_long_it_took_is_noted(shop: Shop, progress: Progress) -> None:
    notes: list[str] = []
    with progress:
        for _ in range(2):
            graph.make([Noted(name="module", what="", notes=notes)], shop, progress)
    noted = [json.loads(line) for line in shop.cache.durations.read_text().splitlines()]
    assert [line["name"] for line in noted] == ["module", "module"]
    assert all(0 <= line["seconds"] < 60 and line["processors"] for line in noted)
