"""G8: numbers are unique and without gaps, however many draw, abort and are killed; and a paper carries its own."""

from __future__ import annotations

import hashlib
import io
import random

import pdfplumber

from edu_pilot.services import documents, store
from tests.app import Place
from tests.factories import Pilot, rows
from tests.people import worker
from tests.trust.figures import column, figure, seed, size
from tests.trust.numbering import counted, drawn, round_of

SAMPLE = {"small": 2, "ci": 20, "release": 100}


def test_numbers_have_neither_doubles_nor_gaps(any_place: Place, any_pilot: Pilot) -> None:
    """R3.5, R5.8: 32 threads in four processes; every tenth step is aborted, whole processes are killed."""
    claims = [any_pilot.approved(any_pilot.graduated(worker(n))) for n in range(2)]
    before = sum(len(numbers) for numbers in drawn().values())
    number, wanted = seed("G8"), size("G8")
    with figure("G8", number, "sqlite" if any_place.url is None else "postgres") as told:
        killed = rounds = new = 0
        while new < wanted:
            # Every other round ends with its processes killed; not every step draws a number.
            dies = rounds % 2 == 0
            steps = max(40, (wanted - new) // 2 if dies else (wanted - new) * 3 // 2)
            killed += round_of(any_place, number + rounds, steps, dies=dies, claims=claims)
            rounds += 1
            found = drawn()
            new = sum(len(numbers) for numbers in found.values()) - before
            told(threads=32, numbers=new, processes_killed=killed, series=len(found))
            doubles = sum(len(numbers) - len(set(numbers)) for numbers in found.values())
            gaps = {name: last - len(set(found[name])) for name, last in counted().items() if name in found}
            told(doubles=doubles, gaps=sum(gaps.values()))
            assert doubles == 0 and not any(gaps.values())
            assert {name: max(numbers) for name, numbers in found.items()}.items() <= counted().items()
        assert killed
        told(papers=agreeing(number))


def agreeing(number: int) -> int:
    """Hold a sample of papers against their rows: the number is the printed one, the hash that of the kept bytes."""
    papers = random.Random(number).sample(rows("document", kind="registration_form"), SAMPLE[column()])
    for paper in papers:
        content = documents.render(paper["number"])
        kept = rows("document", number=paper["number"])[0]
        assert hashlib.sha256(content).hexdigest() == kept["sha256"]
        assert store.store().get(kept["store_key"]) == content
        with pdfplumber.open(io.BytesIO(content)) as pdf:
            assert paper["number"] in "".join(page.extract_text() for page in pdf.pages)
    return len(papers)
