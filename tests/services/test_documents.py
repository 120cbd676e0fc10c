"""Papers: numbered and frozen in the step's commit, rendered after it, provable for ever."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pdfplumber
import pypdf
import pytest
from flask import Flask

from edu_pilot.extensions import read, write
from edu_pilot.models import Document
from edu_pilot.services import documents, outbox, proof, store, verification
from edu_pilot.services.actors import OPERATOR, student
from edu_pilot.services.cases import NotFound
from edu_pilot.services.vault import vault
from edu_pilot.services.wording import capitals, grouped
from edu_pilot.workflow.reasons import Forbidden, Refused
from tests.factories import (
    ADMITTED,
    CLAIMED,
    GRADUATED,
    SIGN_UP,
    Pilot,
    case,
    on,
    publish_places,
    receipt,
    rows,
)
from tests.people import LIU_WEI, QIHE, STAFF, staff, worker

pytestmark = pytest.mark.usefixtures("renderer")

DOCUMENT = Document.__table__


def rendered(kind: str) -> bytes:
    """Carry out the rendering that waits and give the bytes of the only document of a kind."""
    outbox.drain(task="render")
    return documents.render(rows("document", kind=kind)[0]["number"])


def by_pypdf(pdf: bytes) -> str:
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def by_pdfplumber(pdf: bytes) -> str:
    with pdfplumber.open(io.BytesIO(pdf)) as opened:
        return "".join(page.extract_text() for page in opened.pages)


def squeezed(text: str) -> str:
    """Give a text without blanks: where a line breaks is the renderer's affair."""
    return re.sub(r"\s", "", text)


def test_numbers_of_a_kind_have_no_gap(any_pilot: Pilot) -> None:
    """A refused step between two gives its number back."""
    for n in range(4):
        any_pilot.registered(worker(n))
        with pytest.raises(Refused):
            any_pilot.registered(worker(n))
    numbers = sorted(d["number"] for d in rows("document"))
    assert numbers == [f"BM2207-{n:06d}" for n in range(1, 5)]


def test_who_stands_on_the_waiting_list_gets_no_notice(pilot: Pilot) -> None:
    """R3.4: the admission notice is for the admitted."""
    publish_places(1, day=SIGN_UP)
    for n in range(2):
        pilot.admit(pilot.verified(worker(n)))
    assert len(rows("document", kind="admission_notice")) == 1


def expected_of_the_application(reference: str) -> list[str]:
    record = case("application", reference)
    return [record.name, record.employer, "电子商务", "齐河县", "高中"]


@pytest.mark.parametrize("text_of", [by_pypdf, by_pdfplumber])
def test_the_registration_form_says_what_the_database_says(pilot: Pilot, text_of: object) -> None:
    """R3.1: name, number, phone, county, point, major and the query code."""
    with on(SIGN_UP):
        application = pilot.registered()
    with read() as conn:
        from_database = documents.frozen(conn, kind="registration_form")
    text = squeezed(text_of(rendered("registration_form")))  # type: ignore[operator]
    number = from_database.row["number"]
    assert all(word in text for word in expected_of_the_application(application))
    assert number in text
    assert from_database.context["query_code"] in text
    assert re.fullmatch(r"\w{4}-\w{4}-\w{4}", from_database.context["query_code"])
    assert LIU_WEI.id_number in text
    assert LIU_WEI.phone in text


@pytest.mark.parametrize("text_of", [by_pypdf, by_pdfplumber])
def test_the_admission_notice_says_what_the_database_says(pilot: Pilot, text_of: object) -> None:
    """R3.4."""
    application = pilot.admitted()
    text = squeezed(text_of(rendered("admission_notice")))  # type: ignore[operator]
    record = rows("application", reference=application)[0]
    assert record["name"] in text
    assert "电子商务" in text
    assert rows("document", kind="admission_notice")[0]["number"] in text
    assert "2022年8月15日" in text


@pytest.mark.parametrize("text_of", [by_pypdf, by_pdfplumber])
def test_the_completion_certificate_shows_both_certificates(pilot: Pilot, text_of: object) -> None:
    """R3.9: diploma and skill certificate, with their numbers and dates."""
    study = pilot.graduated()
    certification = pilot.certified(study)
    pilot.act("study", study, "issue_double_certificate", pilot.chen_hui, GRADUATED)
    text = squeezed(text_of(rendered("completion_certificate")))  # type: ignore[operator]
    record = rows("study", reference=study)[0]
    skill = rows("certification", reference=certification)[0]
    assert record["diploma_number"] in text
    assert record["student_number"] in text
    assert skill["certificate_number"] in text
    assert "电子商务师" in text
    assert "刘伟" in text


@pytest.mark.parametrize("text_of", [by_pypdf, by_pdfplumber])
def test_the_claim_form_reckons_line_by_line(pilot: Pilot, text_of: object) -> None:
    """R5.4: every line of the sum, and the amount in Chinese capitals."""
    study = pilot.graduated()
    paid = [receipt("1", amount_fen=300_000), receipt("2", amount_fen=120_000)]
    employer = receipt("3", "齐河建筑安装有限公司", amount_fen=50_000)
    pilot.submitted(study, receipts=[*paid, employer], other_money_fen=20_000)
    text = squeezed(text_of(rendered("claim_form")))  # type: ignore[operator]
    for amount in ("4,700.00", "500.00", "4,200.00", "200.00", "4,000.00"):
        assert amount in text
    assert capitals(400_000) in text
    assert "肆仟元整" in text
    assert rows("receipt", number="1".zfill(20))[0]["number"] in text


def test_each_document_is_a4_and_counts_its_pages(pilot: Pilot) -> None:
    pilot.registered()
    pages = pypdf.PdfReader(io.BytesIO(rendered("registration_form"))).pages
    assert [(round(p.mediabox.width), round(p.mediabox.height)) for p in pages] == [(595, 842)] * len(pages)


def test_a_document_is_rendered_once_and_kept(pilot: Pilot) -> None:
    pilot.registered()
    first = rendered("registration_form")
    kept = rows("document")[0]
    assert store.store().get(kept["store_key"]) == first == documents.render(kept["number"])
    assert kept["template_version"]
    assert kept["renderer"]
    assert outbox.drain(task="render") == 0


def test_a_document_rendered_again_is_the_same_to_the_byte(pilot: Pilot) -> None:
    pilot.registered()
    kept = rendered("registration_form")
    with read() as conn:
        again = documents.made_of(documents.frozen(conn, kind="registration_form")).content
    assert again == kept


def test_a_moved_installation_draws_the_same_bytes(pilot: Pilot, app: Flask) -> None:
    """The address in the QR code and the key's name are frozen with the rest."""
    pilot.registered()
    kept = rendered("registration_form")
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], base_url="https://moved.example")
    with read() as conn:
        document = documents.frozen(conn, kind="registration_form")
    assert document.context["base_url"].startswith("http://127.0.0.1")
    assert document.context["key_id"] == proof.key_id(vault().public_key)
    assert documents.made_of(document).content == kept


READERS = {
    "registration_form": {"wang.fang", "chen.hui"},
    "admission_notice": {"wang.fang", "chen.hui", "zhao.min", "sun.li"},
    "completion_certificate": {"wang.fang", "chen.hui", "zhao.min", "sun.li"},
    "claim_form": {"wang.fang", "zhao.min", "sun.li", "arbiter", "he.jun", "releaser"},
    "exam_ticket": {"wang.fang", "examiner"},
}


def test_r2_9_a_paper_is_opened_only_by_the_roles_it_is_for(pilot: Pilot) -> None:
    """The content holds full ID numbers; the operator administers, every other role is refused."""
    study = pilot.graduated()
    pilot.certified(study)
    pilot.act("study", study, "issue_double_certificate", pilot.chen_hui, GRADUATED)
    pilot.submitted(study)
    numbers = {document["kind"]: document["number"] for document in rows("document")}
    assert set(numbers) == set(READERS)
    person = student(rows("person")[0]["id_index"])
    for kind, number in numbers.items():
        assert documents.content(number, OPERATOR) == documents.content(number, person)
        for member in STAFF:
            if member.county not in (None, QIHE):
                with pytest.raises(NotFound):
                    documents.content(number, staff(member.account))
            elif member.account.removesuffix(".colleague") in READERS[kind]:
                assert documents.content(number, staff(member.account)).startswith(b"%PDF")
            else:
                with pytest.raises(Forbidden) as caught:
                    documents.content(number, staff(member.account))
                assert caught.value.reasons[0].code == "role_missing"


def test_what_a_document_says_is_frozen(pilot: Pilot) -> None:
    """A later change of the record does not reach a paper that is issued already."""
    application = pilot.registered()
    step = ("application", application, "return_for_correction", pilot.chen_hui, SIGN_UP)
    pilot.act(*step, faults=["NAME_DIFFERS"])
    pilot.act("application", application, "amend", pilot.wang_fang, SIGN_UP, new_name="刘玮")
    text = squeezed(by_pypdf(rendered("registration_form")))
    assert "刘伟" in text
    assert "刘玮" not in text


def test_a_character_nobody_can_draw_is_kept_as_a_problem(pilot: Pilot) -> None:
    """R2.4: reported, never printed as a box; the step itself is taken."""
    pilot.registered(employer="齐河\U0002ebf0公司")
    outbox.drain(task="render")
    problem = rows("document")[0]
    assert problem["store_key"] is None
    assert "U+2EBF0" in problem["problem"]
    with read() as conn:
        assert [r["task"] for r in outbox.refused(conn)] == ["render"]


@pytest.fixture
def notice(pilot: Pilot) -> bytes:
    """Give Liu Wei's admission notice."""
    pilot.admitted()
    return rendered("admission_notice")


def test_a_genuine_file_is_proved_with_and_without_the_database(notice: bytes) -> None:
    for found in (verification.by_file(notice), verification.by_key(notice, vault().public_key)):
        assert (found.result, found.kind) == ("genuine", "admission_notice")
        assert found.content is not None
        assert found.content["holder"] == "刘伟"
        assert found.content["id_tail"] == LIU_WEI.id_number[-4:]
        assert found.content["issued_on"] == ADMITTED.isoformat()


def test_one_flipped_bit_is_altered(notice: bytes) -> None:
    for at in range(0, len(notice), len(notice) // 40):
        changed = notice[:at] + bytes([notice[at] ^ 1]) + notice[at + 1 :]
        assert verification.by_file(changed).result == "altered"
        assert verification.by_key(changed, vault().public_key).result == "altered"


def test_a_file_of_another_key_is_altered(notice: bytes) -> None:
    from_elsewhere = verification.by_key(notice, bytes.fromhex("d7" * 32))
    assert from_elsewhere.result in ("altered", "unknown")
    assert from_elsewhere.content is None


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"not a paper at all"])
def test_a_strange_file_is_unknown(pilot: Pilot, content: bytes) -> None:
    assert verification.by_file(content).result == "unknown"


def test_the_printed_code_finds_the_paper(notice: bytes) -> None:
    code = grouped(rows("document", kind="admission_notice")[0]["code"])
    for typed in (code, code.lower(), code.replace("-", " ")):
        found = verification.by_code(typed)
        assert (found.result, found.kind) == ("genuine", "admission_notice")


@pytest.mark.parametrize("code", ["", "-", "ABCD-EFGH-JKLM-NPQR", "x" * 500, "刘伟", "' OR 1=1 --"])
def test_a_code_nobody_printed_is_unknown(pilot: Pilot, code: str) -> None:
    pilot.registered()
    assert verification.by_code(code).result == "unknown"


def test_a_voided_paper_is_revoked(notice: bytes) -> None:
    number = rows("document", kind="admission_notice")[0]["number"]
    with write() as conn:
        voided = rows("audit_entry")[0]["at"]
        conn.execute(DOCUMENT.update().where(DOCUMENT.c.number == number).values(voided_at=voided))
    found = verification.by_file(notice)
    assert (found.result, found.number) == ("revoked", number)
    assert found.revoked_at == voided.isoformat()
    assert verification.by_code(rows("document", number=number)[0]["code"]).result == "revoked"


def test_a_genuine_number_on_other_bytes_is_altered(pilot: Pilot, notice: bytes) -> None:
    """Even a file sealed by our own key is not the one that was kept."""
    with read() as conn:
        kept = documents.frozen(conn, kind="admission_notice")
    other = documents.Frozen(kept.row, {**kept.context, "point_phone": "0534-1234567"})
    forged = documents.made_of(other).content
    assert forged != notice
    assert verification.by_key(forged, vault().public_key).result == "genuine"
    assert verification.by_file(forged).result == "altered"


def test_the_content_stands_in_the_database_only_sealed(pilot: Pilot) -> None:
    """R2.9."""
    pilot.registered()
    sealed = rows("document")[0]["context"]
    assert LIU_WEI.name.encode() not in sealed
    assert LIU_WEI.id_number.encode() not in sealed


def test_a_student_with_a_claim_has_five_papers(pilot: Pilot) -> None:
    study = pilot.graduated()
    pilot.certified(study)
    pilot.act("study", study, "issue_double_certificate", pilot.chen_hui, GRADUATED)
    with on(CLAIMED):
        pilot.submitted(study)
    outbox.drain(task="render")
    kept = rows("document")
    assert len(kept) == 5
    assert all(d["sha256"] for d in kept)
    assert len({d["person_id"] for d in kept}) == 1
