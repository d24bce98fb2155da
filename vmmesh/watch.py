"""Shows what Pulumi's engine is doing, by its events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType

from pulumi.automation import EngineEvent, OpType
from pulumi.automation.events import DiagnosticEvent, StepEventMetadata

from toolchain.problem import Problem
from toolchain.progress import TAIL_LINES, Progress, Step, StepFailed
from vmmesh.broken_off import runs_again
from vmmesh.urns import resource_name

_VERBS = {
    OpType.CREATE: "making",
    OpType.CREATE_REPLACEMENT: "making anew",
    OpType.UPDATE: "changing",
    OpType.DELETE: "removing",
    OpType.DELETE_REPLACED: "removing the old",
}
# What takes its time: programs that run, charts that are installed, workloads that must become ready. All
# else is one request to an API.
_SLOW = (
    "command:local:Command",
    "docker:index/container:Container",
    "helm.sh/v3:Release",
    "apps/v1:Deployment",
)
# What a program that has failed has said already, once more by the engine.
_AGAIN = "an unhandled error occurred:"
_COLOUR = re.compile(r"<\{%.*?%\}>")


class Watch:
    """Takes the engine's events, from any thread, and shows resources as steps: the slow ones, or all.

    Use it as a context manager around the update. A step's log has what the engine says about its resource.
    """

    def __init__(self, progress: Progress, log: Path, *, everything: bool = False) -> None:
        self.changes: Mapping[str, int] = {}
        """How often the engine did what, once it is done: kind of operation -> resources."""
        self.failures: list[Problem] = []
        """What failed, first things first."""
        self.broken: set[str] = set()
        """Commands whose change has begun and not ended, by the names of their resources."""
        self.ended: set[str] = set()
        """Resources of which an operation has come to its end."""
        self._progress = progress
        self._log = log
        self._everything = everything
        self._at_work: dict[str, tuple[AbstractContextManager[Step], Step]] = {}
        self._errors: dict[str, list[str]] = {}

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for urn in list(self._at_work):
            self._leave(urn, Problem("it was stopped"))

    def __call__(self, event: EngineEvent) -> None:
        """Takes an event."""
        if begun := event.resource_pre_event:
            self._begin(begun.metadata)
        elif done := event.res_outputs_event:
            self._end(done.metadata)
        elif failed := event.res_op_failed_event:
            self._fail(failed.metadata)
        elif said := event.diagnostic_event:
            self._note(said)
        elif end := event.summary_event:
            self.changes = {OpType(operation).value: count for operation, count in end.resource_changes.items()}

    def failure(self, output: str) -> Problem:
        """The problem to report after an update that failed; ``output`` is the engine's."""
        if self.failures:
            return self.failures[0]
        said = "\n".join(_once([text for about in self._errors.values() for text in about])) or output
        return Problem("\n".join(said.strip().splitlines()[-TAIL_LINES:]), f"The engine's whole log is {self._log}")

    def _begin(self, metadata: StepEventMetadata) -> None:
        if metadata.op is OpType.UPDATE and metadata.new and runs_again(metadata.type, metadata.new.inputs):
            self.broken.add(resource_name(metadata.urn))
        if metadata.op in _VERBS and (self._everything or metadata.type.endswith(_SLOW)):
            self._enter(metadata)

    def _end(self, metadata: StepEventMetadata) -> None:
        if metadata.op in _VERBS:
            self.ended.add(resource_name(metadata.urn))
        self._leave(metadata.urn)

    def _enter(self, metadata: StepEventMetadata) -> None:
        kind = metadata.type.rpartition(":")[2]
        block = self._progress.step(resource_name(metadata.urn), f"{_VERBS.get(metadata.op, metadata.op.value)} {kind}")
        self._at_work[metadata.urn] = block, block.__enter__()

    def _leave(self, urn: str, problem: Problem | None = None) -> StepFailed | None:
        """Ends a step, if the resource is one that is shown."""
        block, _ = self._at_work.pop(urn, (None, None))
        if block is None:
            return None
        try:
            block.__exit__(type(problem) if problem else None, problem, None)
        except StepFailed as failed:
            return failed
        return None

    def _fail(self, metadata: StepEventMetadata) -> None:
        if metadata.urn not in self._at_work:
            self._enter(metadata)
        errors = self._errors.pop(metadata.urn, [])
        self._write(metadata.urn, errors)
        reason = errors[-1].strip().splitlines()[-1] if errors else "the engine does not say why"
        if failed := self._leave(metadata.urn, Problem(reason, f"The engine's whole log is {self._log}")):
            self.failures.append(failed)

    def _note(self, said: DiagnosticEvent) -> None:
        text = _COLOUR.sub("", said.message).rstrip()
        if said.severity == "error":
            self._errors.setdefault(said.urn or "", []).append(text)
        elif said.severity != "debug" and said.urn:
            self._write(said.urn, [text])

    def _write(self, urn: str, lines: list[str]) -> None:
        if urn in self._at_work and lines:
            with suppress(OSError), self._at_work[urn][1].log.open("a") as log:
                log.writelines(f"{line}\n" for line in lines)


def errors(events: Iterable[EngineEvent]) -> list[str]:
    """What the engine says is wrong, and of which resource: by its message alone nobody knows whose cluster is away."""
    said = (event.diagnostic_event for event in events if event.diagnostic_event)
    found = [f"{_about(part.urn)}{_COLOUR.sub('', part.message).strip()}" for part in said if part.severity == "error"]
    return _once(found)


def _once(texts: list[str]) -> list[str]:
    return [text for text in texts if not text.startswith(_AGAIN)] or texts


def _about(urn: str | None) -> str:
    return f"{resource_name(urn)}: " if urn and "pulumi:pulumi:Stack" not in urn.split("::") else ""
