"""Who sees what: deny by default, one scope for all look-ups (R6.3, C3)."""

from __future__ import annotations

import pytest
import yaml

from edu_pilot import paths
from edu_pilot.extensions import read
from edu_pilot.services import actors, counts, search
from edu_pilot.services.cases import NotFound
from edu_pilot.services.search import Wanted
from edu_pilot.services.visibility import WHOLE_CITY, Scope, scope_of
from edu_pilot.workflow.registry import Actor
from tests.factories import Pilot, row
from tests.people import DECHENG, QIHE

NOTHING, ALL = Scope(), Scope(everything=True)


def actor(*roles: str, county: str | None = None, person_key: str | None = "key") -> Actor:
    return Actor("1", "somebody", frozenset(roles), county, person_key)


@pytest.mark.parametrize(
    ("who", "scope"),
    [
        (actor("clerk", county=QIHE), Scope(county=QIHE)),
        (actor("registrar"), ALL),
        (actor("auditor", "admin"), ALL),
        (actors.OPERATOR, ALL),
        (actors.SYSTEM, ALL),
        (actors.student("key"), Scope(person_key="key")),
        # What no role allows is not seen: a county's role without a county, an unknown role, no role at all.
        (actor("clerk"), NOTHING),
        (actor("registrar", "clerk"), NOTHING),
        (actor("registrar", "union_reviewer", county=QIHE), Scope(county=QIHE)),
        (actor("surveyor"), NOTHING),
        (actor(), NOTHING),
        (actor(county=QIHE), NOTHING),
        (actor("", county=QIHE), NOTHING),
        (actor("student", "registrar"), NOTHING),
        (actor("student", person_key=None), NOTHING),
    ],
)
def test_r6_3_of_several_roles_the_narrowest_scope_holds(who: Actor, scope: Scope) -> None:
    assert scope_of(who) == scope


def test_the_roles_of_the_whole_city_are_those_without_a_county() -> None:
    roles = yaml.safe_load((paths.workflows() / "roles.yaml").read_text("utf-8"))
    assert {name for name, role in roles.items() if not role.get("county")} - {"student"} == WHOLE_CITY


def test_an_actor_without_scope_finds_nothing(pilot: Pilot) -> None:
    reference = pilot.registered()
    with read() as conn:
        for who in (actor("clerk"), actor("surveyor"), actor("clerk", county=DECHENG), actors.student("stranger")):
            assert search.find(conn, "application", who, Wanted()) == ([], None)
            assert counts.by_state(conn, "application", who) == {}
            assert search.ids(conn, "application", who, Wanted()) == []
            with pytest.raises(NotFound):
                search.get(conn, "application", reference, who)
        own = actors.student(row("application", reference)["id_index"])
        assert search.get(conn, "application", reference, own).reference == reference
