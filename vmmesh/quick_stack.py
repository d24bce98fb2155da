"""A stack of the Automation API that asks for nothing that nobody reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pulumi import automation
from pulumi.automation import OutputMap, UpdateSummary
from pulumi.automation._stack import StackInitMode  # the public way makes stacks of the API's own class alone


class QuickStack(automation.Stack):
    """After each update, the API runs the CLI three times for outputs and a summary. Here they are empty."""

    @classmethod
    def opened(cls, name: str, workspace: automation.Workspace, *, make: bool) -> QuickStack:
        """The stack; ``make``: whether it may be made. Raises StackNotFoundError."""
        return cls(name, workspace, StackInitMode.CREATE_OR_SELECT if make else StackInitMode.SELECT)

    def outputs(self) -> OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> UpdateSummary:
        nothing: Mapping[str, Any] = {}
        return UpdateSummary("update", datetime.now(UTC), "", nothing, nothing, "succeeded")
