"""The pilot's figures as one board: how far people came, where work waits and how long, how many places are left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows
from edu_pilot.models import Application, Certification, Claim, Study
from edu_pilot.services import cases, policies, quotas, telling
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.reasons import N_
from edu_pilot.workflow.registry import Actor
from edu_pilot.workflow.versions import Compiled

APPLICATION = Application.__table__
STUDY = Study.__table__
CERTIFICATION = Certification.__table__
CLAIM = Claim.__table__
DIMENSIONS = ("county", "major", "year")
PAID = ("paid", "recovering", "recovered")


@dataclass(frozen=True)
class Stage:
    """One stage of the way: the records that came so far, and the list they stand in."""

    name: str
    text: str
    records: sa.Table
    reached: Sequence[sa.ColumnElement[bool]]
    state: str | None = None


# In the order of the way; each one holds all who ever came so far and did not lose it again.
STAGES = (
    Stage("registered", N_("Registered"), APPLICATION, (APPLICATION.c.state.not_in(("draft", "withdrawn")),)),
    Stage("admitted", N_("Admitted"), APPLICATION, (APPLICATION.c.state == "admitted",), "admitted"),
    Stage(
        "confirmed", N_("Status confirmed"), STUDY,
        (STUDY.c.confirmed_on.is_not(None), STUDY.c.state.not_in(("cancelled",))),
    ),
    Stage("graduated", N_("Graduated"), STUDY, (STUDY.c.state == "graduated",), "graduated"),
    Stage("certified", N_("Certified"), CERTIFICATION, (CERTIFICATION.c.state == "certified",), "certified"),
    Stage("claimed", N_("Tuition claimed"), CLAIM, (CLAIM.c.state.not_in(("draft", "withdrawn")),)),
    Stage("paid", N_("Paid"), CLAIM, (CLAIM.c.state.in_(PAID),)),
)  # fmt: skip


@dataclass(frozen=True)
class Reached:
    """How many came to a stage, in all and by one of the dimensions."""

    stage: Stage
    number: int
    by: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Waiting:
    """The records of one state that somebody has to move: how many, since when, and who holds them."""

    workflow: str
    state: str
    number: int
    oldest_on: date
    long: int
    holders: Sequence[str]

    @property
    def days(self) -> int:
        """How many days the oldest of them has waited."""
        return (clock.today() - self.oldest_on).days


@dataclass(frozen=True)
class Board:
    """Everything on the board, of the records an actor may see."""

    target: int
    long_days: int
    way: Sequence[Reached]
    waiting: Sequence[Waiting]
    places: Sequence[quotas.Year]

    def rows(self, dimension: str) -> list[tuple[str, list[int]]]:
        """Return one line for each county, major or year: its code, and how many came to each stage."""
        codes = sorted({code for reached in self.way for code in reached.by[dimension]})
        return [(code, [reached.by[dimension].get(code, 0) for reached in self.way]) for code in codes]


def board(conn: Connection, actor: Actor, compiled: Compiled) -> Board:
    """Count the board in a number of queries that no row adds to."""
    long_days = policies.section(compiled.policy, "overview")["long_days"]
    long_ago = clock.today() - timedelta(days=long_days)
    with walled(conn, actor):
        way, waiting = _way(conn, actor), list(_waiting(conn, actor, compiled, long_ago))
    places = [quotas.of_year(conn, year) for year in quotas.years(conn)[-1:]] if not actor.county else []
    order = sorted(waiting, key=lambda one: (one.oldest_on, one.workflow, one.state))
    target = compiled.policy.get("programme.pilot_target")
    return Board(target, long_days, way, order, [year for year in places if year])


def _way(conn: Connection, actor: Actor) -> list[Reached]:
    """Count every stage by all three dimensions together, and add them up."""
    found: dict[str, list[Mapping[str, Any]]] = {stage.name: [] for stage in STAGES}
    for row in all_rows(conn, sa.union_all(*(_counted(actor, stage) for stage in STAGES))):
        found[row["stage"]].append(row)
    return [_added(stage, found[stage.name]) for stage in STAGES]


def _added(stage: Stage, rows: Sequence[Mapping[str, Any]]) -> Reached:
    return Reached(stage, sum(row["number"] for row in rows), {name: _summed(rows, name) for name in DIMENSIONS})


def _counted(actor: Actor, stage: Stage) -> sa.Select[Any]:
    records = stage.records
    home = records if "intake" in records.c else STUDY
    source = records if home is records else records.join(STUDY, STUDY.c.id == records.c.study_id)
    columns = (records.c.county, home.c.major, sa.func.substr(home.c.intake, 1, 2).label("year"))
    number = sa.func.count(_person(records).distinct()).label("number")
    query = sa.select(sa.literal(stage.name).label("stage"), *columns, number).select_from(source)
    return query.where(visible_to(actor, records), *stage.reached).group_by(*columns)


def _person(records: sa.Table) -> sa.ColumnElement[Any]:
    """A person counts once at a stage, however many examinations or claims they have."""
    column: sa.ColumnElement[Any] = records.c.study_id if "study_id" in records.c else records.c.id
    return column


def _summed(found: Iterable[Mapping[str, Any]], name: str) -> dict[str, int]:
    summed: dict[str, int] = {}
    for row in found:
        code = f"20{row['year']}" if name == "year" else row[name] or ""
        summed[code] = summed.get(code, 0) + row["number"]
    return summed


def _waiting(conn: Connection, actor: Actor, compiled: Compiled, long_ago: date) -> Iterable[Waiting]:
    for row in all_rows(conn, sa.union_all(*(_standing(actor, name, long_ago) for name in compiled.engines))):
        if holders := telling.holders(compiled.definition(row["workflow"]), row["state"]):
            yield Waiting(**row, holders=holders)


def _standing(actor: Actor, workflow: str, long_ago: date) -> sa.Select[Any]:
    """How many records of a workflow stand in each state, since when the oldest, and how many for long."""
    records = cases.table(workflow)
    long = sa.func.sum(sa.case((records.c.since_on <= long_ago, 1), else_=0)).label("long")
    columns = (sa.func.count().label("number"), sa.func.min(records.c.since_on).label("oldest_on"), long)
    query = sa.select(sa.literal(workflow).label("workflow"), records.c.state, *columns)
    return query.where(visible_to(actor, records)).group_by(records.c.state)
