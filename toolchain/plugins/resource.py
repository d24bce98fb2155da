"""What a stand-in is made of: resource types and functions, apart from how the engine reaches them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from toolchain.plugins.values import Difference, Properties


class OperationError(Exception):
    """An operation that cannot be done; the text is what the user is told."""


class PartialFailureError(OperationError):
    """The resource is there, but not as it should be: the engine keeps it and has it updated next time."""

    def __init__(self, identity: str, outputs: Properties, reason: str) -> None:
        super().__init__(reason)
        self.identity = identity
        self.outputs = outputs


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What the engine says of a change, beside the properties."""

    name: str
    """What the program calls the resource."""
    preview: bool
    """Whether to tell what would be, and do nothing."""
    timeout: float | None
    """Seconds after which the user wants it ended (``customTimeouts``)."""
    log: Callable[[str], None]
    """Shows a line beside the resource while it changes."""


@dataclass(frozen=True)
class Check:
    """Inputs with the defaults filled in, and why they are no good: property to reason."""

    inputs: Properties
    failures: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Diff:
    """What an update would change, and whether a replacement has to delete the old resource first."""

    differences: Sequence[Difference]
    delete_before_replace: bool = False


class Resource:
    """A resource type. Every method may raise OperationError."""

    properties: Iterable[str] = ()
    """The names of all properties."""

    def check(self, name: str, olds: Properties, news: Properties, seed: bytes) -> Check:
        """Judges the inputs ``news`` of what the program calls ``name``; ``olds`` are the last ones."""
        raise NotImplementedError

    def diff(self, inputs: Properties, outputs: Properties, news: Properties) -> Diff:
        """Compares ``news`` with the last inputs and outputs."""
        raise NotImplementedError

    def create(self, operation: Operation, news: Properties) -> tuple[str, Properties]:
        """Makes the resource. Returns its ID and outputs."""
        raise NotImplementedError

    def read(self, identity: str, inputs: Properties, outputs: Properties) -> tuple[Properties, Properties] | None:
        """The inputs and outputs as they really are; None: it is gone. Empty ``outputs``: an import."""
        raise NotImplementedError

    def update(self, operation: Operation, identity: str, outputs: Properties, news: Properties) -> Properties:
        """Changes the resource in place. Returns its outputs."""
        raise NotImplementedError

    def delete(self, operation: Operation, identity: str, outputs: Properties) -> None:
        """Ends the resource."""
        raise NotImplementedError


class Plugin:
    """A stand-in: its resource types and functions by token, and its configuration."""

    name: str
    strongly_typed: bool
    """Whether secrets and resources arrive as such. If not, the engine keeps an output secret where an input
    of the same name is."""
    configuration: Iterable[str] = ()
    """The names of the provider's own properties."""
    resources: Mapping[str, Resource]
    functions: Mapping[str, Callable[[Properties], Properties]]

    def configure(self, configuration: Properties) -> None:
        """Takes the provider's own properties. May raise OperationError."""

    def cancel(self) -> None:
        """Ends what is running."""
