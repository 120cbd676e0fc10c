"""Specimens: sound rare names, and a context of every kind that is nobody's."""

import pytest

from edu_pilot.rules.identity import name_fault, normalise_name
from edu_pilot.services import glyphs, rendering, specimens


def test_there_are_fifty_hard_names_and_each_may_be_registered() -> None:
    names = [hard.name for hard in specimens.hard_names()]
    assert len(set(names)) == len(names) == 50
    assert [name for name in names if name_fault(name) or normalise_name(name) != (name, [])] == []
    assert all(hard.zh and hard.en for hard in specimens.hard_names())


def test_every_kind_of_document_has_a_specimen() -> None:
    assert set(specimens.KINDS) == {path.parent.name for path in rendering.documents().glob("*/body.html")}


@pytest.mark.parametrize("kind", specimens.KINDS)
def test_a_specimen_is_marked_and_is_nobodys(kind: str) -> None:
    context = specimens.specimen(kind, "李\u4dae", "https://pilot.example")
    told = [text for _, text in glyphs.texts(context)]
    assert specimens.SPECIMEN in told and specimens.HOLDER not in told
    assert "BM2209-000123" not in told and specimens.NOBODYS["code"] in told
    assert ("李\u4dae" in told) is (specimens.HOLDER in [text for _, text in glyphs.texts(specimens.KINDS[kind])])


@pytest.mark.parametrize("kind", specimens.KINDS)
def test_a_specimen_of_every_kind_is_drawn(kind: str) -> None:
    assert specimens.drawn(kind, "李\u4dae", "https://pilot.example").startswith(b"%PDF")
