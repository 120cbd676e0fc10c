"""What is made of an issued paper beside it: the English twin, the duplicate, the paper issued again, its portrait."""

from __future__ import annotations

import io

import pypdf
import pytest
from PIL import Image

from edu_pilot.extensions import read, write
from edu_pilot.models import Document
from edu_pilot.services import documents, outbox, papers, verification
from edu_pilot.services.actors import OPERATOR, student
from edu_pilot.services.cases import NotFound
from edu_pilot.workflow.reasons import Forbidden, Refused
from tests.factories import GRADUATED, SIGN_UP, Pilot, on, rows
from tests.people import LIU_WEI, staff

pytestmark = pytest.mark.usefixtures("renderer")

DOCUMENT = Document.__table__
TWINS = (documents.translation, documents.duplicate)


def words(pdf: bytes) -> str:
    return "".join("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())


def a_portrait() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (295, 413), (180, 200, 220)).save(target, "JPEG")
    return target.getvalue()


def number_of(kind: str) -> str:
    return str(rows("document", kind=kind)[-1]["number"])


def qr_of(pdf: bytes) -> bytes:
    """Give the pixels of the only picture of a paper."""
    (found,) = pypdf.PdfReader(io.BytesIO(pdf)).pages[0].images
    assert found.image
    return found.image.tobytes()


def test_the_translation_says_the_same_in_english_under_the_same_number_and_code(pilot: Pilot) -> None:
    pilot.admitted()
    number = number_of("admission_notice")
    original, twin = documents.content(number, OPERATOR), documents.translation(number, OPERATOR)
    text = words(twin)
    for said in (f"TranslationofNo.{number}", "以中文原件为准", "NoticeofAdmission", "刘伟", "1September2022"):
        assert said in text, said
    assert all(said in text for said in ("Qihe", "Juniorcollege", "E-commerce", LIU_WEI.id_number))
    assert "同学" not in text and "同学" in words(original)
    assert qr_of(twin) == qr_of(original)


@pytest.mark.parametrize("made", TWINS)
def test_a_twin_is_neither_sealed_nor_kept(pilot: Pilot, made: object) -> None:
    """R2.9: whoever is handed the file alone learns from it that its QR code is what counts."""
    assert callable(made)
    pilot.registered()
    outbox.drain(task="render")
    before = rows("document")
    assert verification.by_file(made(number_of("registration_form"), OPERATOR)).result == "unknown"
    assert rows("document") == before


def test_a_duplicate_bears_its_mark_and_is_else_the_paper(pilot: Pilot) -> None:
    pilot.registered()
    number = number_of("registration_form")
    original, twin = words(documents.content(number, OPERATOR)), words(documents.duplicate(number, OPERATOR))
    assert "副本" in twin and "副本" not in original
    assert twin.replace("副本", "").replace("·", "") == original.replace("·", "")


@pytest.mark.parametrize("made", TWINS)
def test_who_may_not_open_a_paper_gets_no_twin_of_it(pilot: Pilot, made: object) -> None:
    assert callable(made)
    pilot.registered()
    number = number_of("registration_form")
    assert made(number, student(rows("application")[0]["id_index"])).startswith(b"%PDF")
    with pytest.raises(NotFound):
        made(number, staff("decheng.clerk"))
    with pytest.raises(Forbidden):
        made(number, staff("sun.li"))


@pytest.mark.parametrize("made", TWINS)
def test_a_revoked_paper_gets_no_twin(pilot: Pilot, made: object) -> None:
    assert callable(made)
    pilot.registered()
    with write() as conn:
        conn.execute(DOCUMENT.update().values(voided_at=rows("audit_entry")[0]["at"]))
    with pytest.raises(Refused) as caught:
        made(number_of("registration_form"), OPERATOR)
    assert caught.value.reasons[0].code == "revoked"


def test_a_paper_issued_again_says_so(pilot: Pilot) -> None:
    application = pilot.registered()
    pilot.act("application", application, "reissue_form", pilot.wang_fang, SIGN_UP)
    with read() as conn:
        marks = [documents.frozen(conn, number=row["number"]).context["copy_mark"] for row in rows("document")]
    assert sorted(marks) == ["", "补发"]
    assert "补发" in words(documents.content(number_of("registration_form"), OPERATOR))


def test_the_certificate_bears_the_portrait_that_was_handed_in(pilot: Pilot) -> None:
    study = pilot.graduated()
    application = rows("application")[0]["reference"]
    with on(GRADUATED):
        papers.add("application", application, "portrait", a_portrait(), pilot.wang_fang)
    pilot.certified(study)
    pilot.act("study", study, "issue_double_certificate", pilot.chen_hui, GRADUATED)
    pdf = documents.content(number_of("completion_certificate"), OPERATOR)
    assert pdf.count(b"/DCTDecode") == 1
