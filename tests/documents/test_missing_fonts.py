"""What an office is told while a package of fonts is missing, and of a character no font has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edu_pilot.services import glyphs, health, ideographs

# The fonts of the system but those of one package, whose first also stands as the Japanese default.
CONFIGURATION = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><cachedir>{folder}</cachedir>
<selectfont><rejectfont><glob>*/hanazono/*</glob><glob>*/fonts-japanese-*</glob></rejectfont></selectfont></fontconfig>"""


def forget() -> None:
    for found in filter(None, map(glyphs.glyphs_of, glyphs.FAMILIES)):
        found.font.close()
    for cached in (glyphs.installed_fonts, glyphs.glyphs_of, glyphs.printable):
        cached.cache_clear()


@pytest.fixture
def without_hanamin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    file = tmp_path / "fonts.conf"
    file.write_text(CONFIGURATION.format(folder=tmp_path / "cache"), "utf-8")
    with monkeypatch.context() as changed:
        changed.setenv("FONTCONFIG_FILE", str(file))
        forget()
        yield
    forget()


def test_doctor_names_the_package_and_how_many_characters_are_lost(without_hanamin: None) -> None:
    [found] = health._characters()
    assert (found.fine, found.needed, found.mend) == (False, False, "apt-get install fonts-hanazono")
    assert 30_000 < found.facts["lost"] < found.facts["wanted"] == len(ideographs.level_3())
    assert glyphs.not_drawn("刘伟\u36c3\U0002b830") == "\U0002b830 U+2B830"


def test_with_every_font_nothing_is_lost() -> None:
    [found] = health._characters()
    assert found.fine
    assert glyphs.lost(ideographs.level_3()) == 0


def test_a_character_is_told_with_its_code_and_its_place() -> None:
    found = glyphs.unprintable({"lines": [{"name": "谢\U0002ebf0"}], "subject": "\ue000"})
    assert glyphs.told(found) == "\U0002ebf0 U+2EBF0 (姓名 lines[0].name), U+E000 (subject)"
