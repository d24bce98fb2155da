"""What an update would do to a stack, found out without asking a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulumi.automation import OpType

from policy.rules import Violation
from settings import SettingsError
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import access_changes, guard, planned
from vmmesh.place import Place
from vmmesh.planned import Step
from vmmesh.recorded import recorded
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse

_UNCHANGED = (OpType.SAME, OpType.READ, OpType.REFRESH)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an update would do to a stack."""

    stack: str
    steps: Sequence[Step] = ()
    violations: Sequence[Violation] = ()
    stages: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Route -> the stage in the state, and the stage in the config."""
    access: Sequence[access_changes.Change] = ()
    """Who gains and who loses access."""
    recorded: datetime | None = None
    """When the state was written."""
    failure: str = ""
    """Why there is no preview."""
    misused: bool = False
    """Whether that is a mistake in the config."""

    @property
    def passed(self) -> bool:
        """Whether there is a preview, and nothing speaks against the update."""
        return not self.failure and not self.violations

    @property
    def changes(self) -> list[Step]:
        """The steps that change something, what would be lost first."""
        found = [step for step in self.steps if OpType(step.operation) not in _UNCHANGED]
        return sorted(found, key=lambda step: (not destroys(step), step.urn))


def destroys(step: Step) -> bool:
    """Whether something that runs would be gone, or another one in its place."""
    return OpType(step.operation) not in (OpType.CREATE, OpType.UPDATE, OpType.IMPORT)


def preview(place: Place, state: Path | None) -> Preview:
    """Previews the stack's config on its recorded state: the backend's, or that of the file ``state``.

    No cluster is asked. A config that is refused, or a preview that fails, is told by ``failure``. Raises Misuse for
    an unknown stack or a file that is no state of it.
    """
    try:
        place.file.settings()
    except SettingsError as error:
        return Preview(stack=place.name, failure=str(error), misused=True)
    if state is None:
        place.enter()
        return _preview(place)
    with recorded(place, state.absolute()) as copy:
        return _preview(copy)


def _preview(place: Place) -> Preview:
    settings = place.file.settings()
    when = None
    try:
        stack = Stack(place.root, place.name, "report")
        when = written(stack.export())
        with (
            Progress(Checkout(place.root).logs) as progress,
            progress.step("preview", f"what would change in {place.name}"),
        ):
            events = stack.preview()
    except Misuse:
        raise
    except Problem as problem:
        return Preview(stack=place.name, recorded=when, failure=f"{problem}\n{problem.advice}")
    applied = planned.applied_stages(events)
    steps = planned.steps(events)
    return Preview(
        stack=place.name,
        steps=steps,
        access=access_changes.previewed(steps, settings),
        violations=guard.findings(events, settings),
        stages={route: (applied.get(route, ""), stage) for route, stage in settings.stages.items()},
        recorded=when,
    )


def written(deployment: Mapping[str, Any]) -> datetime | None:
    """When a state was written, as its manifest says."""
    text = str(deployment.get("manifest", {}).get("time", ""))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.year > 1 else None
