"""No log tells an ID number, a phone or a card: not by its lines, its errors, nor the database's own (R2.9)."""

from __future__ import annotations

import logging
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from flask import Flask
from sqlalchemy import make_url

from edu_pilot import logs
from edu_pilot.extensions import write
from edu_pilot.models import Person
from edu_pilot.services import health
from tests.app import Place, at_work, opened
from tests.factories import CARD, Pilot, rows
from tests.people import LIU_WEI
from tests.postgres import Server

SECRETS = (LIU_WEI.id_number, LIU_WEI.phone, CARD)
ID = "37142519850101999X"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"number {ID}!", "number ****999X!"),
        ("old 371425850101999.", "old ****1999."),
        ("371425 19850101 999X", "****999X"),
        ("3714 2519 8501 0199 991", "****9991"),
        ("id=13800001234,", "id=****1234,"),
        ("138 0000 1234", "****1234"),
        ("+8613800001234", "****1234"),
        ("tel:8613800001234", "tel:****1234"),
        ("+86 138-0000-1234", "****1234"),
        # Not ours: an instant, a student number, a reference, the number of a digital invoice.
        ("2026-11-23 09:44:29", "2026-11-23 09:44:29"),
        ("2237006450001", "2237006450001"),
        ("A2209-000123", "A2209-000123"),
        ("00000000000000000045", "00000000000000000045"),
    ],
)
def test_what_looks_like_a_person_is_masked(text: str, told: str) -> None:
    assert logs.masked(text) == told


def test_a_line_an_error_and_its_variables_tell_nothing(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    """A rich traceback would print every local variable."""
    number = LIU_WEI.id_number
    try:
        raise ValueError(f"bad {number}")
    except ValueError:
        structlog.get_logger().exception("failed", phone=LIU_WEI.phone, more={"card": [CARD]})
        logging.getLogger("anything").exception("failed for %s", number)
    told = capsys.readouterr().err
    assert "ValueError: bad ****" in told
    assert [secret for secret in SECRETS if secret in told] == []


def test_an_error_nobody_caught_tells_nothing() -> None:
    program = (
        "import threading\nfrom edu_pilot import logs\nlogs.configure()\n"
        f"def fail(): raise ValueError('{ID}')\n"
        "t = threading.Thread(target=fail)\nt.start()\nt.join()\nfail()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("ValueError: ****999X") == 2
    assert ID not in done.stderr


def test_the_command_line_leaves_no_memory_dump() -> None:
    program = (
        # As high as this process may still go: one that has given dumps up leaves none to its children either.
        "import resource\nhard = resource.getrlimit(resource.RLIMIT_CORE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n"
        "from edu_pilot import process\nprocess.leave_no_dump()\nprint(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(0, 0)"
    assert resource.RLIMIT_CORE is not None


def a_second_person() -> None:
    """Write a person of the same number, which the database refuses."""
    with write() as conn:
        conn.execute(Person.__table__.insert().values({**rows("person")[0], "id": "x" * 32}))


@pytest.mark.xdist_group("postgres")
def test_a_refused_row_is_told_by_its_constraint_alone(pg_app: Flask) -> None:
    Pilot().registered()
    with pytest.raises(sa.exc.IntegrityError) as refusal:
        a_second_person()
    told = f"{refusal.value} {refusal.value.orig}"
    assert "uq_person_id_index" in told
    assert "already exists" not in told
    assert rows("person")[0]["id_index"] not in told
    assert refusal.value.orig is not None
    assert refusal.value.orig.sqlstate == "23505"  # type: ignore[attr-defined]


@pytest.mark.xdist_group("postgres")
def test_doctor_names_the_line_that_silences_the_server_log(postgres: Server, postgres_place: Place) -> None:
    """A role that may not ask for it by itself is helped by the server's owner."""
    with postgres.connect() as server:
        server.execute("DROP ROLE IF EXISTS plain")
        server.execute("CREATE ROLE plain LOGIN PASSWORD 'x' IN ROLE pg_read_all_data")
    url = make_url(postgres_place.database_url).set(username="plain", password="x")
    plain = Place(postgres_place.data, url.render_as_string(hide_password=False))
    with opened(plain) as app, at_work(app):
        found = health._server_log()
    assert not found.fine
    mend = found.mend.removeprefix('psql -U postgres -c "').removesuffix('"')
    with postgres.connect() as server:
        for line in mend.split("; "):
            server.execute(line.encode())
    with opened(plain) as app, at_work(app):
        assert health._server_log().fine


def test_no_module_prints_a_traceback_of_its_own() -> None:
    package = Path(logs.__file__).parent
    found = [p.name for p in package.rglob("*.py") if "traceback." in p.read_text("utf-8") and p.name != "logs.py"]
    assert found == []
