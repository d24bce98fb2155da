"""Texts of others as they may be shown to everyone: without secrets, and without markup."""

from __future__ import annotations

import html
import re

_SECRETS = (
    re.compile(r"-----BEGIN ([A-Z ]+)-----.*?(-----END \1-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"),
    re.compile(r"(?<=://)[^/@\s]+(?=@)"),
    re.compile(r"[A-Za-z0-9+/=_-]{64,}"),
)


def redacted(text: str) -> str:
    """``text`` with a word in place of all that looks like a key, a token or a password."""
    for pattern in _SECRETS:
        text = pattern.sub("[secret]", text)
    return text


def code(text: str) -> str:
    """``text`` as code, in a table or out of it."""
    return "`" + re.sub(r"[`|\s]+", " ", text)[:120] + "`"


def plain(text: str) -> str:
    """``text`` as it is read: nothing in it is markup, a link, or calls a person."""
    escaped = html.escape(redacted(text)[:1000], quote=False)
    return re.sub(r"([\\`*_{}\[\]#|~!])", r"\\\1", " ".join(escaped.split())).replace("@", "&#64;")
