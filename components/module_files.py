"""The WebAssembly modules that are files on the machine that runs Pulumi."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from settings import PROJECT, ExtensionSettings, SettingsError

_MAGIC = b"\0asm"
# Of all data of a ConfigMap; what is pushed to the API server besides is little.
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class ModuleFile:
    """A module that is a file."""

    path: str
    sha256: str
    packed: bytes
    """The module by gzip, which agents unpack before they take its sum."""


def module_files(extensions: Mapping[str, ExtensionSettings]) -> dict[str, ModuleFile]:
    """Extension -> its module, for those whose modules are files.

    Raises :class:`SettingsError` with every file that is missing, another one than its sum says, or too large.
    """
    found: dict[str, ModuleFile] = {}
    mistakes: list[str] = []
    for name, extension in extensions.items():
        if extension.file is None or extension.sha256 is None:
            continue
        try:
            module = Path(extension.file).expanduser().read_bytes()
        except (OSError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            mistakes.append(f"{PROJECT}:extensions.{name}.module: {extension.file} cannot be read: {why}")
            continue
        packed = gzip.compress(module, mtime=0)
        found[name] = ModuleFile(path=extension.file, sha256=extension.sha256, packed=packed)
        if (given := hashlib.sha256(module).hexdigest()) != extension.sha256:
            mistakes.append(f"{PROJECT}:extensions.{name}.sha256: {extension.file} has the sum {given}")
        if not module.startswith(_MAGIC):
            mistakes.append(f"{PROJECT}:extensions.{name}.module: {extension.file} is no WebAssembly module")
        if len(packed) > _MOST_BYTES:
            mistakes.append(
                f"{PROJECT}:extensions.{name}.module: {extension.file} has {len(packed)} bytes by gzip, and "
                f"a ConfigMap holds {_MOST_BYTES}; put it into a registry (oci://) or onto a web server"
            )
    if mistakes:
        raise SettingsError(mistakes)
    return found
