"""Property values as the engine sends them: JSON, with objects of known signature for secrets and assets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, TypeGuard, cast

from google.protobuf import json_format, struct_pb2

Properties = dict[str, Any]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands in a preview for a value that only the update will know."""

# Fixed by Pulumi's wire format.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105

Kind = Literal["ADD", "DELETE", "UPDATE"]


@dataclass(frozen=True)
class Difference:
    """One property that differs: its path, as in ``triggers[0]``, and whether that replaces the resource."""

    path: str
    kind: Kind
    replaces: bool = False


def decode(struct: struct_pb2.Struct) -> Properties:
    """The properties in a message; whole numbers are ints."""
    return {key: _python(value) for key, value in struct.fields.items()}


def encode(properties: Properties) -> struct_pb2.Struct:
    """The message for properties."""
    return json_format.ParseDict(properties, struct_pb2.Struct())


def reveal(value: Any) -> Any:
    """The value with the secrets in it as plain text: for use, not for an answer to the engine."""
    if isinstance(value, list):
        return [reveal(item) for item in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    properties = cast(Properties, value)
    if properties.get(_SIGNATURE) == _SECRET:
        return reveal(properties["value"])
    return {key: reveal(item) for key, item in properties.items()}


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """What changes from one value to another, as deep as both have one shape. None: there is no value."""
    if old == new:
        return
    if _is_object(old) and _is_object(new):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key), new.get(key), _child(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        pairs = zip_longest(cast(list[Any], old), cast(list[Any], new))
        for index, (before, after) in enumerate(pairs):
            yield from differences(before, after, f"{path}[{index}]")
    else:
        yield Difference(path, "ADD" if old is None else "DELETE" if new is None else "UPDATE")


def _python(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return decode(value.struct_value)
        case "list_value":
            return [_python(item) for item in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _is_object(value: Any) -> TypeGuard[Properties]:
    return isinstance(value, dict) and _SIGNATURE not in value


def _child(path: str, key: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_]*", key):
        return path + '["' + key.replace('"', '\\"') + '"]'
    return f"{path}.{key}" if path else key
