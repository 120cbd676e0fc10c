"""What must not be a password, asked without a network: the commonest ones, and those made of nothing else (C14)."""

from __future__ import annotations

from functools import cache

from edu_pilot import paths

LIST = paths.PACKAGE / "common_passwords.txt"
# What may stand around common passwords without making a good one of them.
FEW = 4


def is_common(password: str) -> bool:
    """Return whether fewer than four characters are left of a password without the commonest ones in it.

    The least length keeps most of the list out by itself; what people type then is two of them, or one and a year.
    """
    text, words = password.casefold(), _words()
    left = [0]
    for end in range(1, len(text) + 1):
        ending = (left[end - len(word)] for word in words if text.endswith(word, 0, end))
        left.append(min(left[-1] + 1, *ending, end))
    return left[-1] < FEW


@cache
def _words() -> frozenset[str]:
    return frozenset(LIST.read_text("utf-8").split())
