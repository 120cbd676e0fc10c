"""The places of a year: hard for the city, in soft shares for the counties, which the city may move (R1.4)."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, write
from edu_pilot.models import Application, Quota, QuotaShare
from edu_pilot.services import audit, policies
from edu_pilot.services.actors import require_role
from edu_pilot.workflow.reasons import N_, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

APPLICATION = Application.__table__
QUOTA = Quota.__table__
SHARE = QuotaShare.__table__
MOVER = "registrar"


@dataclass(frozen=True)
class Share:
    """A county's part of a year's places, and how much of it is taken."""

    county: str
    places: int
    reserved: int
    used: int
    waiting: int

    @property
    def free(self) -> int:
        """Places of the share nobody has; negative where a county has more than its share."""
        return self.places - self.reserved - self.used


@dataclass(frozen=True)
class Year:
    """A year's places for the whole city, with the counties' shares."""

    year: str
    places: int
    reserved: int
    used: int
    shares: tuple[Share, ...]


def years(conn: Connection) -> list[str]:
    """Return the years that have places, oldest first."""
    return list(conn.execute(sa.select(QUOTA.c.year).order_by(QUOTA.c.year)).scalars())


def of_year(conn: Connection, year: str) -> Year | None:
    """Return a year's places as they stand, or None for a year that has none."""
    quota = one_row(conn, sa.select(QUOTA).where(QUOTA.c.year == year))
    if quota is None:
        return None
    shares = all_rows(conn, sa.select(SHARE).where(SHARE.c.year == year).order_by(SHARE.c.county))
    taken = _taken(conn, year)
    found = tuple(
        Share(
            s["county"], s["places"], *(taken.get((s["county"], kind), 0) for kind in ("reserved", "used", "waiting"))
        )
        for s in shares
    )
    return Year(year, quota["places"], quota["reserved"], quota["used"], found)


def _taken(conn: Connection, year: str) -> dict[tuple[str, str], int]:
    """Return how many of each county have a place reserved, use one, or wait for one."""
    kind = sa.case((APPLICATION.c.state == "waitlisted", "waiting"), else_=APPLICATION.c.place).label("kind")
    query = sa.select(APPLICATION.c.county, kind, sa.func.count().label("number")).where(
        APPLICATION.c.intake.like(f"{year[2:]}%")
    )
    grouped = all_rows(conn, query.group_by(APPLICATION.c.county, kind))
    return {(row["county"], row["kind"]): row["number"] for row in grouped}


def by_major(conn: Connection, year: str) -> dict[tuple[str, str, str], int]:
    """Return how many of a county have chosen a major and have a place (`held`) or wait for one (`waiting`)."""
    held = APPLICATION.c.place.in_(("reserved", "used"))
    kind = sa.case((APPLICATION.c.state == "waitlisted", "waiting"), (held, "held"), else_="").label("kind")
    columns = (APPLICATION.c.county, APPLICATION.c.major, kind)
    query = sa.select(*columns, sa.func.count().label("number")).where(APPLICATION.c.intake.like(f"{year[2:]}%"))
    grouped = all_rows(conn, query.group_by(*columns))
    return {(r["county"], r["major"], r["kind"]): r["number"] for r in grouped if r["county"] and r["kind"]}


def move(year: str, source: str, target: str, places: int, actor: Actor) -> Year:
    """Move places from one county's share to another's; recorded, and nobody loses a confirmed place.

    Raises Forbidden or Refused, and then nothing has moved.
    """
    require_role(actor, [MOVER])
    with write() as conn:
        # One mover at a time: two must not give away the same free place.
        conn.execute(SHARE.update().where(SHARE.c.year == year).values(places=SHARE.c.places))
        if faults := _faults(of_year(conn, year), source, target, places):
            raise Refused(faults)
        for county, by in ((source, -places), (target, places)):
            share = (SHARE.c.year == year) & (SHARE.c.county == county)
            conn.execute(SHARE.update().where(share).values(places=SHARE.c.places + by))
        _record(conn, actor, year, {"from": source, "to": target, "places": places})
        found = of_year(conn, year)
    assert found is not None
    return found


def _faults(standing: Year | None, source: str, target: str, places: int) -> list[Reason]:
    if standing is None:
        return [blocked(N_("There are no places for that year."), code="year_unknown", field="year", who=MOVER)]
    shares = {share.county: share for share in standing.shares}
    faults = [
        blocked(N_("There is no county %(county)s."), code="county_unknown", field=field, who=MOVER, county=county[:16])
        for field, county in (("source", source), ("target", target))
        if county not in shares
    ]
    if source == target:
        faults.append(blocked(N_("The two counties are the same."), code="county_same", field="target", who=MOVER))
    if places < 1:
        text = N_("Move at least one place.")
        faults.append(blocked(text, code="places_malformed", field="places", who=MOVER))
    elif source in shares and places > shares[source].free:
        text = N_("Only %(free)s places of the county are free to move.")
        free = max(0, shares[source].free)
        faults.append(blocked(text, code="places_taken", field="places", who=MOVER, free=free))
    return faults


def _record(conn: Connection, actor: Actor, year: str, given: dict[str, str | int]) -> None:
    number = policies.in_force(conn, clock.today()).number
    audit.append(conn, [audit.Entry(actor.name, "quota", year, "move_places", policy_version=number, input=given)])
