"""The ideographs that GB 18030-2022 asks for at implementation level 3, and the later ones, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Ideographs among the compatibility ones: twelve are unified like any other, nine repeat another character.
UNIFIED = "\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27\ufa28\ufa29"
REPEATED = "\uf92c\uf979\uf995\uf9e7\uf9f1\ufa0c\ufa0d\ufa18\ufa20"
RADICALS = "\u2e81\u2e84\u2e88\u2e8b\u2e8c\u2e97\u2ea7\u2eaa\u2eae\u2eb3\u2eb6\u2eb7\u2ebb\u2eca"


@dataclass(frozen=True)
class Block:
    """A named row of characters, and whether level 3 asks for it."""

    name: str
    characters: str
    level_3: bool = True


def _row(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


def blocks() -> Iterator[Block]:
    """Give every block of ideographs, those of level 3 first."""
    yield Block("CJK Unified Ideographs, 4E00–9FA5", _row(0x4E00, 0x9FA5))
    yield Block("the same, added later, 9FA6–9FEF", _row(0x9FA6, 0x9FEF))
    yield Block("Extension A, 3400–4DB5", _row(0x3400, 0x4DB5))
    yield Block("Extension B, 20000–2A6D6", _row(0x20000, 0x2A6D6))
    yield Block("Extension C, 2A700–2B734", _row(0x2A700, 0x2B734))
    yield Block("Extension D, 2B740–2B81D", _row(0x2B740, 0x2B81D))
    yield Block("Extension E, 2B820–2CEA1", _row(0x2B820, 0x2CEA1))
    yield Block("Extension F, 2CEB0–2EBE0", _row(0x2CEB0, 0x2EBE0))
    yield Block("unified ones among the compatibility ideographs", UNIFIED)
    yield Block("compatibility ideographs of the two-byte part", REPEATED)
    yield Block("ideographic zero, 3007", "\u3007")
    yield Block("radicals of the two-byte part", RADICALS)
    yield Block("Kangxi radicals, 2F00–2FD5", _row(0x2F00, 0x2FD5))
    yield from _beyond()


def _beyond() -> Iterator[Block]:
    later = ((0x4DB6, 0x4DBF), (0x9FF0, 0x9FFF), (0x2A6D7, 0x2A6DF), (0x2B735, 0x2B739))
    yield Block("ends of the basic block, A, B and C", "".join(_row(*ends) for ends in later), level_3=False)
    yield Block("Extension G, 30000–3134A", _row(0x30000, 0x3134A), level_3=False)
    yield Block("Extension H, 31350–323AF", _row(0x31350, 0x323AF), level_3=False)
    yield Block("Extension I, 2EBF0–2EE5D", _row(0x2EBF0, 0x2EE5D), level_3=False)
    others = "".join(char for char in _row(0xF900, 0xFA6D) + _row(0xFA70, 0xFAD9) if char not in UNIFIED + REPEATED)
    yield Block("other compatibility ideographs, F900–FAD9", others, level_3=False)
    yield Block("compatibility supplement, 2F800–2FA1D", _row(0x2F800, 0x2FA1D), level_3=False)


def level_3() -> str:
    """Return all characters of level 3: 87,887 ideographs, nine repeated ones, the zero and 228 radicals."""
    return "".join(block.characters for block in blocks() if block.level_3)
