"""The error that a user can do something about."""

from __future__ import annotations


class Problem(Exception):
    """Something that went wrong for a reason outside the program, told without a traceback.

    ``advice`` says what to do about it.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice
