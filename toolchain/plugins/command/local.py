"""``command:local:*``: the contract of pulumi-command, where only inputs count and nothing is read."""

from __future__ import annotations

import secrets

from typing_extensions import override

from toolchain.plugins import instead
from toolchain.plugins.command.process import run
from toolchain.plugins.resource import Check, Diff, Operation, OperationError, Resource
from toolchain.plugins.values import UNKNOWN, Difference, Properties, differences, reveal

_OUTPUTS = ("stdout", "stderr")
_BASE = ("addPreviousOutputInEnv", "dir", "environment", "interpreter", "logging", "stdin")
_INPUTS = ("create", "delete", "triggers", "update", *_BASE)


class Command(Resource):
    """``command:local:Command``: shell commands for the steps of a resource's life."""

    properties = (*_INPUTS, *_OUTPUTS)

    @override
    def check(self, name: str, olds: Properties, news: Properties, seed: bytes) -> Check:
        return Check(news, {key: _unsupported(key) for key in _lacking(news, _INPUTS)})

    @override
    def diff(self, inputs: Properties, outputs: Properties, news: Properties) -> Diff:
        # Replaces only where triggers come or go: for one that differs the SDK has the engine replace.
        found = differences(inputs, news)
        return Diff([Difference(it.path, it.kind, replaces=it.path == "triggers") for it in found])

    @override
    def create(self, operation: Operation, news: Properties) -> tuple[str, Properties]:
        identity = operation.name + secrets.token_hex(4)
        if operation.preview:
            return identity, news | dict.fromkeys(_OUTPUTS, UNKNOWN)
        return identity, news | _execute(news.get("create"), news, {}, operation)

    @override
    def read(self, identity: str, inputs: Properties, outputs: Properties) -> tuple[Properties, Properties] | None:
        return inputs, outputs

    @override
    def update(self, operation: Operation, identity: str, outputs: Properties, news: Properties) -> Properties:
        if operation.preview:
            # As in the official plugin, an input that the state did not have leaves the outputs known.
            changed = any(outputs[key] != news.get(key) for key in _INPUTS if key in outputs)
            if changed or any(reveal(value) == UNKNOWN for value in news.values()):
                return news | dict.fromkeys(_OUTPUTS, UNKNOWN)
            return news | _previous(outputs)
        command = news.get("update", news.get("create"))
        return news | _execute(command, news, outputs, operation)

    @override
    def delete(self, operation: Operation, identity: str, outputs: Properties) -> None:
        _execute(outputs.get("delete"), outputs, outputs, operation)


def run_function(arguments: Properties) -> Properties:
    """``command:local:run``: runs a command now, in a preview too. Raises OperationError if it fails."""
    for key in _lacking(arguments, ("command", *_BASE)):
        raise OperationError(_unsupported(key))
    return arguments | _execute(arguments["command"], arguments, {}, None)


def _execute(command: str | None, inputs: Properties, before: Properties, operation: Operation | None) -> Properties:
    """Runs the command as the inputs say; ``before`` has the last run's outputs. Returns the new ones."""
    previous = _previous(before)
    if command is None:
        return previous
    inputs = reveal(inputs)
    environment = dict(inputs.get("environment", {}))
    if inputs.get("addPreviousOutputInEnv", True):
        environment |= {f"PULUMI_COMMAND_{key.upper()}": text for key, text in previous.items() if text}
    logging = inputs.get("logging", "stdoutAndStderr")
    stdout, stderr = run(
        reveal(command),
        interpreter=inputs.get("interpreter") or ["/bin/sh", "-c"],
        directory=inputs.get("dir"),
        environment=environment,
        stdin=inputs.get("stdin", ""),
        timeout=operation and operation.timeout,
        log={key: operation.log for key in _OUTPUTS if operation and logging in (key, "stdoutAndStderr")},
    )
    return {"stdout": stdout, "stderr": stderr}


def _previous(outputs: Properties) -> dict[str, str]:
    # Plain even if they were secret: the engine makes the ones secret again that the user wants so.
    return {key: reveal(outputs.get(key, "")) for key in _OUTPUTS}


def _lacking(properties: Properties, supported: tuple[str, ...]) -> list[str]:
    return [key for key in properties if key not in supported and not key.startswith("__")]


def _unsupported(key: str) -> str:
    return f"{key!r} is not supported here. {instead('command')}"
