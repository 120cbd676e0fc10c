"""Whoever the person is: two readers find on the paper exactly what was frozen, whole and in the forms' spelling."""

from __future__ import annotations

import io
import itertools
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pypdf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edu_pilot.extensions import read
from edu_pilot.rules.identity import id_checksum
from edu_pilot.services import documents, rendering, wording
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import by_reference
from edu_pilot.services.specimens import CONTEXTS, QR
from edu_pilot.services.vault import vault
from tests.documents.test_pictures import faults
from tests.factories import SIGN_UP, Pilot, on
from tests.people import worker

COMMON_HAN = st.integers(0x4E00, 0x9FA5).map(chr)
# Extension B and later, where real names live too.
RARE_HAN = st.sampled_from("𠮷𡈽𢀖𣏌𤭢𥔎𦈱𧒽𨭎𩸽𪚥𫍯𬱖")
NAMES = st.one_of(
    st.text(COMMON_HAN, min_size=2, max_size=4),
    st.lists(st.text(COMMON_HAN, min_size=2, max_size=8), min_size=2, max_size=5).map("·".join),
    st.builds(lambda plain, rare: plain + rare, st.text(COMMON_HAN, min_size=1, max_size=2), RARE_HAN),
)
DAYS = st.dates(date(1965, 1, 1), date(2031, 12, 31)).map(date.isoformat)
AMOUNTS = st.integers(1, 10_000_000)
TEXTS = st.text(COMMON_HAN, min_size=2, max_size=40)
DIGITS = st.integers(10**17, 10**18 - 1).map(str)
BORN = st.integers(0, 15_000).map(lambda days: date(1963, 1, 1) + timedelta(days))
ID_NUMBERS = st.builds(lambda born, serial: _id(born, serial), BORN, st.integers(1, 999))
PHONES = st.integers(13_000_000_000, 19_999_999_999).map(str)
# What stands in each field of a paper, by the field's name.
FIELDS = {
    "name": NAMES, "account_holder": NAMES, "id_number": ID_NUMBERS, "phone": PHONES,
    "payable_fen": AMOUNTS, "cap_fen": AMOUNTS, "employer": TEXTS, "previous_school": TEXTS, "note": TEXTS,
    "diploma_number": DIGITS, "issued_on": DAYS, "diploma_on": DAYS, "birth_on": DAYS, "submitted_on": DAYS,
    "answer_until": DAYS,
}  # fmt: skip
# A failing example is told as it was drawn: a smaller one would cost a hundred renderings.
RANDOM = partial(
    settings,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NEXT = itertools.count(100)
NO_PHONE = {"admission_notice", "refusal_notice", "completion_certificate"}
KINDS = sorted(set(CONTEXTS) - {"door_list", "public_notice", "payment_list"})


def _id(born: date, serial: int) -> str:
    body = f"371425{born:%Y%m%d}{serial:03d}"
    return body + id_checksum(body)


def fields_of(kind: str) -> dict[str, st.SearchStrategy[Any]]:
    """Give the fields that a kind prints."""
    printed = {field: values for field, values in FIELDS.items() if CONTEXTS[kind].get(field)}
    return {field: values for field, values in printed.items() if field != "phone" or kind not in NO_PHONE}


def squeezed(text: str) -> str:
    return "".join(text.split())


def by_pypdf(pdf: bytes) -> str:
    return squeezed("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages))


def by_poppler(pdf: bytes) -> str:
    told = subprocess.run(["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True).stdout
    return squeezed(told.decode())


READERS = (by_pypdf, by_poppler)


def spellings(kind: str, field: str, value: Any) -> list[str]:
    """Give every spelling of a value that must stand on the paper, each as a whole."""
    if field.endswith("_fen"):
        return [wording.yuan(value), "人民币" + wording.capitals(value)]
    if field == "issued_on" and kind == "completion_certificate":
        return [wording.date_capitals(value)]
    if field.endswith(("_on", "_until")):
        return [wording.date_zh(value)]
    return [squeezed(wording.grouped_id(value)) if field == "id_number" else value]


@RANDOM(max_examples=12)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_two_readers_find_what_was_frozen_whoever_it_is(kind: str, data: st.DataObject) -> None:
    """R2.4, R5.4: the name, the number, the days and the sums, each as the forms write it; nothing on anything else."""
    drawn = {field: data.draw(values, field) for field, values in fields_of(kind).items()}
    pdf = rendering.render(kind, CONTEXTS[kind] | drawn, QR)
    wanted = [said for field, value in drawn.items() for said in spellings(kind, field, value)]
    for reader in READERS:
        text = reader(pdf)
        assert [said for said in wanted if said not in text] == [], reader.__name__
    assert faults(pdf) == []


@RANDOM(max_examples=4)
@given(name=NAMES, employer=TEXTS, school=TEXTS)
def test_the_registration_form_is_the_row_of_the_database(pilot: Pilot, name: str, employer: str, school: str) -> None:
    # Nobody registers twice, however often an example is tried.
    human = replace(worker(next(NEXT)), name=name)
    with on(SIGN_UP):
        reference = pilot.registered(human, employer=employer, previous_school=school)
    with read() as conn:
        record = by_reference(conn, vault(), "application", reference)
        number = documents.of_record(conn, "application", record.id)[-1]["number"]
    row = [record.name, record.id_number, record.phone, record.employer, record.previous_school]
    pdf = documents.content(number, OPERATOR)
    for reader in READERS:
        text = reader(pdf)
        wanted = (*row, wording.date_zh(record.birth_on), number)
        assert [said for said in wanted if said not in text] == [], reader.__name__
