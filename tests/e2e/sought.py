"""Secrets, as they may be found again in whatever form: needles of each, and where they lie about."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from tests.e2e.environment import Environment
from toolchain.places import Checkout

_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"  # of Pulumi's wire format
_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)-----END")
_TOKEN = re.compile(r"\beyJ[\w-]{10,}\.[\w-]{20,}\.[\w-]{20,}")
_ENCODED = re.compile(r"[A-Za-z0-9+/]{200,}={0,2}")
_LENGTH = 40


def plaintexts(state: Any) -> Iterator[str]:
    """The secret texts of ``pulumi stack export --show-secrets``."""
    if isinstance(state, list):
        for it in cast("list[Any]", state):
            yield from plaintexts(it)
    elif isinstance(state, dict):
        entry = cast("dict[str, Any]", state)
        if entry.get(_SIGNATURE) == _SECRET:
            yield from texts(json.loads(entry["plaintext"]))
        else:
            yield from plaintexts(list(entry.values()))


def texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts(list(cast("dict[str, Any]", value).values()))
    elif isinstance(value, list):
        for it in cast("list[Any]", value):
            yield from texts(it)


def needles(found: Iterable[str]) -> set[str]:
    """What must not be found elsewhere: the middles of private keys and of tokens, plain and in base64."""
    raw: set[str] = set()
    for text in found:
        raw |= {_middle(line) for body in _KEY.findall(text) for line in body.split() if len(line) >= _LENGTH}
        raw |= {_middle(token.rpartition(".")[2]) for token in _TOKEN.findall(text)}
        for encoded in _ENCODED.findall(text):  # as kubeconfigs and Secrets have them
            decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode(errors="replace")
            if "PRIVATE KEY" in decoded or decoded.startswith("eyJ"):
                raw |= needles([decoded])
    return raw | {form for needle in raw for form in encoded_forms(needle)}


def _middle(text: str) -> str:
    start = max(0, (len(text) - _LENGTH) // 2)
    return text[start : start + _LENGTH]


def encoded_forms(needle: str) -> Iterator[str]:
    """What a text looks like in base64 at each of the three places where it may begin, without its ends."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + needle.encode()).decode()
        yield encoded[(0, 2, 3)[before] : len(encoded) - 4]


def of(environment: Environment) -> set[str]:
    """The needles of all that is secret: in the state, and the keys of the VM and of the CAs in the clusters."""
    state = json.loads(environment.pulumi("stack", "export", "--show-secrets"))
    found = [*plaintexts(state), environment.on_vm("cat /etc/certs/key.pem")]
    secret = ("-n", "istio-system", "get", "secret", "cacerts", "-o", "json")
    found += [environment.kubectl(cluster, *secret) for cluster in environment.outputs["urls"]]
    passphrase = Checkout(environment.root).passphrase
    own = {_middle(passphrase.read_text())} if passphrase.exists() else set[str]()
    return needles(found) | own


def in_text(text: str, wanted: Collection[str]) -> bool:
    return any(needle in text for needle in wanted)


def open_files(folder: Path, wanted: Collection[str]) -> list[str]:
    """Files of a folder that hold a secret and that others than their owner may read."""
    files = (it for it in folder.rglob("*") if it.is_file() and not it.is_symlink() and it.stat().st_mode & 0o077)
    return [str(file) for file in files if in_text(file.read_text(errors="replace"), wanted)]


def processes() -> Iterator[tuple[str, str]]:
    """Command lines and environments of all processes here: name, and text."""
    for process in os.scandir("/proc"):
        if process.name.isdigit() and int(process.name) != os.getpid():
            for what in ("cmdline", "environ"):
                try:
                    yield f"{process.name}/{what}", Path(process.path, what).read_text(errors="replace")
                except OSError:
                    continue
