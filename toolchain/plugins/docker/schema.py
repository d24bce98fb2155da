"""What the properties of a Docker resource are like, and what follows from it for checks and differences."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from toolchain.plugins import instead
from toolchain.plugins.resource import Check
from toolchain.plugins.values import UNKNOWN, Difference, Kind, Properties

_AUTONAME_DIGITS = 7
_DEFAULTS = "__defaults"
"""The input in which the official plugin, too, keeps which inputs the program did not give."""


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property, as the official plugin's schema has it."""

    replaces: bool = True
    """Whether a change replaces the resource."""
    computed: bool = False
    """Whether Docker fills it in: leaving it out changes nothing."""
    default: Any = None
    unordered: bool = False
    """Whether it is a set, and all lists in it are."""
    keys: frozenset[str] = frozenset()
    """The keys that its objects may have, if it has objects."""
    fills: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Defaults of its objects' keys."""


Schema = Mapping[str, Property]


def check(schema: Schema, name: str, olds: Properties, news: Properties, seed: bytes) -> Check:
    """The inputs ``news`` of what the program calls ``name``, with defaults, and what has to be refused."""
    failures: dict[str, str] = {}
    given: Properties = {}
    for key, value in news.items():
        prop = schema.get(key)
        if prop is None:
            if not key.startswith("__"):
                failures[key] = _unsupported(key)
        elif value is not None:
            given[key] = _filled(prop, value)
            nested = {name for item in _objects(value) for name in item if prop.keys and name not in prop.keys}
            if nested:
                failures[key] = _unsupported(f"{key}.{min(nested)}")
    defaults = {key: prop.default for key, prop in schema.items() if prop.default is not None}
    # A refresh leaves no list behind: then every old input counts as one that the program did not give.
    defaults["name"] = olds["name"] if "name" in olds.get(_DEFAULTS, olds) else _autoname(name, seed)
    filled = sorted(defaults.keys() - given.keys())
    return Check({**defaults, **given, _DEFAULTS: filled}, failures)


def named(inputs: Properties) -> bool:
    """Whether the program chose the name, so that two cannot be there at once."""
    return "name" not in inputs.get(_DEFAULTS, ("name",))


def differences(schema: Schema, old: Properties, new: Properties) -> list[Difference]:
    """What changes from the outputs ``old`` to the inputs ``new``."""
    found: list[Difference] = []
    for key, prop in schema.items():
        before, after = old.get(key), new.get(key)
        if after is None and prop.computed:
            continue
        if _normal(prop, before) != _normal(prop, after):
            kind: Kind = "ADD" if before is None else "DELETE" if after is None else "UPDATE"
            found.append(Difference(key, kind, replaces=prop.replaces))
    return found


def planned(schema: Schema, old: Properties, new: Properties) -> Properties:
    """The outputs after an update: what Docker filled in stays, and the rest is as in the inputs."""
    kept = {key: value for key, value in old.items() if key not in schema or schema[key].computed}
    return kept | settled(new)


def settled(inputs: Properties) -> Properties:
    """The inputs as outputs."""
    return {key: value for key, value in inputs.items() if key != _DEFAULTS}


def unknown(schema: Schema, outputs: Iterable[str], new: Properties) -> Properties:
    """The outputs of a preview of a creation: what only Docker knows is unknown."""
    open_ones = [*outputs, *(key for key, prop in schema.items() if prop.computed)]
    return dict.fromkeys(open_ones, UNKNOWN) | settled(new)


def adopted(schema: Schema, inputs: Properties, outputs: Properties) -> Properties:
    """The inputs that fit to outputs that were read: of the keys that it had, or of all for an import."""
    keys = inputs or {key for key, prop in schema.items() if outputs.get(key) not in (None, "", [], {}, prop.default)}
    return {key: outputs[key] for key in keys if key in outputs}


def _autoname(name: str, seed: bytes) -> str:
    # The seed makes it the same name in the update as in its preview.
    digits = random.Random(seed or None).choices("0123456789abcdef", k=_AUTONAME_DIGITS)  # noqa: S311
    return f"{name}-{''.join(digits)}"


def _unsupported(key: str) -> str:
    return f"{key!r} is not supported here. {instead('docker')}"


def _objects(value: Any) -> list[Properties]:
    items = cast(list[Any], value) if isinstance(value, list) else [value]
    return [cast(Properties, item) for item in items if isinstance(item, dict)]


def _filled(prop: Property, value: Any) -> Any:
    if isinstance(value, list):
        return [_filled(prop, item) for item in cast(list[Any], value)]
    if isinstance(value, dict):
        return {**prop.fills, **cast(Properties, value)}
    return value


def _normal(prop: Property, value: Any) -> Any:
    """The value in a form in which equal ones are equal: without what is empty, and sets in one order."""
    if isinstance(value, dict):
        items = {key: _normal(prop, item) for key, item in cast(Properties, value).items()}
        return {key: item for key, item in items.items() if item is not None} or None
    if isinstance(value, list):
        normal = [_normal(prop, item) for item in cast(list[Any], value)]
        return (sorted(normal, key=_sortable) if prop.unordered else normal) or None
    return value or None


def _sortable(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
