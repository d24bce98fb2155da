"""What a picture shows: for each route its callers, its destinations, and what was meant for and seen at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a zone is."""

    CLUSTER = "cluster"
    VM = "VM"


class Gateway(StrEnum):
    """Which callers reach a destination through the east-west gateway of its network."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Calls that a destination took while they were counted."""

    calls: int
    failed: int
    """Of these, how many were answered with 5xx."""
    percent: float


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A share of a route's calls."""

    percent: int
    """What is meant for it."""
    now: int | None
    """What it has now, where the picture is of another stage."""
    seen: Seen | None
    """None: nothing was counted."""
    gateway: Gateway


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a VM was when the picture was made."""

    good: bool
    words: str
    details: str
    """Why not, in full."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A cluster or a VM: where calls of a route come from, go to, or both."""

    name: str
    kind: Kind
    network: str
    gateway: bool
    """Whether the network has an east-west gateway."""
    callers: Sequence[str] | None
    """Namespaces whose workloads follow the route; None: none here do."""
    destination: Destination | None
    vms: Sequence[Zone] = ()
    """VMs that joined through this cluster's control plane."""
    health: Health | None = None


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What was counted of a route, and how it was judged."""

    calls: int
    seconds: float
    elsewhere: int
    """Calls that went to none of the destinations."""
    passed: bool | None
    """None: there was no call to judge by."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One route; without a ``service``, a mesh that has no routes."""

    service: str | None
    stage: str | None
    now: str | None
    """The stage that the route is in, where the picture is of another."""
    config: str | None
    """The stage in the config, where that is not applied yet."""
    zones: Sequence[Zone]
    counted: Counted | None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """All that is drawn."""

    stack: str
    moment: str | None
    """When it was observed, by ISO 8601; None: it shows a config, not a mesh."""
    panels: Sequence[Panel]
