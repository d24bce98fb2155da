"""Reading a config as it is given, whatever is wrong with it, and the mistakes that many of its places can have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel

from settings.mistakes import KeyPath, Mistake, did_you_mean, dotted, shown


def object_in(value: Any) -> dict[str, Any]:
    """``value`` if it is an object; else, for the cross-checks, an empty one."""
    entries = cast("dict[object, Any]", value) if isinstance(value, dict) else {}
    return {key: entry for key, entry in entries.items() if isinstance(key, str)}


def objects_in(value: Any) -> dict[str, dict[str, Any]]:
    """The entries of ``value`` that are objects."""
    return {name: object_in(entry) for name, entry in object_in(value).items() if isinstance(entry, dict)}


def items_in(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    """The items of ``value``, which is at ``path``, each with its own path."""
    for index, item in enumerate(cast("list[Any]", value) if isinstance(value, list | tuple) else ()):
        yield (*path, index), item


def texts_in(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, str]]:
    """Those of the items that are texts."""
    for where, item in items_in(path, value):
        if isinstance(item, str):
            yield where, item


def value_of(entry: Mapping[str, Any], key: str, model: type[BaseModel]) -> Any:
    """What ``entry`` has for ``key``, or else what ``model`` takes in its place."""
    return entry.get(key, model.model_fields[key].default)


def unknown(path: KeyPath, name: object, kind: str, known: Collection[str]) -> Iterator[Mistake]:
    if isinstance(name, str) and name not in known:
        yield path, f"there is no {kind} {shown(name)}{did_you_mean(name, known)}"


def at_most_one(path: KeyPath, entry: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Mistake]:
    given = [key for key in keys if key in entry]
    if len(given) > 1:
        both = "both " if len(given) == 2 else ""
        yield path, f"has {both}{' and '.join(map(repr, given))}; keep the one that it is"


def one_of(path: KeyPath, value: Any, keys: Sequence[str]) -> Iterator[Mistake]:
    if isinstance(value, dict):
        entry = object_in(value)
        if not any(key in entry for key in keys):
            yield path, f"needs one of {', '.join(map(repr, keys))}"
        yield from at_most_one(path, entry, keys)


def repeated(places: Iterable[tuple[KeyPath, object]], what: str) -> Iterator[Mistake]:
    first: dict[str | int, KeyPath] = {}
    for path, value in sorted(places, key=lambda place: dotted(place[0])):
        if isinstance(value, str | int) and first.setdefault(value, path) != path:
            yield path, f"{what} {dotted(first[value])}"
