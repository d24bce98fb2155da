"""What a check's finding is, and how findings are shown."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from toolchain.problem import Problem
from vmmesh.doctor.finding import Finding, Said, document, passed, run, show


def fine(_subject: str) -> Iterator[Said]:
    yield Said("ok", "all is well")


def odd(subject: str) -> Iterator[Said]:
    yield Said("warning", f"{subject} is odd", "look at it")


def broken(_subject: str) -> Iterator[Said]:
    yield Said("ok", "a part of it")
    raise Problem("it does not answer", "start it")


def gone(_subject: str) -> Iterator[Said]:
    raise PermissionError(13, "Permission denied", "/etc/secret")
    yield


def test_a_check_that_cannot_be_done_has_failed_and_the_others_go_on() -> None:
    found = list(run("vm1", {"broken": broken, "gone": gone, "odd": odd}, "it"))
    assert [(finding.check, finding.level) for finding in found] == [
        ("broken", "ok"),
        ("broken", "failure"),
        ("gone", "failure"),
        ("odd", "warning"),
    ]
    assert (found[1].what, found[1].advice) == ("it does not answer", "start it")
    assert "/etc/secret" in found[2].what
    assert found[2].advice


@pytest.mark.parametrize(("levels", "passes"), [([], True), (["ok", "warning"], True), (["ok", "failure"], False)])
def test_only_failures_fail(levels: list[str], passes: bool) -> None:
    found = [Finding(place="x", check="y", level=level, what="z", advice="") for level in levels]  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert passed(found) is passes


def test_the_table_fits_80_columns_and_names_what_to_do() -> None:
    long = Finding(
        place="a-virtual-machine-of-forty-characters-yes",
        check="certificate",
        level="failure",
        what=" ".join(["words"] * 40),
        advice="do this " * 20,
    )
    output = StringIO()
    show(Console(file=output, width=80), [long, *run("machine", {"fine": fine}, "")])
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "do this" in output.getvalue()
    assert lines[-1] == "1 failure, 0 warning, 1 ok"


def test_the_document_has_every_finding() -> None:
    found = list(run("vm1", {"fine": fine, "odd": odd}, "it"))
    assert document("dev", found) == {
        "stack": "dev",
        "passed": True,
        "findings": [
            {"place": "vm1", "check": "fine", "level": "ok", "what": "all is well", "advice": None},
            {"place": "vm1", "check": "odd", "level": "warning", "what": "it is odd", "advice": "look at it"},
        ],
    }
