"""Who acts in the tests; everybody is fictional and stays who they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from edu_pilot.extensions import write
from edu_pilot.models import Account
from edu_pilot.rules.identity import id_checksum
from edu_pilot.services import accounts, factor, logins
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.logins import Caller
from edu_pilot.workflow.registry import Actor

ACCOUNT = Account.__table__
QIHE, DECHENG = "371425", "371402"


def id_number(born: date, sequence: int, region: str = QIHE) -> str:
    """Give a sound ID number; sequences 996 to 999 belong to nobody, odd ones are men."""
    body = f"{region}{born:%Y%m%d}{sequence}"
    return body + id_checksum(body)


@dataclass(frozen=True)
class Human:
    """A person as a clerk writes the name, number and phone down."""

    name: str
    id_number: str
    phone: str


LIU_WEI = Human("刘伟", id_number(date(1985, 1, 1), 999), "13800001234")
# The others of the programme; the n-th is the same each time.
SURNAMES, GIVEN = "王李张赵陈杨黄周吴徐", "芳秀娜敏静丽强磊洋勇"


def worker(n: int) -> Human:
    """Give the n-th worker who is not Liu Wei, for n up to some thousands."""
    born = date(1970 + n // 336 % 30, n // 28 % 12 + 1, n % 28 + 1)
    name = SURNAMES[n % 10] + GIVEN[n // 10 % 10] + GIVEN[n // 100 % 10]
    return Human(name, id_number(born, 996 + n % 4), f"139{n:08d}")


@dataclass(frozen=True)
class Member:
    """One of the staff: the account, its roles, its county and the person behind it."""

    account: str
    roles: tuple[str, ...]
    county: str | None
    id_number: str


STAFF = (
    Member("wang.fang", ("clerk",), QIHE, id_number(date(1990, 5, 2), 998)),
    Member("decheng.clerk", ("clerk",), DECHENG, id_number(date(1991, 5, 2), 998, DECHENG)),
    Member("chen.hui", ("registrar",), None, id_number(date(1978, 3, 15), 998)),
    Member("examiner", ("examiner",), None, id_number(date(1982, 2, 11), 997)),
    Member("zhao.min", ("union_reviewer",), QIHE, id_number(date(1975, 7, 7), 998)),
    Member("zhao.min.colleague", ("union_reviewer",), QIHE, id_number(date(1976, 7, 7), 997)),
    Member("sun.li", ("university_reviewer",), None, id_number(date(1980, 9, 9), 998)),
    Member("sun.li.colleague", ("university_reviewer",), None, id_number(date(1981, 9, 9), 997)),
    Member("arbiter", ("arbiter",), None, id_number(date(1969, 12, 1), 999)),
    Member("he.jun", ("finance_maker",), None, id_number(date(1983, 6, 1), 999)),
    Member("releaser", ("finance_releaser",), None, id_number(date(1984, 6, 1), 997)),
    Member("xu.ning", ("auditor",), None, id_number(date(1977, 1, 20), 998)),
    Member("admin", ("admin",), None, id_number(date(1987, 1, 20), 999)),
)


def give_accounts() -> None:
    """Add everybody's account, with the password `demo` and its name."""
    for member in STAFF:
        accounts.add(
            member.account, member.roles, member.county, member.id_number, OPERATOR,
            password="demo" + member.account, secret=factor.sample_secret(member.account),
        )  # fmt: skip


def fresh_code(account: str) -> str:
    """Give a code of the second factor that was not used yet, though the last was a moment ago."""
    with write() as conn:
        conn.execute(ACCOUNT.update().where(ACCOUNT.c.name == account).values(totp_step=None))
    return factor.present_code(factor.sample_secret(account))


def entered(account: str, password: str) -> Actor | None:
    """Sign in with a password and a fresh code; give who acts then, or None."""
    found = logins.enter(account, password, fresh_code(account), Caller("10.0.0.1"))
    return found.login.actor if found else None


def staff(account: str) -> Actor:
    """Give the actor of one of the staff."""
    return accounts.named(account)
