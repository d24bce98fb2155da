"""What the CLI says is passed on, with what to do about it."""

from __future__ import annotations

from pulumi.automation import CommandError, CommandResult

from vmmesh.reason import reason


def test_a_state_that_is_damaged_is_told_with_the_way_back() -> None:
    said = "error: failed to load checkpoint: place 1: unexpected end of JSON input"
    first, *rest = reason(CommandError(CommandResult("", f"{said}\n", 255))).splitlines()
    assert first == said
    assert "STACK.json.bak" in " ".join(rest)
    assert reason(CommandError(CommandResult("", "error: else", 1))) == "error: else"


def test_a_full_disk_is_told_with_what_to_do() -> None:
    said = "error: open .pulumi/locks/dev/1.json: no space left on device"
    first, advice = reason(CommandError(CommandResult("", f"{said}\n", 255))).splitlines()
    assert first == said
    assert "run again" in advice
