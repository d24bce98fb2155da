"""What is checked in as the recorded state, and how it came to hold no secret."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from tests.preview import recording

pytestmark = pytest.mark.preview

KILOBYTES = 300


def texts(value: Any) -> list[str]:
    """Every text, and every text that is encoded in one."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    recording.texts_replaced(value, note)
    return found


def test_the_recording_is_small_and_of_no_machine() -> None:
    text = recording.FILE.read_text()
    assert len(text) < KILOBYTES * 1000
    assert not re.search(r"/(root|home|Users)/", text)


def test_the_recording_opens_nothing() -> None:
    recorded = texts(json.loads(recording.FILE.read_text()))
    assert len(recorded) > 1000
    assert [text for text in recorded if recording.worthless(text) != text] == []


def test_what_opens_something_is_found_however_it_is_wrapped() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n"
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhY2NvdW50In0.c2lnbmF0dXJl"
    inner = json.dumps({"token": token, "key": base64.b64encode(key.encode()).decode()})
    wrapped = {"plaintext": json.dumps({"data": base64.b64encode(inner.encode()).decode()})}
    left = texts(recording.texts_replaced({"state": [wrapped]}, recording.worthless))
    assert not [text for text in left if "c2VjcmV0" in text or token in text]
    assert any("PRIVATE KEY-----\nrecorded" in text for text in left)
