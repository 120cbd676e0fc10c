"""The table of docs/fonts.md: of every ideograph of GB 18030-2022 level 3 whether it is drawn, reported or wrong.

python -m tests.documents.fonts_table           measure what has no result yet or was wrong, and write the table
python -m tests.documents.fonts_table --anew    measure everything again

The results of each block are kept in results/fonts/, so that a run that was broken off goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from edu_pilot.services import glyphs, ideographs, rendering
from tests.documents import characters

RESULTS = Path("results/fonts")
PAGE = Path("docs/fonts.md")
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
LIBRARIES = (
    "libpango-1.0-0", "libharfbuzz0b", "libharfbuzz-subset0", "fontconfig", "poppler-utils"
)  # fmt: skip
# Pairs that the makers of the fonts draw alike; another pair would be one character in the place of another.
ALIKE = """
㔾⺋ 㖈䎛 㘽㦳 㶷𤈎 户⼾ 槩㮣 瑨𤨁 郞郎 𠂆⺁
𠂒⺧ 𠓲𣔕 𠦄卉 𡀘𡀼 𡼷𤎚 𢔅徚 𣏌杞 𤟬𭸗 𤦼𤧩
𤯒𪐕 𤴔⺪ 𦁥𦂲 𦡂𦡦 𧃰䕫 𧈅虩 𧺯﨣 𩿎𩿗 𪻅𤠔
"""
TWINS = frozenset(ALIKE.split())
Result = Mapping[str, Any]


def main() -> int:
    """Measure every block, write the table; return 1 where a character is wrong."""
    blocks = list(ideographs.blocks())
    results = [_result(block, "--anew" in sys.argv) for block in blocks]
    text = PAGE.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text("\n".join([f"{before}{BEGIN}", *_tables(blocks, results), f"{END}{after}"]), "utf-8")
    wrong = [fault for result in results for fault in result["wrong"]]
    alike = {pair for stack in characters.STACKS for pair in twins(_pictures(results, stack))} - TWINS
    told = (
        f"{sum(len(block.characters) for block in blocks)} characters, {len(wrong)} wrong, {len(alike)} new pairs alike"
    )
    print(told, *wrong[:20], *alike, sep="\n")
    return 1 if wrong or alike else 0


def _result(block: ideographs.Block, anew: bool) -> Result:
    mark = RESULTS / f"{ord(block.characters[0]):05X}.json"
    if anew or not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps(measured(block.characters), ensure_ascii=False), "utf-8")
    result = json.loads(mark.read_text("utf-8"))
    if result["wrong"]:
        result["wrong"] = _wrong(dict.fromkeys(chr(int(code[2:], 16)) for code, _, _ in result["wrong"]))
        mark.write_text(json.dumps(result, ensure_ascii=False), "utf-8")
    print(f"{block.name}: {len(block.characters)} characters, {len(result['wrong'])} wrong", flush=True)
    return result


def measured(chars: str) -> Result:
    """Print the characters that the preflight allows; say of each whether it is drawn, reported or wrong."""
    allowed = [char for char in chars if glyphs.printable(char)]
    return {
        "reported": "".join(char for char in chars if not glyphs.printable(char)),
        "wrong": _wrong(allowed),
        "fonts": {
            stack: Counter(glyphs.family_of(char, chain) for char in allowed)
            for stack, chain in characters.STACKS.items()
        },
        "pictures": {stack: [(char, _picture(char, stack)) for char in allowed] for stack in characters.STACKS},
    }


def _wrong(chars: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(f"U+{ord(f.char):04X}", f.stack, f.why) for f in characters.faults(list(chars))]


def _picture(char: str, stack: str) -> str:
    family = glyphs.family_of(char, characters.STACKS[stack])
    found = glyphs.glyphs_of(family or "")
    assert found is not None
    return sha256(repr(found.outline_of(char)).encode()).hexdigest()[:16]


def twins(pictures: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Give the characters that share a picture with others, though they are not variants by Unicode's own account."""
    same: dict[str, str] = defaultdict(str)
    for char, picture in pictures:
        same[picture] += char
    for chars in same.values():
        if len({characters.plain(char) for char in chars}) > 1:
            yield chars


def _tables(blocks: list[ideographs.Block], results: list[Result]) -> Iterator[str]:
    for wanted, title in ((True, "## Level 3 of GB 18030-2022"), (False, "## Beyond level 3")):
        yield f"\n{title}\n"
        yield "| block | characters | drawn | reported | wrong | name and title drawn by | body drawn by |"
        yield "|---|---:|---:|---:|---:|---|---|"
        rows = [pair for pair in zip(blocks, results, strict=True) if pair[0].level_3 is wanted]
        yield from (_line(block.name, len(block.characters), result) for block, result in rows)
        sums = [sum(len(r[part]) for _, r in rows) for part in ("reported", "wrong")]
        total = sum(len(block.characters) for block, _ in rows)
        yield f"| **in all** | {total:,} | {total - sum(sums):,} | {sums[0]:,} | {sums[1]:,} | | |"
    yield from _twins_told(results)
    yield "\n## Measured with\n"
    yield f"{rendering.renderer_versions()}.\n"
    yield "Debian packages: " + ", ".join(_packages()) + "."


def _line(name: str, number: int, result: Result) -> str:
    wrong = len({fault[0] for fault in result["wrong"]})
    drawn = number - len(result["reported"]) - wrong
    fonts = [_shares(result["fonts"][stack]) for stack in ("kai", "song")]
    return f"| {name} | {number:,} | {drawn:,} | {len(result['reported']):,} | {wrong:,} | {' | '.join(fonts)} |"


def _shares(fonts: Mapping[str, int]) -> str:
    most_first = sorted(fonts.items(), key=lambda item: -item[1])
    return ", ".join(f"{family} {number:,}" for family, number in most_first) or "—"


def _twins_told(results: list[Result]) -> Iterator[str]:
    yield "\n## Two codes, one picture\n"
    yield "Compatibility ideographs and radicals share the picture of the ideograph they stand for. Besides, the makers"
    yield "of the fonts draw these pairs alike: Unicode encoded one character twice, or the two differ less than two"
    yield "hands do. On paper they cannot be told apart; the QR code and the register hold the code that was typed.\n"
    for stack, use in (("kai", "Names and titles"), ("song", "Body")):
        pairs = twins(_pictures(results, stack))
        told = " · ".join(f"{pair} {' '.join(f'{ord(c):04X}' for c in pair)}" for pair in pairs)
        yield f"{use}: {told}\n"


def _pictures(results: Iterable[Result], stack: str) -> Iterator[tuple[str, str]]:
    return ((char, picture) for result in results for char, picture in result["pictures"][stack])


def _packages() -> list[str]:
    names = [*glyphs.PACKAGES.values(), *LIBRARIES]
    asked = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *dict.fromkeys(names)]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
