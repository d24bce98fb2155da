"""Pydantic's errors in the config's own words."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic_core import ErrorDetails

from settings.mistakes import KeyPath, Mistake, did_you_mean, shown
from settings.stack import CA, Settings

_WORDS = {
    "missing": "is missing",
    "too_short": "must not be empty",
    "too_long": "must have no more than {max_length}",
    "int_type": "must be a whole number, not {given}",
    "float_type": "must be a number, not {given}",
    "finite_number": "must be a number, not {given}",
    "bool_type": "must be true or false, not {given}",
    "greater_than": "must be more than {gt}, not {given}",
    "greater_than_equal": "must be at least {ge}, not {given}",
    "less_than_equal": "must be at most {le}, not {given}",
    "string_type": "must be text, not {given}",
    "string_unicode": "must be text, not {given}",
    "literal_error": "must be {expected}, not {given}",
    "dict_type": "must be an object, not {given}",
    "model_type": "must be an object, not {given}",
    "tuple_type": "must be a list, not {given}",
}


_HOW_TO_GET_A_HOST_KEY = (
    "; `ssh-keyscan -t ed25519 -p PORT ADDRESS` prints it behind the host: compare its fingerprint "
    "(`| ssh-keygen -lf -`) with what the machine itself says (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`)"
)


def in_our_words(detail: ErrorDetails) -> Mistake:
    """Pydantic's error as a mistake in the config."""
    path = detail["loc"][:-1] if detail["loc"][-1] == "[key]" else detail["loc"]
    if detail["type"] == "extra_forbidden":
        return path, f"unknown key{did_you_mean(str(path[-1]), keys_at(path[:-1]))}"
    words = _WORDS.get(detail["type"])
    what = words.format(given=shown(detail["input"]), **detail.get("ctx", {})) if words else detail["msg"]
    if path[-1] == "hostKey" and detail["type"] == "missing":
        what += _HOW_TO_GET_A_HOST_KEY
    if path[0] == "ca":
        path = tuple(key for key, field in CA.items() if field == path[1])
        if detail["type"] == "missing":
            what += "; a CA of your own needs both its certificate and its key"
    return path, what


def keys_at(path: KeyPath) -> list[str]:
    """Keys that the object at ``path`` may have."""
    kind: Any = Settings
    for part in path:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif get_origin(kind) is tuple:
            kind = get_args(kind)[0]
        else:
            kind = next(field.annotation for field in kind.model_fields.values() if field.alias == part)
            kind = kind if get_origin(kind) in (None, dict, tuple) else get_args(kind)[0]  # X of `X | None`
    return [field.alias for field in kind.model_fields.values()]
