"""From config to settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from settings.application import bookinfo
from settings.checks import CrossChecks
from settings.entries import items_in, object_in
from settings.mistakes import KeyPath, Mistake, SettingsError, did_you_mean, dotted
from settings.names import PROJECT
from settings.stack import CA, KEYS, Settings
from settings.words import in_our_words


def load(values: Mapping[str, Any], known: Iterable[Mistake] = ()) -> Settings:
    """Make settings of a stack's config.

    ``values`` maps each key without its namespace (``routes``, not ``vm-mesh:routes``) to its value, or to
    the value's JSON text, which is how Pulumi hands it to a program; empty text is its way to say "not set".

    Raises :class:`SettingsError` with every mistake that the config has, those that are ``known`` among them.
    """
    unknown = [((key,), f"unknown key{did_you_mean(key, KEYS)}") for key in values if key not in KEYS]
    config = {key: _decoded(key, values[key]) for key in KEYS if values.get(key, "") != ""}
    if config.get("application", {}) == {}:
        config["application"] = {} if object_in(config.get("mesh")).get("installed") is True else bookinfo()

    settings, mistakes = _parsed(config)
    mistakes = [*known, *unknown, *mistakes, *CrossChecks(config).mistakes()]
    mistakes += _oddities(config, {path for path, _ in mistakes})
    if settings is None or mistakes:
        lines = sorted({(dotted(path), what) for path, what in mistakes})
        raise SettingsError(f"{where}: {what}" for where, what in lines)
    return settings


def from_pulumi(config: Mapping[str, str], secret: Collection[str]) -> Settings:
    """:func:`load` for Pulumi's whole config map, of which the keys ``secret`` are encrypted.

    Other projects' and providers' keys are left alone. Raises :class:`SettingsError` also for a private key in clear
    text: Pulumi's own check of that (``secret: true`` in Pulumi.yaml) refuses a key that may be left out.
    """
    prefix = f"{PROJECT}:"
    known: list[Mistake] = []
    if config.get(f"{prefix}caKey") and f"{prefix}caKey" not in secret:
        known.append((("caKey",), "is in clear text; set it anew with `pulumi config set --secret caKey`"))
    return load({key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}, known)


class JsonObject(dict[str, Any]):
    """A JSON object that remembers the names that its text gives more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]


def _decoded(key: str, value: Any) -> Any:
    if not isinstance(value, str) or key in CA:
        return value
    try:
        return json.loads(value, object_pairs_hook=JsonObject)
    except (ValueError, RecursionError):
        return value  # which is then refused as the text that it is


def _parsed(config: Mapping[str, Any]) -> tuple[Settings | None, list[Mistake]]:
    whole = {key: value for key, value in config.items() if key not in CA}
    ca = {field: config[key] for key, field in CA.items() if key in config}
    if ca:
        whole["ca"] = ca
    try:
        return Settings.model_validate(whole, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, [in_our_words(detail) for detail in error.errors(include_url=False)]


def _oddities(config: Mapping[str, Any], reported: Collection[KeyPath]) -> Iterator[Mistake]:
    """What the models let pass: a null where a key may be left out, and a name given twice."""
    # Not recursive, since nothing limits how deep a config is nested.
    rest: list[tuple[KeyPath, Any]] = [((key,), value) for key, value in config.items()]
    while rest:
        path, value = rest.pop()
        if value is None and path not in reported:
            yield path, "must not be null; remove the key, or give it a value"
        if isinstance(value, JsonObject):
            for name in value.repeated:
                yield (*path, name), "is there more than once; give each its own name"
        rest += [((*path, name), inner) for name, inner in object_in(value).items()]
        rest += items_in(path, value)
