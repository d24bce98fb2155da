"""What the rules of a route must be to its stages, and to what else the config has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from settings.entries import object_in, objects_in, texts_in, unknown
from settings.mistakes import KeyPath, Mistake, shown
from settings.value_checks import seconds
from settings.values import Duration

_CONDITIONS = ("headers", "cookie", "namespaces", "labels")
_DURATION = TypeAdapter[str](Duration)


class RuleChecks:
    """The rules of one route, as they are given: whatever is wrong with them, and wherever else."""

    def __init__(
        self,
        service: str,
        route: Mapping[str, Any],
        namespaces: Collection[str],
        wrong_with: Callable[[str, str], str | None],
    ) -> None:
        self._service = service
        self._route = route
        self._mesh = namespaces
        self._wrong_with = wrong_with
        self._stages = objects_in(route.get("stages"))
        self._rule = object_in(route.get("rule"))
        self._rules = objects_in(route.get("rules"))

    def mistakes(self) -> Iterator[Mistake]:
        """Every mistake, each once."""
        path = ("routes", self._service)
        for stage in object_in(self._route.get("rules")):
            yield from unknown((*path, "rules", stage), stage, "stage", self._stages)
        for where, rule in self._given():
            yield from self._in_destinations(where, rule)
            for index, match in _items(rule.get("match")):
                yield from self._in_match((*where, "match", index), match)
            yield from _in_retries((*where, "retries"), object_in(rule.get("retries")))
        found = [mistake for stage in self._stages for mistake in self._in_stage(stage)]
        yield from dict.fromkeys(found)

    def _given(self) -> list[tuple[KeyPath, Mapping[str, Any]]]:
        path = ("routes", self._service)
        return [((*path, "rule"), self._rule), *(((*path, "rules", name), it) for name, it in self._rules.items())]

    def _in_destinations(self, path: KeyPath, rule: Mapping[str, Any]) -> Iterator[Mistake]:
        for destination in object_in(rule.get("mirror")):
            if wrong := self._wrong_with(destination, self._service):
                yield (*path, "mirror", destination), wrong
        for index, match in _items(rule.get("match")):
            destination = match.get("destination")
            if isinstance(destination, str) and (wrong := self._wrong_with(destination, self._service)):
                yield (*path, "match", index, "destination"), wrong

    def _in_match(self, path: KeyPath, match: Mapping[str, Any]) -> Iterator[Mistake]:
        if not any(key in match for key in _CONDITIONS):
            yield path, f"matches every call; say which by one or more of {', '.join(map(repr, _CONDITIONS))}"
        if "cookie" in object_in(match.get("headers")):
            yield (*path, "headers", "cookie"), "would be all cookies of a request at once; name the one with 'cookie'"
        callers = object_in(self._route.get("callers")).get("namespaces")
        named = {name for _, name in texts_in((), callers)}
        for where, namespace in texts_in((*path, "namespaces"), match.get("namespaces")):
            if named and namespace not in named:
                yield where, f"{shown(namespace)} is none of the route's callers.namespaces, so no rule reaches it"
            elif not named:
                yield from unknown(where, namespace, "namespace in the mesh", self._mesh)

    def _in_stage(self, stage: str) -> Iterator[Mistake]:
        """What a rule and the weights of a stage are to each other, or the two halves of what a stage has of a rule."""
        own = self._rules.get(stage, {})
        rule = {**self._rule, **own}

        def at(*keys: str) -> KeyPath:
            place = ("rules", stage) if keys[0] in own else ("rule",)
            return ("routes", self._service, *place, *keys)

        for destination in object_in(rule.get("mirror")):
            weight = self._stages[stage].get(destination)
            if isinstance(weight, int) and weight > 0:
                yield (
                    at("mirror", destination),
                    f"has {weight}% of the calls in stage {shown(stage)}, and a copy would be a second call there; "
                    f"copies are for a destination that has none (without any: rules.{stage}.mirror: {{}})",
                )
        whole, one = _seconds(rule.get("timeout")), _seconds(object_in(rule.get("retries")).get("perTryTimeout"))
        if whole and one and one > whole:
            yield at("retries", "perTryTimeout"), f"is longer than the timeout of all tries together, {rule['timeout']}"


def _in_retries(path: KeyPath, retries: Mapping[str, Any]) -> Iterator[Mistake]:
    if retries.get("attempts") == 0 and type(retries["attempts"]) is int:
        for key in ("perTryTimeout", "retryOn"):
            if key in retries:
                yield (*path, key), "is of no use with 0 attempts; remove it"


def _items(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """The items of a list that are objects, each with its place."""
    for index, item in enumerate(cast("list[object]", value) if isinstance(value, list | tuple) else ()):
        if isinstance(item, dict):
            yield index, object_in(item)


def _seconds(value: Any) -> float | None:
    """The seconds that ``value`` is, if it is a duration at all."""
    try:
        return seconds(_DURATION.validate_python(value))
    except ValidationError:
        return None
