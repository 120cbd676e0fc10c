"""A fresh installation of its own, filled with records that wait for the measured steps."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask

from bench.steps import TODAY
from edu_pilot import clock, config, create_app
from edu_pilot.extensions import db, write
from edu_pilot.models import Application, Certification, Person, Study
from edu_pilot.services import audit, instance, policies
from edu_pilot.services.actors import SYSTEM
from edu_pilot.services.vault import vault

MODELS = {"person": Person, "application": Application, "study": Study, "certification": Certification}
Rows = dict[str, dict[str, Any]]


@contextmanager
def fresh(database_url: str | None = None) -> Iterator[Flask]:
    """Give an initialised application in a folder that is thrown away afterwards."""
    with TemporaryDirectory(prefix="edu-pilot-bench-") as folder:
        environ = {"EDU_PILOT_DATA": folder}
        if database_url:
            environ["EDU_PILOT_DATABASE_URL"] = database_url
        app = create_app(config.read(environ))
        with app.app_context(), clock.on(TODAY):
            instance.init()
            yield app
            db.engine.dispose()


def database_file(app: Flask) -> Path:
    """Give the SQLite file of an application."""
    return Path(app.config["SETTINGS"].data) / "edu-pilot.db"


def fill(count: int) -> dict[str, list[tuple[str, str]]]:
    """Write `count` studies to confirm and `count` certifications to begin; give their (id, reference).

    Their births are audited, so that the whole trail can be verified after the run.
    """
    with write() as conn:
        version = policies.in_force(conn, TODAY).id
        people = [_person_with_records(n, version) for n in range(2 * count)]
        for name, model in MODELS.items():
            conn.execute(model.__table__.insert(), [p[name] for p in people if name in p])
        # By the edges that the database allows: a study waits for one who is admitted.
        for state in ("registered", "verified", "admitted"):
            conn.execute(Application.__table__.update().values(state=state))
            for p in people:
                p["application"]["state"] = state
        audit.append(conn, [_birth(w, p[w]) for p in people for w in p if w != "person"])
    _settle()
    waiting = {"study": people[::2], "certification": people[1::2]}
    return {w: [(p[w]["id"], p[w]["reference"]) for p in half] for w, half in waiting.items()}


def _settle() -> None:
    """Let the planner know the tables now, and begin anew: a connection that migrated stays slow."""
    with write() as conn:
        conn.exec_driver_sql("ANALYZE")
    db.engine.dispose()


def _person_with_records(n: int, version: str) -> Rows:
    """Return one person's rows: the even ones wait for a student number, the odd ones for training."""
    person, place = f"{n:032x}", {"point": "371402-01", "intake": "2209", "level": "zhuanke", "major": "530701"}
    application = _record("application", n, "draft", version) | place
    study = _record("study", n, "enrolled", version) | place
    study |= {"person_id": person, "application_id": person, "credits": 0}
    study["student_number"] = f"22370064{n:05d}" if n % 2 else None
    rows = {"person": _person(n), "application": application, "study": study}
    application |= {"name": "刘伟", "name_keys": "liuwei lw", "place": "used"}
    if n % 2:
        exam = {"kind": "skill_level", "occupation": "x_smart_tax", "level": "5", "attempt": 1}
        own = {"person_id": person, "study_id": person}
        rows["certification"] = _record("certification", n, "planned", version) | exam | own
    return rows


def _person(n: int) -> dict[str, Any]:
    row, keys = f"{n:032x}", vault()
    values = {"id": row, "name": "刘伟", "name_keys": "liuwei lw", "sex": "male", "birth_on": TODAY}
    for column, kind in (("id_number", "id"), ("phone", "phone")):
        values[column] = keys.seal(f"person.{column}", row, str(n))
        values[f"{kind}_index"] = keys.index(column, str(n))
    return values


def _record(workflow: str, n: int, state: str, version: str) -> dict[str, Any]:
    return {
        "id": f"{n:032x}",
        "reference": f"{workflow[0].upper()}2209-{n:06d}",
        "state": state,
        "version": 1,
        "pinned": True,
        "policy_version_id": version,
        "created_on": TODAY,
        "created_at": clock.now(),
        "created_by": SYSTEM.name,
        "since_on": TODAY,
        "county": "371402",
    }


def _birth(workflow: str, row: Mapping[str, Any]) -> audit.Entry:
    return audit.Entry(SYSTEM.name, workflow, row["reference"], "create", "", row["state"], 1)
