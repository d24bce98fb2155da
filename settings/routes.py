"""How calls are spread over destinations, and what must hold before they are spread otherwise."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from settings.model import Model
from settings.rules import RuleSettings
from settings.values import (
    Command,
    Count,
    Destinations,
    Factor,
    HttpUrl,
    Name,
    Namespace,
    PositiveCount,
    Seconds,
    SuccessRate,
    UrlPath,
    Weights,
)


class CallerSettings(Model):
    """Whom a route is for. Callers that it is not for reach the service's pods, wherever they are."""

    namespaces: tuple[Namespace, ...] | None = Field(default=None, min_length=1)
    clusters: tuple[str, ...] | None = Field(default=None, min_length=1)


class CheckSettings(Model):
    """A check of the user's own: a command that must end with 0, or a URL that must answer with 2xx."""

    command: Command | None = None
    url: HttpUrl | None = None


class GateSettings(Model):
    """What must hold in a stage before it counts as proven, for each destination by its own calls."""

    duration: Seconds = 60
    """Seconds for which it must hold."""
    success_rate: SuccessRate | None = None
    """Least percent of the calls that are answered, and not with 5xx."""
    p99_milliseconds: PositiveCount | None = None
    """Greatest 99th percentile of the time to an answer."""
    min_requests: Count = 0
    """Calls that each destination of the stage must have had."""
    times_others: Factor = 3.0
    """How many times as likely as at the other destinations a call may fail, or be slower than the p99 allowed."""
    checks: dict[Name, CheckSettings] = {}
    pause: Annotated[bool, Field(strict=True)] = False
    """Whether a person takes the next step."""


class RouteSettings(Model):
    """How the calls to a service are spread over its destinations, stage by stage."""

    namespace: Namespace = "default"
    callers: CallerSettings = CallerSettings()
    stages: Annotated[dict[Name, Weights], Field(min_length=1)]
    probe_path: UrlPath | None = None
    """Path behind the ingress whose every answer takes one call of this service; ``verify`` requests it."""
    max_step: Annotated[int, Field(strict=True, ge=1, le=100)] = 100
    """Percent points that a destination may gain in one update."""
    failover: Destinations | None = None
    """Destinations that take the calls of one that fails, the first that serves; default: none."""
    gate: GateSettings | None = None
    gates: dict[str, GateSettings] = {}
    """Stage -> what is different there."""
    rule: RuleSettings = RuleSettings()
    """How calls are treated in every stage."""
    rules: dict[str, RuleSettings] = {}
    """Stage -> what is different in it."""

    def gate_of(self, stage: str) -> GateSettings | None:
        """The gate of a stage; None: it has none."""
        own = self.gates.get(stage)
        if self.gate is None or own is None:
            return own or self.gate
        return self.gate.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})

    def rule_in(self, stage: str) -> RuleSettings:
        """How calls are treated in a stage."""
        return self.rule.but(self.rules.get(stage, RuleSettings()))
