"""Administration: is the installation well, which policy holds and what changed in it, what the trail says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, render_template, request
from flask_babel import gettext as _

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.services import (
    accounts,
    anchors,
    audit,
    cases,
    health,
    outbox,
    policies,
    policy_text,
    presenting,
    readiness,
    trail,
)
from edu_pilot.services.answers import read_date
from edu_pilot.services.policies import Version
from edu_pilot.web import access
from edu_pilot.web.forms import whole
from edu_pilot.web.words import Words
from edu_pilot.workflow.reasons import N_, Reason
from edu_pilot.workflow.versions import Files

pages = Blueprint("admin", __name__, url_prefix="/admin")
OFFICE = ("admin", "auditor")
# A long list helps nobody: the first are shown, and how many there are.
FIRST = 50
MOST_LINES = 1500
# What `doctor` does not look at; the store is left out, since it is tried by writing.
CHECKS = {
    "settings": N_("The settings of the database keep what was saved"),
    "queue": N_("Follow-ups are carried out in time"),
    "clock": N_("The clocks of host and database agree"),
}
# What is kept beside the records, in words; whatever else stands there is shown under its own name.
INPUTS = {
    "account_number": N_("Account"),
    "claims": N_("Claims"),
    "county": N_("County"),
    "field": N_("What"),
    "from": N_("From"),
    "handed_to": N_("Who goes on"),
    "holds_from": N_("Holds from"),
    "id_number": N_("ID number"),
    "number": N_("Number"),
    "phone": N_("Mobile"),
    "places": N_("Number of places"),
    "reason": N_("Reason"),
    "records": N_("Records"),
    "roles": N_("Roles"),
    "sha256": N_("Fingerprint"),
    "study": N_("Study"),
    "to": N_("To"),
    "workflow": N_("About"),
}
FILTERS = ("account", "workflow", "action", "reference", "since", "until")


@pages.get("")
@access.roles(*OFFICE)
def index() -> str:
    """Tell whether the installation is well, and what needs somebody's hand."""
    findings, checks = health.findings(money=False), readiness.checks(CHECKS)
    with read() as conn:
        refused = outbox.refused(conn)
        return render_template(
            "admin/index.html",
            words=Words(presenting.in_force(conn)),
            findings=findings,
            checks=[(_(CHECKS[name]), check.fine) for name, check in checks.items()],
            waiting=checks["queue"].facts.get("waiting", 0),
            refused=[(row, _reasons(row)) for row in refused[:FIRST]],
            number=len(refused),
            accounts=_accounts(accounts.everyone(conn)),
            version=policies.in_force(conn, clock.today()),
        )


def _reasons(row: Mapping[str, Any]) -> list[Reason]:
    return [_missing(told) or Reason(told["code"], told["text"], told["facts"]) for told in row["refusal"]]


def _missing(told: Mapping[str, Any]) -> Reason | None:
    """Return what to say where the refusal holds no sentence but the name of what was not there."""
    if told["code"] != cases.NotFound.__name__:
        return None
    return Reason("not_found", N_("What it is about was not found: %(what)s"), {"what": told["text"]})


def _accounts(found: list[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many active accounts each role has; the closed ones stand under an empty name."""
    numbers: dict[str, int] = {}
    for row in found:
        for role in row["roles"].split(",") if row["active"] else [""]:
            numbers[role] = numbers.get(role, 0) + 1
    return numbers


@pages.get("/anchor")
@access.roles(*OFFICE)
def anchor_sheet() -> str:
    """Show the newest anchor as a sheet to print, to sign and to keep outside."""
    with read() as conn:
        found = anchors.latest(conn)
    sheet = anchors.sheet(found) if found else []
    return render_template("admin/anchor.html", sheet=sheet)


# Policies


@pages.get("/policies")
@access.roles(*OFFICE)
def versions() -> str:
    """List the published versions."""
    with read() as conn:
        known, current = policies.versions(conn), policies.in_force(conn, clock.today())
    return render_template("admin/policies.html", versions=known, current=current.number)


@pages.get("/policies/<version>")
@access.roles(*OFFICE)
def policy(version: str) -> str:
    """Show a version's parameters, each with what its file says of it."""
    found, files = _version(version)
    sections = policy_text.sections(files)
    return render_template("admin/policy.html", found=found, sections=sections, files=sorted(files))


@pages.get("/policies/<version>/files/<path:name>")
@access.roles(*OFFICE)
def policy_file(version: str, name: str) -> str:
    """Show one file of a version as it was published."""
    found, files = _version(version)
    if name not in files:
        abort(404)
    lines = files[name].splitlines()
    more = max(0, len(lines) - MOST_LINES)
    return render_template(
        "admin/policy_file.html", found=found, name=name, text="\n".join(lines[:MOST_LINES]), more=more
    )


@pages.get("/policies/compare")
@access.roles(*OFFICE)
def compare() -> str:
    """Show what two versions differ in: which values, and which lines of which file."""
    with read() as conn:
        known = [row["number"] for row in policies.versions(conn)]
    new = request.args.get("new") or str(known[0])
    old = request.args.get("old") or str(known[1] if len(known) > 1 else known[0])
    (before, old_files), (after, new_files) = _version(old), _version(new)
    return render_template(
        "admin/compare.html", known=known, before=before, after=after,
        changed=policy_text.changed(old_files, new_files), differences=policy_text.differences(old_files, new_files),
    )  # fmt: skip


def _version(asked: str) -> tuple[Version, Files]:
    """Return a version by its number with its files; a number that was never published is missing."""
    number = whole(asked) or 0
    with read() as conn:
        found, files = policies.numbered(conn, [number]), policies.files(conn, number)
    if files is None:
        abort(404)
    return found[number], files


@pages.get("/catalogue")
@access.roles("registrar", *OFFICE)
def catalogue() -> str:
    """Show counties, teaching points, majors and courses of the policy in force."""
    with read() as conn:
        version = policies.in_force(conn, clock.today())
    plans = [(row, version.policy.table(row["file"].removesuffix(".csv"))) for row in version.policy.table("plans")]
    return render_template(
        "admin/catalogue.html", version=version, policy=version.policy, plans=plans, words=Words(version.compiled)
    )


# The trail


@pages.get("/audit")
@access.roles("auditor")
def browse() -> str:
    """Show the trail, narrowed and a page at a time, and the newest signature over it."""
    given = {name: text for name in FILTERS if (text := request.args.get(name, "").strip()[:64])}
    asked, faults = _asked(given)
    with read() as conn:
        words = Words(presenting.in_force(conn))
        found = trail.page(conn, asked, access.actor())
        return render_template(
            "admin/audit.html", words=words, found=found, given=given, faults=faults, steps=_steps(words),
            kinds=_kinds(words), head=audit.head(conn), anchor=anchors.latest(conn),
            hands=accounts.offices(conn, {entry["actor"] for entry in found.entries}),
            records=set(cases.workflows()), title_of=lambda entry: _title(words, entry),
            told=lambda entry: _told(words, entry),
        )  # fmt: skip


def _asked(given: Mapping[str, str]) -> tuple[trail.Asked, list[str]]:
    """Return what is asked of the trail, and the fields that cannot be read."""
    days = {name: read_date(given[name]) if name in given else None for name in ("since", "until")}
    workflow, _dot, action = given.get("action", "").rpartition(".")
    asked = trail.Asked(
        given.get("account", ""), given.get("workflow", workflow), action, given.get("reference", ""),
        days["since"], days["until"], whole(request.args.get("before", "")),
    )  # fmt: skip
    return asked, [name for name, day in days.items() if name in given and day is None]


def _kinds(words: Words) -> list[tuple[str, str]]:
    """Return what entries can be about: the workflows, then what is entered beside them."""
    own = [(name, words.workflow(name)) for name in words.compiled.engines]
    return own + [(name, _(text)) for name, text in trail.KINDS.items()]


def _steps(words: Words) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return every step under what it is a step of, for the list to choose from."""
    own = [(words.workflow(name), _steps_of(words, name)) for name in words.compiled.engines]
    beside = [(_(trail.KINDS[kind]), kind, actions) for kind, actions in trail.ACTIONS.items()]
    return own + [(title, [(f"{kind}.{a}", _(text)) for a, text in actions.items()]) for title, kind, actions in beside]


def _steps_of(words: Words, workflow: str) -> list[tuple[str, str]]:
    definition = words.compiled.definition(workflow)
    return [(f"{workflow}.{a}", words.action(workflow, a)) for a in (definition.create.name, *definition.actions)]


def _title(words: Words, entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return what an entry is about and what was done; a name nobody knows any more is shown as it is."""
    workflow, action = entry["workflow"], entry["action"]
    if workflow in words.compiled.engines:
        return words.workflow(workflow), words.action(workflow, action)
    kind, done = trail.KINDS.get(workflow), trail.ACTIONS.get(workflow, {}).get(action)
    return _(kind) if kind else workflow, _(done) if done else action


def _told(words: Words, entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was entered as (label, text); beside the records the names are the program's own."""
    if entry["workflow"] in words.compiled.engines:
        return words.told(entry["workflow"], entry)
    given = {name: value for name, value in entry["input"].items() if value not in (None, "", [])}
    return [(_(INPUTS[name]) if name in INPUTS else name, _plain(words, name, value)) for name, value in given.items()]


def _plain(words: Words, name: str, value: Any) -> str:
    if name == "roles" and isinstance(value, list):
        return words.roles(value)
    if name in ("county", "from", "to"):
        return words.row("counties", value)
    if name == "workflow" and value in words.compiled.engines:
        return words.workflow(value)
    if name == "reason":
        return words.policy("look_ups.reasons", value)
    if name == "field" and value in INPUTS:
        return _(INPUTS[value])
    return words.joined(map(str, value)) if isinstance(value, list) else str(value)
