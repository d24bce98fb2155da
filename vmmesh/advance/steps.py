"""What a run of ``advance`` or ``rollback`` has done, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vmmesh import verify
from vmmesh.advance.gate import FALSE_ALARMS, Standing, standing_document
from vmmesh.changes import Change
from vmmesh.changes import document as changes_document
from vmmesh.judge import Verdict
from vmmesh.route_status import milliseconds

Outcome = Literal["kept", "rolled back"]
End = Literal["done", "paused", "rolled back"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A stage that was taken, or whose gate was watched again, and what became of it."""

    before: str | None
    stage: str
    outcome: Outcome
    seconds: float
    changes: Sequence[Change] = ()
    verdicts: Sequence[Verdict] = ()
    standings: Sequence[Standing] = ()
    why: Sequence[str] = ()
    detected_seconds: float | None = None
    """From the first call that told to the decision to go back."""
    restored_seconds: float | None = None
    """From that decision until every caller's proxy had the routes of the stage before."""


@dataclass(kw_only=True)
class Advanced:
    """What a run has done, and where it has ended."""

    service: str
    stage: str
    end: End = "done"
    steps: list[Step] = field(default_factory=list[Step])
    message: str = ""


def document(stack: str, done: Advanced) -> dict[str, Any]:
    """The run as JSON."""
    return {
        "stack": stack,
        "service": done.service,
        "stage": done.stage,
        "end": done.end,
        "message": done.message,
        "false_alarm_rate": FALSE_ALARMS,
        "steps": [
            {
                "before": step.before,
                "stage": step.stage,
                "outcome": step.outcome,
                "seconds": round(step.seconds, 2),
                "why": list(step.why),
                "detected_seconds": _rounded(step.detected_seconds),
                "restored_seconds": _rounded(step.restored_seconds),
                "changes": changes_document(step.changes),
                "verification": verify.document(stack, step.verdicts) if step.verdicts else None,
                "gate": [standing_document(standing) for standing in step.standings],
            }
            for step in done.steps
        ],
    }


def show(console: Console, done: Advanced) -> None:
    """Prints the figures that each step was judged by, and where the service is now."""
    for step in done.steps:
        if step.standings:
            console.print(_table(step))
        for line in step.why:
            console.print(Text(f"  {line}", style="red"), soft_wrap=True)
        if step.outcome == "kept":
            kept = Text("kept", style="bold green")
            console.print(Text(f"{step.stage}: ") + kept + Text(f" after {step.seconds:.0f} s"), soft_wrap=True)
        else:
            detected = "" if step.detected_seconds is None else f"detected in {step.detected_seconds:.1f} s, "
            restored = (
                "" if step.restored_seconds is None else f"{step.before} restored in {step.restored_seconds:.1f} s"
            )
            back = Text("taken back", style="bold red")
            console.print(Text(f"{step.stage}: ") + back + Text(f"; {detected}{restored}"), soft_wrap=True)
    if not done.steps:
        console.print(f"{done.service} is in its last stage: there is nothing to advance to")
    console.print(
        Text(f"{done.service} is in stage {done.stage}{f': {done.message}' if done.message else ''}"), soft_wrap=True
    )


def _table(step: Step) -> Table:
    table = Table(title=f"gate of {step.stage}", title_justify="left", box=None, pad_edge=False)
    table.add_column("destination")
    for heading in ("percent", "calls", "5xx", "given up", "success", "p50", "p99"):
        table.add_column(heading, justify="right")
    for standing in step.standings:
        calls = standing.calls
        table.add_row(
            standing.destination,
            f"{standing.percent}%",
            str(calls.ended),
            str(calls.failed),
            str(calls.given_up),
            f"{100 * calls.answered / calls.ended:.2f}%" if calls.ended else "-",
            milliseconds(calls.percentile(50)),
            milliseconds(calls.percentile(99)),
        )
    return table


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
