"""Who gains and who loses access by an update, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from policy.rules import Resource
from settings import Policy, Settings
from vmmesh import planned
from vmmesh.access import ANY, Grant, Server, every_server, grants
from vmmesh.planned import Step

_EVERYONE = Grant()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What changes at servers of a service where it is the same."""

    service: str
    at: tuple[str, ...]
    gains: tuple[Grant, ...]
    loses: tuple[Grant, ...]
    keeps: tuple[Grant, ...]
    """All that is allowed afterwards."""

    @property
    def words(self) -> str:
        """Who gains what, and who loses what."""
        if _EVERYONE in self.gains:
            return "everyone may call it"
        if _EVERYONE in self.loses:
            return (
                f"only {_those(self.keeps)} may call it, all others lose access" if self.keeps else "nobody may call it"
            )
        gained = [f"{_caller(caller)} gains {_what(those)}" for caller, those in _by_caller(self.gains).items()]
        lost = [f"{_caller(caller)} loses {_what(those)}{self._but(caller)}" for caller, those in self._losers()]
        return ", ".join([*gained, *lost])

    def _losers(self) -> Iterable[tuple[str, Sequence[Grant]]]:
        return _by_caller(self.loses).items()

    def _but(self, caller: str) -> str:
        """What a caller that loses something may do still."""
        rest = [it for it in self.keeps if it.covers(Grant(caller=caller, method=it.method, path=it.path))]
        return f" but keeps {_what(rest)}" if rest else ""


def previewed(steps: Sequence[Step], settings: Settings) -> list[Change]:
    """What a preview changes. Of clusters one is looked at for all, since all have the same policies."""
    return compare(_policies(planned.before(steps)), _policies(planned.after(steps)), every_server(settings))


def compare(before: Sequence[Policy], after: Sequence[Policy], at: Iterable[Server]) -> list[Change]:
    """What another set of policies changes, alike servers of a service together."""
    found: list[Change] = []
    for service, of_service in groupby(at, key=lambda server: server.service):
        alike: dict[tuple[tuple[Grant, ...], ...], list[str]] = {}
        for server in of_service:
            old, new = grants(before, server), grants(after, server)
            gains, loses = _missing(new, old), _missing(old, new)
            if gains or loses:
                alike.setdefault((gains, loses, new), []).append(server.name)
        found += [
            Change(service=service, at=tuple(names), gains=gains, loses=loses, keeps=new)
            for (gains, loses, new), names in alike.items()
        ]
    return found


def document(found: Iterable[Change]) -> list[dict[str, Any]]:
    """The changes as JSON."""
    return [{"service": it.service, "at": list(it.at), "change": it.words} for it in found]


def _policies(resources: Iterable[Resource]) -> list[Policy]:
    found: dict[tuple[str, str], Policy] = {}
    for it in resources:
        if it.kind == "AuthorizationPolicy":
            name, namespace = str(it.at("metadata.name")), str(it.at("metadata.namespace"))
            found[namespace, name] = Policy(name=name, namespace=namespace, spec=it.at("spec") or {})
    return list(found.values())


def _missing(those: Sequence[Grant], among: Sequence[Grant]) -> tuple[Grant, ...]:
    return tuple(grant for grant in those if not any(other.covers(grant) for other in among))


def _by_caller(those: Iterable[Grant]) -> dict[str, list[Grant]]:
    found: dict[str, list[Grant]] = {}
    for grant in those:
        found.setdefault(grant.caller, []).append(grant)
    return found


def _those(those: Iterable[Grant]) -> str:
    return ", ".join(f"{_caller(caller)} ({_what(its)})" for caller, its in _by_caller(those).items())


def _what(those: Sequence[Grant]) -> str:
    if any(grant.method == grant.path == ANY for grant in those):
        return "all access"
    return " and ".join(" ".join(part for part in (grant.method, grant.path) if part != ANY) for grant in those)


def _caller(principal: str) -> str:
    """A caller as rules name it."""
    match principal.split("/"):
        case [_, "ns", namespace, "sa", account]:
            return f"{namespace}/{account}"
        case _:
            return "everyone" if principal == ANY else principal
