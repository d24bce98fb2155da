"""The program waits for what it has declared, and each output is looked at about once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pulumi
import pytest
from pulumi_command import local

from components.completion import wait_for_outputs
from tests.unit.components import monitor

_COUNT = 40


def _chain() -> None:
    """So many commands, each of which waits for the one before."""
    before: pulumi.Input[str] = ""
    for number in range(_COUNT):
        before = local.Command(f"step{number}", create="true", environment={"BEFORE": before}).stdout
    pulumi.export("last", before)


def _outputs(resource: monitor.Registered) -> dict[str, Any]:
    return {**resource.inputs, "stdout": f"{resource.name} after {resource.inputs['environment']['BEFORE'][:6]}"}


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many outputs were waited for, each time that any were."""
    found: list[int] = []
    wait = asyncio.wait

    def counting(outputs: Iterable[Any], **options: Any) -> Any:
        waited = list(outputs)
        found.append(len(waited))
        return wait(waited, **options)

    monkeypatch.setattr(asyncio, "wait", counting)
    return found


def test_each_output_is_looked_at_about_once(looked_at: list[int]) -> None:
    def program() -> None:
        wait_for_outputs()
        _chain()

    found = monitor.run(program, _outputs)
    assert found.outputs == {"last": "step39 after step38"}
    assert len(found.custom()) == _COUNT
    with_it = sum(looked_at)
    looked_at.clear()
    monitor.run(_chain, _outputs)
    assert with_it < sum(looked_at) / 5


def test_an_output_that_fails_fails_the_program() -> None:
    def program() -> None:
        wait_for_outputs()
        _chain()
        pulumi.Output.from_input("text").apply(int)

    with pytest.raises(ValueError, match="text"):
        monitor.run(program, _outputs)
