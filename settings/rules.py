"""How the calls of a route are treated, beside the weights of its stage."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from settings.model import Model
from settings.values import (
    Attempts,
    CookieName,
    CookieValue,
    Duration,
    HeaderName,
    HeaderValue,
    LabelName,
    LabelValue,
    Namespace,
    PositivePercent,
    RetryOn,
    WholeSeconds,
    seconds,
)


class MatchSettings(Model):
    """Calls that go to one destination, whatever the weights. All that is named must hold."""

    headers: dict[HeaderName, HeaderValue] | None = Field(default=None, min_length=1)
    cookie: dict[CookieName, CookieValue] | None = Field(default=None, min_length=1, max_length=1)
    namespaces: tuple[Namespace, ...] | None = Field(default=None, min_length=1)
    """Namespaces of the callers, any of them."""
    labels: dict[LabelName, LabelValue] | None = Field(default=None, min_length=1)
    """Labels of the callers' pods, or of the workload entries of callers that are VMs."""
    destination: str

    @property
    def of_requests(self) -> bool:
        """Whether it asks for anything of the request; if not, a caller's calls match all together, or none does."""
        return bool(self.headers or self.cookie)

    def is_for(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether the calls of a caller of this namespace and these labels can match."""
        here = self.namespaces is None or namespace in self.namespaces
        return here and (self.labels or {}).items() <= labels.items()


class AffinitySettings(Model):
    """Sessions stay with the destination that they were given, which a cookie names."""

    cookie: CookieName
    ttl: WholeSeconds = "1h"
    """How long a session has its destination; then it is given one anew."""

    @property
    def max_age(self) -> int:
        """``ttl`` in seconds, as a cookie has it."""
        return int(seconds(self.ttl))


class RetrySettings(Model):
    """How often a call that has failed is tried again."""

    attempts: Attempts
    """Beside the first try. 0: never, not even as Istio does by itself."""
    per_try_timeout: Duration | None = None
    retry_on: RetryOn | None = None
    """Envoy's words for what counts as a failure; default: Istio's own."""


class RuleSettings(Model):
    """How calls are treated, beside the weights."""

    mirror: dict[str, PositivePercent] = {}
    """Destination -> percent of the calls of which it gets a copy."""
    match: tuple[MatchSettings, ...] = ()
    """The first one that a call matches counts."""
    affinity: AffinitySettings | None = None
    timeout: Duration | None = None
    retries: RetrySettings | None = None

    def but(self, other: RuleSettings) -> RuleSettings:
        """This rule, with all that ``other`` says in place of what this one says of it."""
        return self.model_copy(update={name: getattr(other, name) for name in other.model_fields_set})
