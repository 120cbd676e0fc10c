"""Settings from the environment; a wrong value is one clear line and exit code 2."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from edu_pilot import paths

# A public key in the age format.
RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
# What a database file is renamed to when its county has moved to PostgreSQL.
MOVED = ".moved"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Misconfigured(Exception):
    """A setting that cannot be used, named with what to do."""


@dataclass(frozen=True)
class Settings:
    """Everything the environment decides."""

    env: str
    data: Path
    database_url: str
    store_url: str
    base_url: str
    secret_key: str | None
    workflows: Path
    lang: str
    backup_recipients: tuple[str, ...] = ()
    snapshots: Path | None = None
    # How many proxies stand before the server and are believed about the client's address.
    proxy_hops: int = 0

    @property
    def production(self) -> bool:
        """Whether real people's data is at stake."""
        return self.env == "production"

    @property
    def embedded(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.database_url.startswith("sqlite")

    @property
    def database_file(self) -> Path:
        """The file of an embedded database."""
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def keys(self) -> Path:
        """The folder of the instance's keys."""
        return self.data / "keys"


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; raise Misconfigured with one line that names the variable and the remedy."""
    env = _choice(environ, "EDU_PILOT_ENV", ("production", "demo", "local"), "local")
    data = Path(environ.get("EDU_PILOT_DATA") or "instance").resolve()
    settings = Settings(
        env=env,
        data=data,
        database_url=_database(environ, data),
        store_url=_secret(environ, "EDU_PILOT_STORE_URL") or str(data / "store"),
        base_url=_base_url(environ),
        secret_key=_secret(environ, "EDU_PILOT_SECRET_KEY"),
        workflows=Path(environ.get("EDU_PILOT_WORKFLOWS") or paths.workflows()),
        lang=_choice(environ, "EDU_PILOT_LANG", ("zh", "en"), "zh"),
        backup_recipients=_recipients(environ),
        snapshots=_folder(environ, "EDU_PILOT_SNAPSHOTS"),
        proxy_hops=int(_choice(environ, "EDU_PILOT_PROXY_HOPS", ("0", "1", "2", "3"), "0")),
    )
    _check(settings, environ)
    return settings


def _check(settings: Settings, environ: Mapping[str, str]) -> None:
    if not settings.workflows.is_dir():
        raise Misconfigured(f"EDU_PILOT_WORKFLOWS: {settings.workflows} is not a folder")
    _business_date(environ)
    if environ.get("EDU_PILOT_QUEUE_URL"):
        raise Misconfigured("EDU_PILOT_QUEUE_URL: the queue is a table of the database; unset it")
    if settings.production:
        _check_production(settings, environ)


def _check_production(settings: Settings, environ: Mapping[str, str]) -> None:
    if environ.get("EDU_PILOT_TODAY"):
        raise Misconfigured("EDU_PILOT_TODAY: refused in production, the business date is real; unset it")
    if not settings.base_url.startswith("https://"):
        raise Misconfigured("EDU_PILOT_BASE_URL: production needs an https address, e.g. https://pilot.example.cn")
    if any(len(line) < 32 for line in (settings.secret_key or "-").splitlines()):
        raise Misconfigured("EDU_PILOT_SECRET_KEY: production needs a secret of at least 32 characters")


def _choice(environ: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = environ.get(name) or default
    if value not in allowed:
        raise Misconfigured(f"{name}: {value!r} is not one of {', '.join(allowed)}")
    return value


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    """Return a value, or the content of the file that its _FILE variant names."""
    if file := environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text("utf-8").strip()
        except OSError as error:
            raise Misconfigured(f"{name}_FILE: {file} cannot be read ({error.strerror})") from None
    return environ.get(name) or None


def _database(environ: Mapping[str, str], data: Path) -> str:
    url = _secret(environ, "EDU_PILOT_DATABASE_URL")
    if url is None:
        _require_not_moved(data / "edu-pilot.db")
        return f"sqlite:///{data / 'edu-pilot.db'}"
    return database_url(url)


def database_url(url: str) -> str:
    """Return an address as the database library reads it; raises Misconfigured."""
    scheme = url.split(":", 1)[0]
    if scheme in ("postgresql", "postgres"):
        return "postgresql+psycopg:" + url.split(":", 1)[1]
    if scheme not in ("sqlite", "postgresql+psycopg"):
        raise Misconfigured(f"EDU_PILOT_DATABASE_URL: {scheme!r} is neither sqlite nor postgresql")
    return url


def _require_not_moved(file: Path) -> None:
    """Refuse to begin a new database beside one that has moved on: the county would have two."""
    if file.with_name(file.name + MOVED).exists() and not file.exists():
        raise Misconfigured(
            "EDU_PILOT_DATABASE_URL: this installation has moved to PostgreSQL; set the address it moved to"
        )


def _recipients(environ: Mapping[str, str]) -> tuple[str, ...]:
    found = tuple((_secret(environ, "EDU_PILOT_BACKUP_RECIPIENTS") or "").replace(",", " ").split())
    for key in found:
        if not RECIPIENT.fullmatch(key):
            raise Misconfigured(
                f"EDU_PILOT_BACKUP_RECIPIENTS: {key!r} is no public key; edu-pilot backup --new-identity makes one"
            )
    return found


def _folder(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]).resolve() if environ.get(name) else None


def _base_url(environ: Mapping[str, str]) -> str:
    url = (environ.get("EDU_PILOT_BASE_URL") or f"http://127.0.0.1:{environ.get('PORT') or 8000}").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misconfigured(f"EDU_PILOT_BASE_URL: {url!r} is no http or https address")
    return url


def _business_date(environ: Mapping[str, str]) -> None:
    value = environ.get("EDU_PILOT_TODAY")
    try:
        date.fromisoformat(value or "2022-01-01")
    except ValueError:
        raise Misconfigured(f"EDU_PILOT_TODAY: {value!r} is no date; write 2022-08-20") from None
