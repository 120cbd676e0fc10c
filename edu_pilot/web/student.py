"""A student's own pages: where I stand, my papers, are my data right. Phone first, no script, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection

from edu_pilot.extensions import read
from edu_pilot.services import contacts, documents, outbox, papers, telling
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.contacts import Contact
from edu_pilot.services.telling import Stage
from edu_pilot.web import access
from edu_pilot.web.forms import Answers, form_of
from edu_pilot.web.words import Words
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor

pages = Blueprint("student", __name__, url_prefix="/my")
LOOK = "confirm_data"
# A person looks at the own data where they stand last: in the study, before that in the application.
WITH_DATA = ("study", "application")


def standing_page(conn: Connection, actor: Actor) -> str:
    """Render where every case of a person stands."""
    found, compiled = telling.stages(conn, actor)
    stages, words = _live_first(found), Words(compiled)
    return render_template(
        "student/standing.html",
        stages=stages,
        todo=[_todo(stage, words) for stage in stages if stage.todo],
        words=words,
        can_look=any(LOOK in stage.offers for stage in stages),
        point=_point(compiled.policy, stages),
    )


def _live_first(stages: list[Stage]) -> list[Stage]:
    """Return the newest matter first; those in which the person must do something before, those at rest after it."""
    newest = list(reversed(stages))
    return sorted(newest, key=lambda stage: (not stage.todo, not (stage.mine or stage.following)))


@dataclass(frozen=True)
class Todo:
    """What a person must do: the matter it belongs to, in words, and the way there."""

    matter: str
    text: str | None
    way: tuple[str, str] | None


def _todo(stage: Stage, words: Words) -> Todo:
    way = _way(stage)
    # Who has graduated is asked for the claim that is not there yet.
    claims = stage.case.workflow == "study" and way is not None
    return Todo(words.workflow("claim" if claims else stage.case.workflow), stage.todo, way)


def _way(stage: Stage) -> tuple[str, str] | None:
    """Return the address and the name of what a person can do about a case now, if there is something to do."""
    case, words = stage.case, Words(stage.shown.compiled)
    if not stage.todo:
        return None
    if case.workflow == "claim" and "amend" in stage.offers:
        return url_for("claiming.start"), _("Go on with the claim")
    if case.workflow == "study":
        claimable = case.diploma_on and not stage.shown.facts["claim"]
        return (url_for("claiming.start"), _("Claim the tuition")) if claimable else None
    page = url_for("records.detail", workflow=case.workflow, reference=case.reference)
    steps = [o.action for o in stage.offers.values() if o.open and not o.action.dangerous and o.action.name != LOOK]
    if steps:
        return f"{page}#step-{steps[0].name}", words.action(case.workflow, steps[0].name)
    return (f"{page}#files", _("Upload the papers")) if stage.shown.facts.get("papers_missing") else None


def _point(policy: Policy, stages: list[Stage]) -> Contact | None:
    """Return whom to call about everything: the teaching point of the first case that names one."""
    found = [contacts.of(stage.case, contacts.POINT, policy) for stage in stages]
    return next((contact for contact in found if contact), None)


@pages.get("/papers")
@access.roles(STUDENT)
def own_papers() -> str:
    """Show every paper that was issued to the person, as a PDF and as a picture."""
    actor = access.actor()
    with read() as conn:
        stages, compiled = telling.stages(conn, actor)
        issued = [row for stage in stages for row in documents.of_record(conn, stage.case.workflow, stage.case.id)]
        readable = documents.readable(conn, actor)
        return render_template(
            "student/papers.html",
            issued=documents.newest_first([row for row in issued if row["kind"] in readable and not row["erased_at"]]),
            words=Words(compiled),
        )


@pages.get("/data")
@access.roles(STUDENT)
def own_data() -> str:
    """Show the own data and ask whether they are right."""
    return _data_page()


def _data_page(tried: Answers | None = None, refused: Refused | None = None) -> str:
    with read() as conn:
        stages, compiled = telling.stages(conn, access.actor())
        stage = _with_data(stages)
        application = next((s for s in stages if s.case.workflow == "application"), None)
        return render_template(
            "student/data.html",
            stage=stage,
            facts=(application.shown.facts if application else {}) | stage.shown.facts,
            words=Words(stage.shown.compiled),
            form=tried or _look_form(stage),
            refused=refused,
            portrait=_portrait(conn, application.case) if application else None,
            application=application,
            point=_point(compiled.policy, stages),
        )


def _with_data(stages: list[Stage]) -> Stage:
    """Return the case whose data stand last; one that can be confirmed goes first."""
    known = [s for name in WITH_DATA for s in reversed(stages) if s.case.workflow == name]
    if not known:
        raise NotFound("data")
    return next((stage for stage in known if LOOK in stage.offers), known[0])


def _portrait(conn: Connection, case: Case) -> str | None:
    """Return the row id of the photo that was handed in last."""
    kept = [row["id"] for row in papers.of_record(conn, case) if row["kind"] == "portrait" and not row["erased_at"]]
    return kept[-1] if kept else None


def _look_form(stage: Stage, entered: Any = None) -> Answers | None:
    offer = stage.offers.get(LOOK)
    return form_of(offer.action, Words(stage.shown.compiled), {}, entered) if offer else None


@pages.post("/data")
@access.roles(STUDENT)
def confirm_data() -> Any:
    """Keep what the person says of the own data, for the office to look into."""
    actor = access.actor()
    with read() as conn:
        stage = _with_data(telling.stages(conn, actor)[0])
        form = _look_form(stage, request.form)
    if form is None:
        raise NotFound(LOOK)
    if not form.validate():
        return _data_page(form), 422
    g.again = partial(_data_page, form)
    outbox.act(stage.case.workflow, stage.case.reference, LOOK, actor, form.given, form.seen)
    flash(_("Thank you. What you said was sent to your teaching point."))
    return redirect(url_for("public.status"), 303)
