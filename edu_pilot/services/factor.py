"""The second factor: codes of an authenticator (RFC 6238), each good once, and recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyotp
import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import Account, RecoveryCode
from edu_pilot.services import tokens
from edu_pilot.services.vault import vault

ACCOUNT = Account.__table__
RECOVERY = RecoveryCode.__table__
PLACE = "account.totp_secret"
# The parameters every authenticator knows: six digits, thirty seconds.
STEP_SECONDS = 30
ISSUER = "edu-pilot"
# Four times four of 32 characters: 80 random bits, which a plain hash keeps to itself.
RECOVERY_CODES, RECOVERY_LENGTH = 10, 16
READABLE = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def new_secret() -> str:
    """Return a random secret of 160 bits, as authenticators take it."""
    return pyotp.random_base32()


def sample_secret(name: str) -> str:
    """Return the secret of a sample account, which everybody may know."""
    return base64.b32encode(hashlib.sha256(f"edu-pilot sample {name}".encode()).digest()[:20]).decode()


def address_of(secret: str, name: str) -> str:
    """Return the otpauth address that an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def present_code(secret: str, at: datetime | None = None) -> str:
    """Return the code of a moment."""
    return pyotp.TOTP(secret).generate_otp(_step(at or clock.now()))


def _step(at: datetime) -> int:
    return int(at.timestamp()) // STEP_SECONDS


def step_of(secret: str, code: str, at: datetime) -> int | None:
    """Return the thirty seconds a code belongs to: the present ones, those before or those after; None for none."""
    present, totp, given = _step(at), pyotp.TOTP(secret), _plain(code).encode()
    fitting = [
        step
        for step in (present, present - 1, present + 1)
        if hmac.compare_digest(totp.generate_otp(step).encode(), given)
    ]
    return fitting[0] if fitting else None


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").upper()


def secret_of(account: Mapping[str, Any]) -> str | None:
    """Return an account's secret, or None if it has enrolled none."""
    blob = account["totp_secret"]
    return vault().open(PLACE, account["id"], blob) if blob else None


def sealed(account_id: str, secret: str) -> bytes:
    """Return a secret sealed for an account's row."""
    return vault().seal(PLACE, account_id, secret)


def accept(conn: Connection, account: Mapping[str, Any], code: str) -> bool:
    """Take a code of the authenticator or a recovery code; each is taken once, by whoever is first."""
    secret = secret_of(account)
    if secret is None:
        return False
    step = step_of(secret, code, clock.now())
    if step is None:
        return _recovered(conn, account["id"], code)
    # A sample account's codes stand on the sign-in page for everybody; production lets none of them in.
    return bool(account["demo"]) or _first_use(conn, account["id"], step)


def _first_use(conn: Connection, account_id: str, step: int) -> bool:
    later = sa.or_(ACCOUNT.c.totp_step.is_(None), ACCOUNT.c.totp_step < step)
    query = ACCOUNT.update().where(ACCOUNT.c.id == account_id, later).values(totp_step=step)
    return conn.execute(query).rowcount == 1


def _recovered(conn: Connection, account_id: str, code: str) -> bool:
    mine = RECOVERY.c.account_id == account_id, RECOVERY.c.code_hash == _hash(account_id, code)
    query = RECOVERY.update().where(*mine, RECOVERY.c.used_at.is_(None)).values(used_at=clock.now())
    return conn.execute(query).rowcount == 1


def _hash(account_id: str, code: str) -> str:
    return tokens.hash_of(_plain(code), "recovery_code", account_id)


def new_recovery_codes(conn: Connection, account_id: str) -> list[str]:
    """Give an account ten new recovery codes, shown once; the old ones end."""
    conn.execute(RECOVERY.delete().where(RECOVERY.c.account_id == account_id))
    codes = ["".join(secrets.choice(READABLE) for _ in range(RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    rows = [{"account_id": account_id, "code_hash": _hash(account_id, code), "used_at": None} for code in codes]
    conn.execute(RECOVERY.insert(), rows)
    return ["-".join(code[at : at + 4] for at in range(0, RECOVERY_LENGTH, 4)) for code in codes]


def codes_left(conn: Connection, account_id: str) -> int:
    """Return how many recovery codes an account has not used."""
    query = sa.select(sa.func.count()).where(RECOVERY.c.account_id == account_id, RECOVERY.c.used_at.is_(None))
    return int(conn.execute(query).scalar_one())


def forget(conn: Connection, account_id: str) -> None:
    """Take an account's factor and its recovery codes away: the next sign-in can only enrol a new one."""
    conn.execute(RECOVERY.delete().where(RECOVERY.c.account_id == account_id))
    conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == account_id).values(totp_secret=None, totp_step=None))
