"""What a check has found, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolchain.problem import Problem

Level = Literal["ok", "warning", "failure"]
LEVELS: Sequence[Level] = ("ok", "warning", "failure")
_STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red"}

_C = TypeVar("_C")


@dataclass(frozen=True)
class Said:
    """What a check says: how it is, what was found, and what to do about it."""

    level: Level
    what: str
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check has found in a place: the operator's machine, a cluster or a VM.

    A ``failure`` keeps the mesh from working, or a VM from joining; a ``warning`` may do so one day, or only if the
    operator did not mean it. Either has ``advice``.
    """

    place: str
    check: str
    level: Level
    what: str
    advice: str


Check = Callable[[_C], Iterator[Said]]


def run(place: str, checks: Mapping[str, Check[_C]], subject: _C) -> Iterator[Finding]:
    """What the ``checks`` say of a ``subject``, one after the other. A check that cannot be done has failed."""
    for name, check in checks.items():
        try:
            for said in check(subject):
                yield Finding(place=place, check=name, level=said.level, what=said.what, advice=said.advice)
        except (Problem, OSError) as error:
            advice = getattr(error, "advice", "") or "see the message, and run it by hand"
            yield Finding(place=place, check=name, level="failure", what=str(error), advice=advice)


def passed(findings: Iterable[Finding]) -> bool:
    """Whether nothing has failed."""
    return not any(finding.level == "failure" for finding in findings)


def document(stack: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings as JSON."""
    return {
        "stack": stack,
        "passed": passed(findings),
        "findings": [
            {
                "place": finding.place,
                "check": finding.check,
                "level": finding.level,
                "what": finding.what,
                "advice": finding.advice or None,
            }
            for finding in findings
        ],
    }


def show(console: Console, findings: Sequence[Finding]) -> None:
    """Prints the findings as a table, what to do below each that is not fine, and how many there are of a kind."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "where", "check"):
        table.add_column(heading, no_wrap=True)
    table.add_column("found")
    for finding in findings:
        found = Text(finding.what)
        if finding.advice:
            found.append(f"\n{finding.advice}", style="italic")
        table.add_row(Text(finding.level, style=_STYLES[finding.level]), finding.place, finding.check, found)
    console.print(table)
    counts = [(level, sum(finding.level == level for finding in findings)) for level in reversed(LEVELS)]
    console.print(Text(", ".join(f"{count} {level}" for level, count in counts)))
