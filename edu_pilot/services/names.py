"""Names as they are searched: by their own characters and by stored pinyin keys."""

from __future__ import annotations

from functools import lru_cache

from pypinyin import Style, lazy_pinyin


@lru_cache(maxsize=10_000)
def name_keys(name: str) -> str:
    """Return the search keys of a name: full pinyin and initials, e.g. `liuwei lw`."""
    syllables = lazy_pinyin(name, errors="ignore")
    initials = "".join(lazy_pinyin(name, style=Style.FIRST_LETTER, errors="ignore"))
    return f"{''.join(syllables)} {initials}"[:255]
