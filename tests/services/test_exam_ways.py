"""The exam as it really goes: seats, tickets, absence, re-sits, bans, objections (R4.3 to R4.7)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from PIL import Image

from edu_pilot.extensions import read
from edu_pilot.services import documents, outbox, papers
from edu_pilot.services.perform import Done, create
from edu_pilot.workflow.reasons import Refused
from tests.factories import (
    CONFIRMED,
    EXAM,
    SIGN_UP,
    Pilot,
    another_certification,
    certificate_number,
    on,
    row,
    rows,
    state,
)
from tests.people import LIU_WEI, worker

NEXT_EXAM = date(2024, 9, 21)
PUBLISHED = date(2024, 5, 30)
LAST_OBJECTION = date(2024, 6, 6)
ENTRY = date(2024, 5, 6)


class Exams:
    """The examiner's hands: sessions, entries and what becomes of them."""

    def __init__(self, pilot: Pilot) -> None:
        self.pilot = pilot

    def session(self, day: date = EXAM, seats: int = 30, starts: str = "09:00", **changes: Any) -> str:
        """Open a session for what Liu Wei learns."""
        given = {
            "occupation": "ecommerce_specialist", "level": "4", "held_on": day.isoformat(), "starts": starts,
            "site": "齐河县职业中专", "rooms": [{"room": "A101", "seats": seats}],
        } | changes  # fmt: skip
        with on(CONFIRMED):
            reference = create("session", self.pilot.examiner, given).reference
        self.of_session(reference, "open", CONFIRMED)
        return reference

    def of_session(self, session: str, action: str, day: date = EXAM, **given: Any) -> Done:
        """Take a step of a session and let everything follow."""
        done = self.pilot.act("session", session, action, self.pilot.examiner, day, **given)
        self.follow(day)
        return done

    def act(self, certification: str, action: str, day: date = EXAM, **given: Any) -> Done:
        """Take a step of a certification and let everything follow."""
        done = self.pilot.act("certification", certification, action, self.pilot.examiner, day, **given)
        self.follow(day)
        return done

    def follow(self, day: date) -> None:
        with on(day):
            outbox.drain()

    def trained(self, who: Any = LIU_WEI) -> str:
        return self.pilot.trained(self.pilot.studying(who))

    def entered(self, session: str, who: Any = LIU_WEI) -> str:
        reference = self.trained(who)
        self.act(reference, "enter", ENTRY, session=session)
        return reference

    def sat(self, session: str, who: Any = LIU_WEI) -> str:
        reference = self.entered(session, who)
        self.act(reference, "seat", ENTRY)
        self.act(reference, "mark_sat", EXAM)
        return reference

    def failed(self, session: str, theory: str = "75", practical: str = "52") -> str:
        reference = self.sat(session)
        assert self.act(reference, "score", theory=theory, practical=practical).state == "failed"
        return reference

    def resit(self, certification: str, day: date = PUBLISHED) -> str:
        """Plan the re-sit and give its record."""
        self.act(certification, "resit", day)
        return str(rows("certification", previous_id=row("certification", certification)["id"])[0]["reference"])

    def sat_again(self, resit: str, session: str, day: date) -> None:
        self.act(resit, "enter", day, session=session)
        self.act(resit, "seat", day)
        self.act(resit, "mark_sat", day)


@pytest.fixture
def exams(pilot: Pilot) -> Exams:
    return Exams(pilot)


def codes(step: Any, *args: Any, **given: Any) -> list[str]:
    """Give the codes of the reasons that refuse a step."""
    with pytest.raises(Refused) as refusal:
        step(*args, **given)
    return [reason.code for reason in refusal.value.reasons]


def papers_of(workflow: str, reference: str, kind: str) -> list[Mapping[str, Any]]:
    found = rows("document", workflow=workflow, record_id=row(workflow, reference)["id"], kind=kind)
    return sorted(found, key=lambda r: str(r["number"]))


def context(number: str) -> dict[str, Any]:
    with read() as conn:
        return documents.frozen(conn, number=number).context


def test_seat_all_gives_everybody_a_seat_a_ticket_and_one_door_list(exams: Exams) -> None:
    """R4.4: in the order of the references, whoever entered first."""
    session = exams.session()
    candidates = [exams.entered(session, worker(n)) for n in range(3)]
    assert exams.of_session(session, "seat_all", ENTRY).state == "seated"
    assert [row("certification", c)["seat"] for c in candidates] == [1, 2, 3]
    tickets = [papers_of("certification", c, "exam_ticket") for c in candidates]
    assert [len(t) for t in tickets] == [1, 1, 1]
    [door] = papers_of("session", session, "door_list")
    told = context(door["number"])
    assert [line["seat"] for line in told["rooms"][0]["lines"]] == [1, 2, 3]
    assert [line["ticket"] for line in told["rooms"][0]["lines"]] == [
        context(t[0]["number"])["ticket"] for t in tickets
    ]
    assert told["rooms"][0]["lines"][0]["id_tail"] == worker(0).id_number[-4:]
    assert worker(0).id_number not in str(told)


def test_more_candidates_than_seats_are_not_seated(exams: Exams) -> None:
    session = exams.session(seats=1)
    candidates = [exams.entered(session, worker(n)) for n in range(2)]
    assert codes(exams.of_session, session, "seat_all", ENTRY) == ["seats_for_all"]
    assert {state("certification", c) for c in candidates} == {"entered"}


def test_an_empty_session_is_not_seated(exams: Exams) -> None:
    assert codes(exams.of_session, exams.session(), "seat_all", ENTRY) == ["somebody_has_entered"]


def test_edge_11_an_expired_id_card_refuses_the_entry(exams: Exams) -> None:
    """The last day of the card is still a day; without a date it has no end."""
    session, reference = exams.session(), exams.trained()
    given = {"session": session, "id_card_until": "2024-05-17"}
    assert codes(exams.act, reference, "enter", ENTRY, **given) == ["id_card_is_valid"]
    assert state("certification", reference) == "trained"
    assert exams.act(reference, "enter", ENTRY, session=session, id_card_until=EXAM).state == "entered"


def test_edge_32_two_exams_in_one_hour_are_seen_before_the_ticket(exams: Exams) -> None:
    """Refused at entry with the other session; a later one of the day is fine."""
    first = exams.entered(exams.session())
    clash = exams.session(starts="10:30", occupation="online_marketer")
    later = exams.session(starts="14:00", occupation="online_marketer")
    second = another_certification(first, "online_marketer")
    assert codes(exams.act, second, "enter", ENTRY, session=clash) == ["sittings_do_not_overlap"]
    assert state("certification", second) == "planned"
    assert exams.act(second, "enter", ENTRY, session=later).state == "entered"
    assert codes(exams.act, second, "reseat", ENTRY, new_session=clash) == ["new_sitting_does_not_overlap"]


def test_edge_33_cheating_voids_the_sitting_and_bans_to_a_day(exams: Exams) -> None:
    """The ban is refused at entry on its last day and lifted the day after; the study goes on."""
    sitting = exams.sat(exams.session())
    study = rows("study", id=row("certification", sitting)["study_id"])[0]
    exams.act(sitting, "score", theory="90", practical="90")
    exams.act(sitting, "void", PUBLISHED, voiding="CHEATING", note="携带手机")
    assert rows("ban")[0]["until_on"] == date(2025, 5, 30)
    assert [row("certification", sitting)[part] for part in ("theory", "practical")] == [None, None]
    assert state("study", study["reference"]) == study["state"]
    assert codes(exams.act, sitting, "resit", date(2025, 5, 30)) == ["ban_is_over"]
    resit = exams.resit(sitting, date(2025, 5, 31))
    last_day = exams.session(date(2025, 5, 31))
    assert exams.act(resit, "enter", date(2025, 5, 31), session=last_day).state == "entered"


def test_edge_33_a_ban_keeps_from_a_session_within_it(exams: Exams) -> None:
    """Judged on the session's day; a seat taken before is given back."""
    first = exams.sat(exams.session())
    soon = exams.session(NEXT_EXAM, occupation="online_marketer")
    second = another_certification(first, "online_marketer")
    exams.act(second, "enter", ENTRY, session=soon)
    exams.act(second, "seat", ENTRY)
    exams.act(first, "void", EXAM, voiding="IMPERSONATION")
    assert rows("ban")[0]["until_on"] == date(2026, 5, 18)
    assert state("certification", second) == "trained"
    assert row("certification", second)["seat"] is None
    assert papers_of("certification", second, "exam_ticket")[0]["voided_at"] is not None
    assert codes(exams.act, second, "enter", EXAM, session=soon) == ["not_banned"]


def test_impersonation_voids_the_kept_part_too_and_cheating_does_not(exams: Exams) -> None:
    """R4.7: all void against this sitting void."""
    for voiding, kept in (("CHEATING", 75), ("IMPERSONATION", None)):
        who = worker(len(voiding))
        first = exams.sat(exams.session(), who)
        exams.act(first, "score", theory="75", practical="52")
        resit = exams.resit(first)
        exams.sat_again(resit, exams.session(NEXT_EXAM), NEXT_EXAM)
        exams.act(resit, "void", NEXT_EXAM, voiding=voiding)
        assert row("certification", resit)["theory"] == kept


def test_an_irregular_session_bans_nobody_and_uses_no_resit(exams: Exams) -> None:
    sitting = exams.sat(exams.session())
    exams.act(sitting, "void", EXAM, voiding="IRREGULAR_SESSION")
    assert rows("ban") == []
    assert exams.resit(sitting)


def test_edge_34_a_moved_candidate_has_one_valid_ticket_and_stands_on_the_newest_list(exams: Exams) -> None:
    """The old ticket is void by its code, the lists of both sessions are made anew."""
    old, new = exams.session(), exams.session(NEXT_EXAM)
    moved, stays = exams.entered(old), exams.entered(old, worker(1))
    other = exams.entered(new, worker(2))
    for session in (old, new):
        exams.of_session(session, "seat_all", ENTRY)
    exams.act(moved, "reseat", ENTRY, new_session=new)
    before, after = papers_of("certification", moved, "exam_ticket")
    assert before["voided_at"] is not None and after["voided_at"] is None
    assert (context(before["number"])["version"], context(after["number"])["version"]) == (1, 2)
    assert context(after["number"])["session"] == new
    newest = [[d for d in papers_of("session", s, "door_list") if d["voided_at"] is None] for s in (old, new)]
    tickets = [[line["ticket"] for line in context(n[0]["number"])["rooms"][0]["lines"]] for n in newest]
    assert [len(n) for n in newest] == [1, 1]
    assert tickets == [[ticket(stays)], sorted([ticket(other), ticket(moved)], key=lambda t: t != ticket(other))]


def ticket(certification: str) -> str:
    """Give the number of the newest ticket."""
    return str(context(papers_of("certification", certification, "exam_ticket")[-1]["number"])["ticket"])


def test_who_leaves_a_seated_session_stands_on_its_list_no_more(exams: Exams) -> None:
    """R4.4: the seat is free, the ticket void, and the door list made anew."""
    session = exams.session()
    leaves, stays = exams.entered(session), exams.entered(session, worker(1))
    exams.of_session(session, "seat_all", ENTRY)
    assert exams.act(leaves, "leave_session", ENTRY).state == "trained"
    old, new = papers_of("session", session, "door_list")
    assert old["voided_at"] is not None and new["voided_at"] is None
    assert [line["ticket"] for line in context(new["number"])["rooms"][0]["lines"]] == [ticket(stays)]
    assert papers_of("certification", leaves, "exam_ticket")[0]["voided_at"] is not None


def test_who_moves_before_having_a_seat_gets_no_ticket_yet(exams: Exams) -> None:
    moved = exams.entered(exams.session())
    assert exams.act(moved, "reseat", ENTRY, new_session=exams.session(NEXT_EXAM)).state == "entered"
    assert papers_of("certification", moved, "exam_ticket") == []


def test_nobody_moves_into_a_full_session(exams: Exams) -> None:
    full = exams.session(NEXT_EXAM, seats=1)
    exams.act(exams.entered(full, worker(1)), "seat", ENTRY)
    moved = exams.entered(exams.session())
    assert codes(exams.act, moved, "reseat", ENTRY, new_session=full) == ["new_session_has_a_seat"]


def test_edge_35_the_passed_part_is_kept_and_only_the_other_is_sat(exams: Exams) -> None:
    """The re-sit carries mark and day; a mark for the kept part is refused."""
    first = exams.failed(exams.session())
    resit = exams.resit(first)
    carried = row("certification", resit)
    assert (carried["attempt"], carried["theory"], carried["theory_on"]) == (2, 75, EXAM)
    assert (carried["practical"], carried["previous_id"]) == (None, row("certification", first)["id"])
    exams.sat_again(resit, exams.session(NEXT_EXAM), NEXT_EXAM)
    given = {"theory": "80", "practical": "70"}
    assert codes(exams.act, resit, "score", NEXT_EXAM, **given) == ["part_is_kept"]
    assert exams.act(resit, "score", NEXT_EXAM, practical="70").state == "passed"
    scored = row("certification", resit)
    assert (scored["theory"], scored["theory_on"], scored["practical_on"]) == (75, EXAM, NEXT_EXAM)


@pytest.mark.parametrize(("day", "asked"), [(date(2025, 5, 18), []), (date(2025, 5, 19), ["theory"])])
def test_edge_35_after_the_last_day_both_parts_are_sat_again(exams: Exams, day: date, asked: list[str]) -> None:
    """Twelve months to the day, judged on the day of the session."""
    resit = exams.resit(exams.failed(exams.session()))
    exams.sat_again(resit, exams.session(day), day)
    if not asked:
        assert exams.act(resit, "score", day, practical="70").state == "passed"
        return
    assert codes(exams.act, resit, "score", day, practical="70") == ["marks_are_sound"]
    assert exams.act(resit, "score", day, practical="70", theory="10").state == "failed"
    assert row("certification", resit)["theory_on"] == day


def test_absent_is_not_failed_and_uses_no_sitting(exams: Exams) -> None:
    """R4.3: after two absences three sittings are still there; after them none."""
    reference = exams.trained()
    for month in (1, 2):
        session = exams.session(date(2025, month, 11))
        exams.act(reference, "enter", date(2025, month, 11), session=session)
        exams.act(reference, "seat", date(2025, month, 11))
        assert exams.act(reference, "mark_absent", date(2025, month, 11)).state == "absent"
        reference = exams.resit(reference, date(2025, month, 12))
    for month in (3, 4, 5):
        day = date(2025, month, 11)
        exams.sat_again(reference, exams.session(day), day)
        exams.act(reference, "score", day, theory="10", practical="10")
        if month < 5:
            reference = exams.resit(reference, day)
    assert codes(exams.act, reference, "resit", date(2025, 5, 12)) == ["resits_left"]


def test_one_resit_follows_one_attempt(exams: Exams) -> None:
    first = exams.failed(exams.session())
    exams.resit(first)
    assert codes(exams.act, first, "resit", PUBLISHED) == ["resit_not_planned"]


def test_edge_36_a_certificate_number_sound_in_form_is_taken_at_once(exams: Exams) -> None:
    """No national query stands between the list of the body and the record."""
    sitting = exams.sat(exams.session())
    exams.act(sitting, "score", theory="75", practical="81")
    day = date(2024, 6, 28)
    given = {"certificate_number": certificate_number("4", sitting), "certified_on": day}
    assert exams.act(sitting, "certify", day, **given).state == "certified"


def published(exams: Exams, theory: str = "75", practical: str = "52") -> tuple[str, str]:
    """Publish a session with one candidate; give the session and the certification."""
    session = exams.session()
    reference = exams.entered(session)
    exams.of_session(session, "seat_all", ENTRY)
    exams.act(reference, "mark_sat")
    exams.of_session(session, "hold")
    exams.act(reference, "score", theory=theory, practical=practical)
    exams.of_session(session, "score_all")
    exams.of_session(session, "publish", PUBLISHED)
    return session, reference


def test_publication_sends_everybody_the_scores_with_the_last_day_of_objection(exams: Exams) -> None:
    """R4.5: five working days after the day of publication."""
    session, reference = published(exams)
    assert row("session", session)["published_on"] == PUBLISHED
    [notice] = papers_of("certification", reference, "score_notice")
    told = context(notice["number"])
    assert (told["objection_until"], told["pass_mark"]) == (LAST_OBJECTION.isoformat(), 60)
    assert [(p["mark"], p["kept_until"]) for p in told["parts"]] == [(75, "2025-05-18"), (52, "")]


def test_an_objection_in_time_is_added_again_once(exams: Exams) -> None:
    """R4.5: re-adding only; a re-sit planned meanwhile falls away, the old notice is void."""
    _, reference = published(exams)
    clerk = ("certification", reference, "object_to_score", exams.pilot.wang_fang)
    exams.pilot.act(*clerk, LAST_OBJECTION, note="请复核实操成绩")
    assert codes(exams.pilot.act, *clerk, LAST_OBJECTION) == ["not_objected_yet"]
    resit = exams.resit(reference, LAST_OBJECTION)
    assert exams.act(reference, "readd", LAST_OBJECTION, theory="75", practical="62").state == "passed"
    assert codes(exams.act, reference, "readd", LAST_OBJECTION, theory="75", practical="62") == ["objection_is_open"]
    assert state("certification", resit) == "withdrawn"
    before, after = papers_of("certification", reference, "score_notice")
    assert before["voided_at"] is not None and after["voided_at"] is None
    assert context(after["number"])["readded_on"] == LAST_OBJECTION.isoformat()


def test_an_objection_too_late_or_too_early_is_refused(exams: Exams) -> None:
    _, reference = published(exams)
    clerk = ("certification", reference, "object_to_score", exams.pilot.wang_fang)
    assert codes(exams.pilot.act, *clerk, date(2024, 6, 7)) == ["objection_in_time"]
    early = exams.sat(exams.session(), worker(1))
    exams.act(early, "score", theory="75", practical="52")
    step = ("certification", early, "object_to_score", exams.pilot.wang_fang)
    assert codes(exams.pilot.act, *step, EXAM) == ["scores_are_published"]
    assert row("certification", early)["objection_on"] is None


def test_a_certificate_waits_for_the_open_objection(exams: Exams) -> None:
    _, reference = published(exams, practical="61")
    exams.pilot.act("certification", reference, "object_to_score", exams.pilot.wang_fang, PUBLISHED)
    given = {"certificate_number": certificate_number("4", reference), "certified_on": PUBLISHED}
    assert codes(exams.act, reference, "certify", PUBLISHED, **given) == ["no_objection_is_open"]


def test_scores_are_not_published_before_everybody_has_them(exams: Exams) -> None:
    session = exams.session()
    reference = exams.entered(session)
    exams.of_session(session, "seat_all", ENTRY)
    exams.of_session(session, "hold")
    assert codes(exams.of_session, session, "score_all") == ["all_candidates_scored"]
    exams.act(reference, "mark_absent")
    assert exams.of_session(session, "score_all").state == "scored"
    assert exams.of_session(session, "publish", PUBLISHED).state == "published"
    assert papers_of("certification", reference, "score_notice") == []


def test_a_cancelled_session_frees_its_candidates(exams: Exams) -> None:
    """Seated and entered ones; their tickets are void and another session is open to them."""
    session = exams.session()
    seated, waiting = exams.entered(session), exams.entered(session, worker(1))
    exams.act(seated, "seat", ENTRY)
    assert exams.of_session(session, "cancel", ENTRY, cancellation="SITE_NOT_AVAILABLE").state == "cancelled"
    assert [state("certification", c) for c in (seated, waiting)] == ["trained", "trained"]
    assert row("certification", seated)["session_id"] is None
    assert papers_of("certification", seated, "exam_ticket")[0]["voided_at"] is not None
    assert exams.act(seated, "enter", ENTRY, session=exams.session(NEXT_EXAM)).state == "entered"


def test_a_session_is_not_held_while_somebody_has_no_seat(exams: Exams) -> None:
    """Who moves in late without a seat is seated, and the door list follows; or leaves."""
    session = exams.session()
    exams.entered(session)
    exams.of_session(session, "seat_all", ENTRY)
    late = exams.entered(exams.session(NEXT_EXAM), worker(1))
    exams.act(late, "reseat", ENTRY, new_session=session)
    assert codes(exams.of_session, session, "hold") == ["everybody_is_seated"]
    exams.act(late, "seat", ENTRY)
    assert [d["voided_at"] is None for d in papers_of("session", session, "door_list")] == [False, True]
    assert exams.of_session(session, "hold").state == "held"


def test_the_ticket_shows_the_portrait_of_the_application_once(exams: Exams) -> None:
    """R4.4: a small picture of our own making; the place stays empty where only a PDF was handed in."""
    study = exams.pilot.studying()
    application = rows("application", id=row("study", study)["application_id"])[0]["reference"]
    picture = io.BytesIO()
    Image.new("RGB", (900, 1200), (180, 200, 220)).save(picture, "JPEG")
    with on(SIGN_UP):
        papers.add("application", application, "portrait", picture.getvalue(), exams.pilot.wang_fang)
    reference = exams.pilot.trained(study)
    exams.act(reference, "enter", ENTRY, session=exams.session())
    exams.act(reference, "seat", ENTRY)
    [ticket_row] = papers_of("certification", reference, "exam_ticket")
    pdf = documents.render(ticket_row["number"])
    assert pdf.count(b"/DCTDecode") == 1
    assert documents.render(ticket_row["number"]) == pdf


@pytest.mark.parametrize(
    ("occupation", "kind"), [("welder", "skill_level"), ("junior_accountant", "title"), ("x_ecommerce_data", "x1")]
)
def test_every_kind_goes_the_same_way(exams: Exams, occupation: str, kind: str) -> None:
    """R4.2: skill level, professional title and 1+X; the ticket names the kind."""
    level = "4" if kind == "skill_level" else "3"
    reference = another_certification(exams.trained(), occupation, kind, level)
    exams.sat_again(reference, exams.session(occupation=occupation, level=level), EXAM)
    assert exams.act(reference, "score", theory="60", practical="60").state == "passed"
    given = {"certificate_number": certificate_number(level, reference), "certified_on": date(2024, 6, 28)}
    assert exams.act(reference, "certify", date(2024, 6, 28), **given).state == "certified"
    [paper] = papers_of("certification", reference, "exam_ticket")
    assert context(paper["number"])["kind_en"] in ("Skill level certificate", "Professional title", "1+X certificate")
