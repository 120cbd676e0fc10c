"""What a person is told: texts for every state, without personal numbers, and a note of who told what."""

from __future__ import annotations

import re
from datetime import date

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import audit, cases, guide, presenting, search, telling
from edu_pilot.services.cases import NotFound
from edu_pilot.services.policies import in_force
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Forbidden, Malformed
from edu_pilot.workflow.registry import Actor
from tests.factories import CARD, CLAIMED, CONFIRMED, SIGN_UP, VERIFIED, Pilot, contents, on, rows
from tests.people import LIU_WEI, staff

TEXTS = [(workflow, lang) for workflow in telling.OF_A_PERSON for lang in ("zh", "en")]
# A text message of three parts holds 200 Chinese characters.
LONGEST = {"zh": 200, "en": 420}


def told(workflow: str, reference: str, actor: Actor, day: date, lang: str = "en") -> dict[str, str]:
    """Give the texts that a clerk finds with a record, by their keys."""
    with on(day), read() as conn:
        shown = presenting.show(conn, search.get(conn, workflow, reference, actor), actor)
        return {message.key: message.text for message in telling.messages(conn, shown, actor, lang)}


@pytest.mark.parametrize(("workflow", "lang"), TEXTS)
def test_every_state_has_its_texts(pilot: Pilot, workflow: str, lang: str) -> None:
    with read() as conn:
        states = set(in_force(conn, SIGN_UP).compiled.definition(workflow).states)
    found = guide.sections(workflow, lang)
    assert set(found) == states
    assert [state for state, section in found.items() if not {"is", "send"} <= set(section.lines)] == []


@pytest.mark.parametrize("workflow", telling.OF_A_PERSON)
def test_both_languages_say_the_same(workflow: str) -> None:
    zh, en = ({s: _kinds(section) for s, section in guide.sections(workflow, lang).items()} for lang in ("zh", "en"))
    assert zh == en


def _kinds(section: guide.Section) -> dict[str, list[list[str]]]:
    """Give what each line of a section needs, but the offices, which a language may name or not."""
    offices = {"office", "office_phone", "union", "union_phone", "site"}
    return {
        key: [sorted(set(guide.PLACEHOLDER.findall(line)) - offices) for line in lines]
        for key, lines in section.lines.items()
        if key != guide.WITH
    }


def test_a_misspelt_line_is_an_error(tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "messages"  # type: ignore[operator]
    folder.mkdir()
    (folder / "claim.zh.txt").write_text("== draft\nsned: x\n", "utf-8")
    monkeypatch.setattr(guide.paths, "templates", lambda: tmp_path)
    with pytest.raises(guide.Unreadable):
        guide.sections.__wrapped__("claim", "zh")


def test_texts_hold_no_number_of_the_person(pilot: Pilot) -> None:
    study = pilot.graduated()
    claim = pilot.submitted(study)
    for workflow, reference in (
        ("study", study),
        ("claim", claim),
        ("application", rows("application")[0]["reference"]),
    ):
        for lang in ("zh", "en"):
            texts = told(workflow, reference, pilot.wang_fang, CLAIMED, lang)
            assert texts
            for text in texts.values():
                assert LIU_WEI.name in text and len(text) <= LONGEST[lang] and "{" not in text
                assert not re.search(f"{LIU_WEI.id_number}|{LIU_WEI.phone}|{CARD}", text)


def test_a_reminder_shows_only_when_there_is_something_to_remind_of(pilot: Pilot) -> None:
    study = pilot.studying()
    assert "send.expiry" not in told("study", study, pilot.wang_fang, CONFIRMED)
    late = told("study", study, pilot.wang_fang, date(2029, 3, 20))
    assert "in 18 months" in late["send.expiry"] and "10 September 2030" in late["send.expiry"]


def test_missing_papers_and_a_correction_are_named(pilot: Pilot) -> None:
    reference = pilot.registered()
    assert "Portrait photo" in told("application", reference, pilot.wang_fang, VERIFIED)["send.papers"]
    given = {"faults": ["ILLEGIBLE", "WORK_NOT_PROVEN"]}
    pilot.act("application", reference, "return_for_correction", pilot.wang_fang, VERIFIED, **given)
    text = told("application", reference, pilot.wang_fang, VERIFIED)["send"]
    assert "The papers are illegible, The migrant work is not proven" in text and "3 August 2022" in text


def test_who_told_what_stands_on_record_and_moves_nothing(pilot: Pilot) -> None:
    reference = pilot.registered()
    before = {name: found for name, found in contents().items() if name not in ("audit_entry", "audit_head")}
    with on(VERIFIED):
        telling.note_told("application", reference, "send.papers", "sms", pilot.wang_fang)
    after = {name: found for name, found in contents().items() if name not in ("audit_entry", "audit_head")}
    assert after == before
    entry = rows("audit_entry", action="tell")[0]
    assert (entry["actor"], entry["from_state"], entry["to_state"]) == ("wang.fang", "registered", "registered")
    assert '"channel":"sms"' in entry["body"] and LIU_WEI.name not in entry["body"]
    with read() as conn:
        assert audit.verify(conn).ok


def test_telling_is_no_hand_laid_on_the_case(pilot: Pilot) -> None:
    study = pilot.graduated()
    with on(CLAIMED):
        telling.note_told("study", study, "send", "wechat", pilot.examiner)
    claim = pilot.claim(study)
    with read() as conn:
        names = cases.by_reference(conn, vault(), "claim", claim).prepared_by.names
    assert "chen.hui" in names and "examiner" not in names


@pytest.mark.parametrize(
    ("actor", "key", "channel", "error"),
    [
        ("wang.fang", "send.nothing", "sms", Malformed),
        ("wang.fang", "send", "pigeon", Malformed),
        ("decheng.clerk", "send", "sms", NotFound),
        ("xu.ning", "send", "sms", Forbidden),
    ],
)
def test_nothing_else_is_noted(pilot: Pilot, actor: str, key: str, channel: str, error: type[Exception]) -> None:
    reference = pilot.registered()
    with on(VERIFIED), pytest.raises(error):
        telling.note_told("application", reference, key, channel, staff(actor))
    assert rows("audit_entry", action="tell") == []
