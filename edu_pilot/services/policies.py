"""Policy versions: publish the whole of `workflows/`, find the one in force, load any old one (R1.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import sqlalchemy as sa
import yaml
from flask import current_app
from sqlalchemy import Connection

from edu_pilot import clock, paths
from edu_pilot.extensions import Base, all_rows, one_row
from edu_pilot.models import AllowedEdge, PolicyVersion, Quota, QuotaShare
from edu_pilot.models.base import new_id
from edu_pilot.rules.parameters import PARAMETERS
from edu_pilot.services import audit
from edu_pilot.services.visibility import visible_to
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor, shipped
from edu_pilot.workflow.versions import Compiled, Files, compile_files, fingerprint

VERSION = PolicyVersion.__table__


@dataclass(frozen=True)
class Version:
    """A stored policy version: its row id, its number and what it compiles to."""

    id: str
    number: int
    holds_from: date
    compiled: Compiled

    @property
    def policy(self) -> Policy:
        """The parameters and tables of this version."""
        return self.compiled.policy


class NoPolicy(Exception):
    """No policy version is published yet."""


def section(policy: Policy, name: str) -> Mapping[str, Any]:
    """Return one section of a policy; a version published before there was one takes what is shipped."""
    found: Mapping[str, Any] = policy.find(name) or _shipped()[name]
    return found


@cache
def _shipped() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((paths.workflows() / "policies.yaml").read_text("utf-8"))
    return found


def of(conn: Connection, version_id: str) -> Version:
    """Return the version a record is pinned to, compiled once per process."""
    known: dict[str, Version] = current_app.extensions.setdefault("policies", {})
    if version_id not in known:
        row = conn.execute(sa.select(VERSION).where(VERSION.c.id == version_id)).mappings().one()
        compiled = compile_files(row["files"], shipped, row["number"])
        policy = replace(compiled.policy, holds_from=row["holds_from"])
        known[version_id] = Version(row["id"], row["number"], row["holds_from"], replace(compiled, policy=policy))
    return known[version_id]


_HOLDS = VERSION.c.holds_from <= sa.bindparam("day")
_IN_FORCE = (
    sa.select(VERSION.c.id)
    .order_by(_HOLDS.desc(), sa.case((_HOLDS, -VERSION.c.number), else_=VERSION.c.number))
    .limit(sa.literal_column("1"))
)


def in_force(conn: Connection, day: date) -> Version:
    """Return the version in force on a business date: the highest number that holds, else the first."""
    answered = conn.get_execution_options().get("answered", {})
    if day not in answered:
        answered[day] = conn.execute(_IN_FORCE, {"day": day}).scalar_one_or_none()
    if answered[day] is None:
        raise NoPolicy
    return of(conn, answered[day])


def at_birth(conn: Connection, current: Version, workflow: str, given: Mapping[str, Any], actor: Actor) -> Version:
    """Return the version a new record is born under: that of the parent it names, else the one in force (R1.6).

    A parent the actor may not see is as good as none.
    """
    parent = current.compiled.definition(workflow).version_of
    named = given.get(parent) if parent else None
    if parent is None or not isinstance(named, str) or "\x00" in named:
        return current
    records = Base.metadata.tables[parent]
    query = sa.select(records.c.policy_version_id).where(records.c.reference == named.strip(), records.c.pinned)
    query = query.where(visible_to(actor, records))
    version_id = conn.execute(query).scalar_one_or_none()
    found = of(conn, version_id) if version_id else current
    return found if workflow in found.compiled.engines else current


def for_rules(version: Version, current: Version) -> Policy:
    """Return the policy a case is judged by: its own, but `at_claim` parameters from the one in force."""
    if current.id == version.id:
        return version.policy
    parameters: Any = version.policy.parameters
    for path in current.policy.find("at_claim", []):
        parameters = _with(parameters, path.split("."), current.policy.get(path))
    return replace(version.policy, parameters=parameters)


def _with(parameters: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    head, *rest = path
    return {**parameters, head: _with(parameters.get(head, {}), rest, value) if rest else value}


def with_present_points(version: Version, current: Version) -> Version:
    """Return a version that knows the teaching points of today beside its own (R1.6).

    A point is a place, not a promise: one that opened later takes in those who are pinned to an older version.
    """
    if current.id == version.id:
        return version
    known: dict[tuple[str, str], Version] = current_app.extensions.setdefault("points_of_policies", {})
    if (version.id, current.id) not in known:
        policy = version.policy
        today = current.policy.table("points")
        codes = {row["code"] for row in today}
        older = tuple(row for row in policy.table("points") if row["code"] not in codes)
        policy = replace(policy, tables={**policy.tables, "points": (*today, *older)})
        known[version.id, current.id] = replace(version, compiled=replace(version.compiled, policy=policy))
    return known[version.id, current.id]


def check(files: Files) -> Compiled:
    """Compile files that are to be published; raise Invalid with every problem of every file at once."""
    return compile_files(files, shipped, required=PARAMETERS)


def publish(conn: Connection, files: Files, holds_from: date | None, actor: Actor) -> Version:
    """Store a new version after checking every file; raise Invalid or Refused, leaving nothing behind."""
    compiled = check(files)
    sha256 = fingerprint(files)
    _lock(conn)
    newest = one_row(conn, sa.select(VERSION).order_by(VERSION.c.number.desc()).limit(1))
    if newest and newest["sha256"] == sha256:
        raise Refused(
            [
                blocked(
                    N_("These files are version %(number)s already."), code="already_published", number=newest["number"]
                )
            ]
        )
    row: dict[str, Any] = {
        "id": new_id(),
        "number": newest["number"] + 1 if newest else 1,
        "holds_from": holds_from or (clock.today() if newest else compiled.policy.holds_from),
        "sha256": sha256,
        "files": dict(files),
        "published_at": clock.now(),
        "published_by": actor.name,
    }
    conn.execute(VERSION.insert().values(row))
    conn.execute(AllowedEdge.__table__.insert(), _edges(compiled, row["id"]))
    _open_quotas(conn, compiled.policy)
    _record(conn, actor, row)
    return of(conn, row["id"])


def overtaken(conn: Connection, base: int | None) -> list[Reason]:
    """Return why files compared with version `base` must not be published; until this commits nobody else publishes."""
    _lock(conn)
    newest = conn.execute(sa.select(sa.func.max(VERSION.c.number))).scalar_one()
    if newest == base:
        return []
    text = N_("Version %(number)s was published meanwhile; compare the draft with it first.")
    return [blocked(text, code="newer_version", number=newest)]


def _lock(conn: Connection) -> None:
    """Let one publish at a time; running steps, which only lock a version's key, go on meanwhile."""
    if conn.dialect.name != "sqlite":
        conn.execute(sa.text("LOCK TABLE policy_version IN SHARE ROW EXCLUSIVE MODE"))


def _edges(compiled: Compiled, version_id: str) -> list[dict[str, str]]:
    return [
        {"policy_version_id": version_id, "workflow": name, "from_state": source, "to_state": to}
        for name, engine in compiled.engines.items()
        for source, to in sorted(engine.definition.edges())
    ]


def _open_quotas(conn: Connection, policy: Policy) -> None:
    """Open the places of every year the policy names; a year already open keeps what was taken."""
    for year, places in policy.find("quota.hard", {}).items():
        if _set_places(conn, str(year), places):
            continue
        conn.execute(Quota.__table__.insert().values(year=str(year), places=places, reserved=0, used=0))
        shares = policy.find("quota.shares", {}).get(year, {})
        rows = [{"year": str(year), "county": c, "places": n} for c, n in shares.items()]
        if rows:
            conn.execute(QuotaShare.__table__.insert(), rows)


def _set_places(conn: Connection, year: str, places: int) -> bool:
    """Change an open year's places; False for a year not open yet, Refused below what is taken (R1.4)."""
    quota = Quota.__table__
    taken = quota.c.reserved + quota.c.used
    query = quota.update().where(quota.c.year == year, taken <= places).values(places=places)
    if conn.execute(query).rowcount:
        return True
    held = conn.execute(sa.select(taken).where(quota.c.year == year)).scalar_one_or_none()
    if held is None:
        return False
    text = N_("%(held)s places of %(year)s are taken already; it cannot have %(places)s.")
    raise Refused([blocked(text, code="places_taken", held=held, year=year, places=places)])


def _record(conn: Connection, actor: Actor, row: Mapping[str, Any]) -> None:
    entry = audit.Entry(
        actor=actor.name,
        workflow="policy",
        reference=f"P{row['number']}",
        action="publish",
        policy_version=row["number"],
        input={"sha256": row["sha256"], "holds_from": row["holds_from"].isoformat()},
    )
    audit.append(conn, [entry])


def versions(conn: Connection) -> list[Mapping[str, Any]]:
    """Return every published version without its files, newest first."""
    columns = [c for c in VERSION.c if c.name != "files"]
    return all_rows(conn, sa.select(*columns).order_by(VERSION.c.number.desc()))


def numbered(conn: Connection, numbers: Iterable[int]) -> dict[int, Version]:
    """Return the versions of these numbers; a number that was never published is left out."""
    rows = conn.execute(sa.select(VERSION.c.id, VERSION.c.number).where(VERSION.c.number.in_(set(numbers))))
    return {row.number: of(conn, row.id) for row in rows.all()}


def files(conn: Connection, number: int) -> Files | None:
    """Return the files of a version as they were published, or None if there is no such version."""
    found: Files | None = conn.execute(sa.select(VERSION.c.files).where(VERSION.c.number == number)).scalar()
    return found
