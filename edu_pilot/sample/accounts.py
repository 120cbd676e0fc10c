"""The sample's accounts: one of each role, a clerk and a union reviewer in every county."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from edu_pilot.sample.people import Population
from edu_pilot.services import accounts, factor
from edu_pilot.services.actors import OPERATOR
from edu_pilot.workflow.policy import Policy, Row
from edu_pilot.workflow.registry import Actor

# Their passwords are `demo` and the account's name; production lets none of them in.
PASSWORD = "demo"
COUNTY_ROLES = {"clerk": "clerk", "union": "union_reviewer"}
CITY_ROLES = {
    "registrar": "registrar",
    "examiner": "examiner",
    "university": "university_reviewer",
    "union.city": "arbiter",
    "finance.maker": "finance_maker",
    "finance.release": "finance_releaser",
    "auditor": "auditor",
    "admin": "admin",
}
STEP = 397


@dataclass(frozen=True)
class Post:
    """One account: its name, its role and the county it works for."""

    account: str
    role: str
    county: str | None


def posts(policy: Policy) -> Iterator[Post]:
    """Yield every sample account: two in each county, one for each role of the city."""
    for county in policy.table("counties"):
        for prefix, role in COUNTY_ROLES.items():
            yield Post(f"{prefix}.{short_name(county)}", role, county["code"])
    for name, role in CITY_ROLES.items():
        yield Post(name, role, None)


def short_name(county: Row) -> str:
    """Return a county as its accounts are named after it, such as qihe."""
    return county["name_en"].lower()


def add_all(population: Population, told: Callable[[int, int], None]) -> dict[str, Actor]:
    """Add every account with a fictional person of its own; return the actors by account name."""
    wanted = list(posts(population.policy))
    seat = population.policy.table("counties")[0]["code"]
    deciding = population.policy.get("access.factor_roles")
    for n, post in enumerate(wanted, 1):
        born = date(1965, 1, 1) + timedelta(days=n * STEP)
        person = population.id_number(post.county or seat, born)
        accounts.add(
            post.account, [post.role], post.county, person, OPERATOR,
            password=PASSWORD + post.account, demo=True,
            secret=factor.sample_secret(post.account) if post.role in deciding else None,
        )  # fmt: skip
        told(n, len(wanted))
    return {post.account: accounts.named(post.account) for post in wanted}
