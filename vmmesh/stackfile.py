"""The stack's config file: read as settings, and edited so that nothing else in it changes."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Generator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml
from yaml.constructor import ConstructorError

import settings
from settings import PROJECT, Settings, SettingsError
from toolchain.problem import Problem
from toolchain.whole import replace_text

SALT = "encryptionsalt"


class Misuse(Problem):
    """The command names something that is not there."""


@dataclass(frozen=True)
class StackFile:
    """``Pulumi.<stack>.yaml`` of the checkout at ``root``."""

    root: Path
    stack: str

    @property
    def path(self) -> Path:
        return self.root / f"Pulumi.{self.stack}.yaml"

    @property
    def text(self) -> str:
        """The file's text, line ends as they are. Raises Misuse if there is no such file, or it is no text."""
        try:
            return self.path.read_bytes().decode()
        except FileNotFoundError:
            files = sorted(self.root.glob("Pulumi.*.yaml"))
            stacks = [file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files]
            raise Misuse(f"there is no {self.path.name}{nearest(self.stack, stacks)}") from None
        except UnicodeDecodeError as error:
            raise Misuse(f"{self.path.name} is not in UTF-8, at byte {error.start}", "save it as UTF-8") from None

    def write(self, text: str) -> None:
        """Replaces the file's text, so that a kill leaves the one text or the other."""
        replace_text(self.path, text)

    def set_stage(self, service: str, stage: str) -> Settings:
        """Writes the stage of a service, and returns the settings with it. Raises Problem: there is no such line."""
        text = with_stage(self.text, service, stage)
        self.write(text)
        return load(text, self.path.name)

    def settings(self) -> Settings:
        """The settings in the file. Raises SettingsError with every mistake, or Misuse: there is no file."""
        return load(self.text, self.path.name)

    @contextlib.contextmanager
    def restored_on(self, errors: type[BaseException]) -> Generator[None]:
        """Puts the file back as it was if the block raises such an error."""
        before = self.text
        try:
            yield
        except errors:
            self.write(before)
            raise

    @contextlib.contextmanager
    def own_format(self) -> Generator[None]:
        """Keeps the file's layout in a block in which Pulumi adds its salt and writes the file anew."""
        before = self.text
        try:
            yield
        finally:
            after = self.text
            salt = _document(after).get(SALT)
            if after != before and _document(before) | {SALT: salt} == _document(after):
                self.write(f"{before}{'' if before.endswith(chr(10)) else chr(10)}{SALT}: {salt}\n")


def load(text: str, name: str) -> Settings:
    """Settings of a config file's text; ``name`` is what errors call the file. Raises SettingsError."""
    try:
        values: Any = _document(text).get("config") or {}
    except yaml.YAMLError as error:
        raise SettingsError([f"{name} is not YAML: {' '.join(str(error).split())}"]) from None
    if not isinstance(values, dict):
        raise SettingsError([f"{name}: config must be an object, of keys such as {PROJECT}:clusters"])
    entries = cast("dict[Any, Any]", values)
    config = {key: _blinded(value) for key, value in entries.items() if isinstance(key, str)}
    # Who can read a secret is Pulumi; the program checks the CA once more, with its key.
    if any(value is _SECRET for value in config.values()):
        config = {
            key: value for key, value in config.items() if key.rpartition(":")[2] not in ("caCertificate", "caKey")
        }
    return settings.from_pulumi(config, [key for key, value in config.items() if value is _SECRET])


def with_stage(text: str, service: str, stage: str) -> str:
    """``text`` with the stage of ``service`` changed, all else in it as it was.

    ``pulumi config set`` would write the whole file anew: comments stay, blank lines and layout do not.

    Raises Problem if the text has no such line.
    """
    node = _node(text, "config", f"{PROJECT}:stages", service)
    if isinstance(node, yaml.ScalarNode):
        start, end = node.start_mark.index, node.end_mark.index
        # `on` is a fine name and a YAML boolean.
        quote = node.style in ("'", '"') or yaml.safe_load(stage) != stage
        edited = f"{text[:start]}{json.dumps(stage) if quote else stage}{text[end:]}"
        wanted = _document(text)
        wanted["config"][f"{PROJECT}:stages"][service] = stage
        # An alias stands for a text elsewhere: to edit that would do more, or break the file.
        with contextlib.suppress(yaml.YAMLError):
            if _document(edited) == wanted:
                return edited
    raise Problem(
        f"the config has no line {PROJECT}:stages.{service} that can be edited",
        f"edit it by hand: pulumi config set --path 'stages.{service}' {stage}",
    )


def without_salt(text: str) -> str:
    """``text`` without Pulumi's salt, unless a secret in it needs the salt."""
    try:
        document = _document(text)
    except yaml.YAMLError:
        return text
    if SALT not in document or "secure" in _keys(document):
        return text
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"{SALT}:"))


def nearest(name: str, known: list[str]) -> str:
    """The end of a message about a ``name`` that is not ``known``: the nearest one, and all there are."""
    match = get_close_matches(name, known, n=1)
    hint = f"; did you mean {match[0]}?" if match else ""
    return f"{hint} (known: {', '.join(known) or 'none'})"


_SECRET = "secret"  # noqa: S105  # stands for a value that only Pulumi can read


def _blinded(value: Any) -> Any:
    """``value`` with each encrypted part of it replaced by a text."""
    if isinstance(value, list):
        return [_blinded(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    entries = cast("dict[Any, Any]", value)
    return _SECRET if list(entries) == ["secure"] else {key: _blinded(item) for key, item in entries.items()}


def _keys(value: Any) -> set[Any]:
    """All keys of all objects in ``value``."""
    if isinstance(value, list):
        return {key for item in cast("list[Any]", value) for key in _keys(item)}
    if not isinstance(value, dict):
        return set()
    entries = cast("dict[Any, Any]", value)
    return {*entries, *(key for item in entries.values() for key in _keys(item))}


OCTAL = re.compile(r"0o[0-7]+$")
"""A number to Pulumi, and text to PyYAML (yaml/pyyaml#608)."""


class _Loader(yaml.SafeLoader):
    """Takes for a number what Pulumi takes for one, and says where a date is that is none."""

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        """A date, or a YAMLError, where PyYAML lets Python's own error through."""
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError as error:
            raise ConstructorError(None, None, f"{node.value}: {error}", node.start_mark) from None


_Loader.add_implicit_resolver("tag:yaml.org,2002:int", OCTAL, ["0"])  # pyright: ignore[reportUnknownMemberType]
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def _document(text: str) -> dict[str, Any]:
    document = yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


def _node(text: str, *path: str) -> yaml.Node | None:
    """The node at ``path``, which knows its place in the text."""
    node: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    for key in path:
        entries: list[tuple[yaml.Node, yaml.Node]] = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for name, value in entries if name.value == key), None)
    return node
