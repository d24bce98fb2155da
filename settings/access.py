"""Who may call what, and who may change the routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from settings.model import Model
from settings.values import Caller, Method, Name, Namespace, PathPattern, Subject


class AccessRuleSettings(Model):
    """Callers of a service, and what they may ask of it."""

    callers: tuple[Caller, ...] = Field(alias="from", min_length=1)
    """Who: a VM, a service of the application, ``ingress``, ``namespace/account``, ``namespace/*`` or ``*``."""
    methods: tuple[Method, ...] | None = Field(default=None, min_length=1)
    """Default: all."""
    paths: tuple[PathPattern, ...] | None = Field(default=None, min_length=1)
    """Default: all. A ``*`` at the end, or at the beginning, stands for anything."""


class AccessSettings(Model):
    """Who may call which service, wherever it runs, and who may change which routes. Default: nothing is limited."""

    rules: dict[Name, tuple[AccessRuleSettings, ...]] = {}
    """Service -> who may call it, in the clusters and on VMs; nobody else may."""
    enforced: tuple[Namespace, ...] = ()
    """Namespaces in which nothing may be called that has no rule."""
    operators: dict[Subject, Annotated[tuple[Namespace, ...], Field(min_length=1)]] = {}
    """Person or group, as the clusters know them -> namespaces whose routes they may see and edit."""

    def __bool__(self) -> bool:
        """Whether any call is limited."""
        return bool(self.rules or self.enforced)
