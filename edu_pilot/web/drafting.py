"""A new policy version drafted, checked, compared and published at a page; nothing of it is kept before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _

from edu_pilot import clock, i18n
from edu_pilot.extensions import read, write
from edu_pilot.services import policies, policy_text, presenting
from edu_pilot.services.answers import read_date
from edu_pilot.web import access, sessions
from edu_pilot.web.forms import whole
from edu_pilot.web.words import Words
from edu_pilot.workflow.reading import Invalid
from edu_pilot.workflow.reasons import N_, Reason, Refused, blocked
from edu_pilot.workflow.versions import POLICIES, Files

pages = Blueprint("drafting", __name__, url_prefix="/admin/policies/draft")
EDITOR = "admin"
FIELD = "file:"
# A new file may only be one that the reader of the folder would take.
NAME = re.compile(r"[a-z0-9_]+\.yaml|catalogue/(plans/)?[a-z0-9_-]+\.csv")


@dataclass(frozen=True)
class Draft:
    """The newest version and what of its files is changed."""

    base: int
    published: Files
    changes: Mapping[str, str]

    @property
    def files(self) -> Files:
        """The files as they would be published; one that was emptied is left out."""
        return {name: text for name, text in {**self.published, **self.changes}.items() if text.strip()}


@pages.get("")
@access.roles(EDITOR)
def begin() -> str:
    """Open a file of the newest version to change it."""
    return _page(_newest({}), request.args.get("file", POLICIES))


@pages.post("")
@access.roles(EDITOR)
def go_on() -> Any:
    """Open another file, check the draft and compare it, or publish it; the draft itself stands in the form."""
    draft, step, shown = _newest(_changes()), request.form.get("step", ""), request.form.get("shown", POLICIES)
    if step == "open":
        return _page(draft, request.form.get("file", POLICIES))
    if step == "find":
        return _page(draft, shown)
    if step != "publish":
        return _page(draft, shown, checked=True)
    sessions.require_fresh()
    g.again = partial(_page, draft, shown)
    holds_from = read_date(request.form.get("holds_from", ""))
    try:
        with write() as conn:
            if reasons := [*policies.overtaken(conn, whole(request.form.get("base", ""))), *_not_coming(holds_from)]:
                raise Refused(reasons)
            version = policies.publish(conn, draft.files, holds_from, access.actor())
    except Invalid:
        return _page(draft, shown, checked=True), 422
    day = i18n.show_date(version.holds_from)
    flash(_("Version %(number)s is published and holds from %(day)s.", number=version.number, day=day))
    return redirect(url_for("admin.compare", old=draft.base, new=version.number), 303)


def _not_coming(day: date | None) -> list[Reason]:
    if day and day >= clock.today():
        return []
    text = N_("A version holds from today on, or from a later day; write the day such as 2027-01-01.")
    return [blocked(text, code="not_a_coming_day")]


def _changes() -> dict[str, str]:
    """Return the files that were sent; a browser ends lines its own way."""
    sent = {key.removeprefix(FIELD): text for key, text in request.form.items() if key.startswith(FIELD)}
    return {name: text.replace("\r\n", "\n").rstrip("\n") + "\n" for name, text in sent.items() if NAME.fullmatch(name)}


def _newest(changes: Mapping[str, str]) -> Draft:
    with read() as conn:
        base = policies.versions(conn)[0]["number"]
        published = policies.files(conn, base) or {}
    # A file that is as it was published is no change, though it was opened.
    changed = {
        name: text for name, text in changes.items() if text.rstrip("\n") != published.get(name, "").rstrip("\n")
    }
    return Draft(base, published, changed)


def _page(draft: Draft, shown: str, refused: Refused | None = None, *, checked: bool = False) -> str:
    name = shown if shown in draft.files or NAME.fullmatch(shown) else POLICIES
    with read() as conn:
        words = Words(presenting.in_force(conn))
    faults = _faults(draft) if checked else []
    sound = checked and not faults
    text, sought = draft.changes.get(name, draft.published.get(name, "")), request.form.get("find", "")
    return render_template(
        "admin/draft.html", words=words, draft=draft, name=name, refused=refused, checked=checked, faults=faults,
        text=text, sought=sought, found=policy_text.matching(text, sought),
        outline=policy_text.outline(text) if name.endswith(".yaml") else [],
        rest={other: text for other, text in draft.changes.items() if other != name},
        changed=policy_text.changed(draft.published, draft.files) if sound else [],
        differences=policy_text.differences(draft.published, draft.files) if sound else [],
        holds_from=request.form.get("holds_from") or clock.today().isoformat(),
    )  # fmt: skip


class Fault(NamedTuple):
    """What is wrong with a draft, where, and what stands there."""

    told: str
    file: str
    line: int
    text: str


def _faults(draft: Draft) -> Sequence[Fault]:
    """Return every fault of the draft with file and line, in the reader's language."""
    try:
        policies.check(draft.files)
    except Invalid as invalid:
        lang = i18n.language()
        return [
            Fault(
                f"{p.file}:{p.line}: {i18n.translate(p.text, lang, **p.facts)}", p.file, p.line,
                policy_text.line_of(draft.files.get(p.file, ""), p.line),
            )
            for p in invalid.problems
        ]  # fmt: skip
    return []
