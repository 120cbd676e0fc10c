"""Of every block of ideographs a sample is printed: what the preflight allows stands on the page, and nothing else."""

from __future__ import annotations

import io
import random

import pypdf

from edu_pilot.services import glyphs, ideographs, rendering, specimens
from tests.documents import characters
from tests.trust.figures import figure, seed, size

# The dot between two parts of a name is no square character.
NAMES = "".join(hard.name for hard in specimens.hard_names()).replace("·", "")


def test_what_the_preflight_allows_stands_on_the_page() -> None:
    draw, number = random.Random(seed("fonts")), size("fonts")
    chosen = [c for b in ideographs.blocks() for c in draw.sample(b.characters, min(number, len(b.characters)))]
    with figure("fonts", seed("fonts")) as told:
        allowed = [char for char in dict.fromkeys([*chosen, *NAMES]) if glyphs.printable(char)]
        wrong = list(characters.faults(allowed))
        told(characters=len({*chosen, *NAMES}), drawn=len(allowed) - len(wrong), wrong=len(wrong))
        assert wrong == []


def test_level_3_has_all_its_characters_and_all_of_them_are_drawn_or_reported() -> None:
    """GB 18030-2022 counts 87,887 ideographs and 228 radicals; nine more repeat others, one is the zero."""
    wanted = ideographs.level_3()
    assert len(wanted) == len(set(wanted)) == 87_887 + 228 + 9 + 1
    lost = [c for c in wanted if not any(glyphs.family_of(c, chain) for chain in glyphs.FONT_CHAINS)]
    assert lost == []


def test_every_hard_name_is_drawn_and_read_back_or_reported() -> None:
    names = [hard.name for hard in specimens.hard_names()]
    refused = {name for name in names if glyphs.unprintable({"name": name})}
    assert refused == {"谢\U0002ebf0"}
    printed = [name for name in names if name not in refused]
    rows = "".join(f"<p>{name}</p>" for name in printed)
    html = f"<!doctype html><html lang='zh-CN'><body>{rows}</body></html>"
    pdf = rendering.pdf_of(html, rendering.style_sheet("claim_form") + "body { font-family: var(--kai) }", {})
    read = "".join("".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    # Two codes that share one picture share one entry in the PDF's text.
    assert [
        name for name in names if name not in refused and characters.plain(name) not in characters.plain(read)
    ] == []


def test_the_measurement_sees_a_blank_a_box_and_another_character() -> None:
    """What the fonts draw is right, so the measurement itself is shown something wrong."""
    assert [fault.why for fault in characters.faults(["\U0002ebf0"])] == ["a box, which the renderer refused"] * 2
    seen = characters.Seen("A", 0, 0, 0.0, 40.0)
    white = characters.Image.new("L", (200, 200), 255)
    assert characters._picture_fault("刘", seen, "kai", [white]) == "the page shows a blank"
    other = characters.drawn_by_freetype("伟", "kai", white.size, (0.0, 40.0 * characters.DPI / 72))
    assert "another picture" in characters._picture_fault("刘", seen, "kai", [other])
    assert characters._picture_fault("伟", seen, "kai", [other]) == ""
