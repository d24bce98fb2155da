"""Why the Pulumi CLI has failed, for people."""

from __future__ import annotations

from pulumi.automation import CommandError

from settings import PROJECT
from vmmesh.room import ADVICE, is_said

_DAMAGED = (
    "The stack's state is damaged. Pulumi keeps the one before the last change beside it: in "
    f".state/pulumi/.pulumi/stacks/{PROJECT}/ copy STACK.json.bak over STACK.json, then `make up`. "
    "Another backend has a history of its own."
)


def reason(error: CommandError) -> str:
    """What the CLI has said before it failed.

    Of a state that is damaged also how to have the last good one back, and of a full disk what to do.
    """
    said = str(error).rpartition("stderr:")[2].strip() or str(error).strip()
    if "failed to load checkpoint" in said:
        return f"{said}\n{_DAMAGED}"
    return f"{said}\n{ADVICE}" if is_said(said) else said
