"""A real PostgreSQL server of its own for one test session, thrown away afterwards."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

OLDEST_VERSION = 15
PATIENCE_SECONDS = 30
INSTALL_LINE = "apt-get update && apt-get install -y --no-install-recommends postgresql"
WITHOUT_SERVER = f"no PostgreSQL {OLDEST_VERSION} or newer on this machine; install it: {INSTALL_LINE}"


@dataclass(frozen=True)
class Server:
    """A running server; `url` names its maintenance database."""

    port: int
    password: str

    @property
    def url(self) -> str:
        """Give the SQLAlchemy URL of the maintenance database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Give the SQLAlchemy URL of one database of this server."""
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def fresh_database(self, name: str) -> str:
        """Make an empty database of that name, in place of an older one, and give its URL."""
        return self.copied_database(name, "template0")

    def copied_database(self, name: str, template: str) -> str:
        """Make a copy of a database that nobody is connected to, and give its URL."""
        with self.connect() as connection:
            names = sql.Identifier(name), sql.Identifier(template)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(names[0]))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return self.url_of(name)

    def connect(self) -> psycopg.Connection:
        """Open an autocommit connection to the maintenance database."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )


def programs() -> Path | None:
    """Give the folder of the newest server programs, or None when none is new enough."""
    found = [
        place
        for place in Path("/usr/lib/postgresql").glob("*/bin")
        if place.parent.name.isdigit() and int(place.parent.name) >= OLDEST_VERSION and (place / "initdb").exists()
    ]
    if found:
        return max(found, key=lambda place: int(place.parent.name))
    return programs_on_path()


def programs_on_path() -> Path | None:
    """Give the folder of the server programs that the shell would find."""
    initdb = shutil.which("initdb")
    if initdb is None:
        return None
    version = subprocess.run([initdb, "--version"], capture_output=True, text=True, check=True)
    major = int(version.stdout.rsplit(maxsplit=1)[-1].split(".")[0])
    return Path(initdb).resolve().parent if major >= OLDEST_VERSION else None


@contextmanager
def running_server(bin_folder: Path) -> Iterator[Server]:
    """Start a server with an empty cluster; end it and remove every trace on leaving."""
    # Below /tmp whatever TMPDIR says: the path of a socket may have 107 bytes only,
    # and the server's account must be able to walk down to it.
    home = Path(tempfile.mkdtemp(prefix="edu-pilot-pg-", dir="/tmp"))
    owner = server_account()
    shutil.chown(home, owner)
    try:
        password = initialise(bin_folder, home, owner)
        process, server = start(bin_folder, home, owner, password)
        try:
            yield server
        finally:
            stop(process)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def server_account() -> str:
    """Give the account that the server runs as: it refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def as_account(owner: str) -> list[str]:
    """Give the prefix that runs a program as the account and ends it when this process dies."""
    prefix = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() != 0:
        return prefix
    group = str(pwd.getpwnam(owner).pw_gid)
    return [*prefix, "--reuid", owner, "--regid", group, "--clear-groups"]


def initialise(bin_folder: Path, home: Path, owner: str) -> str:
    """Make the cluster: checksums, UTF-8, C.UTF-8; give the superuser's password."""
    password = secrets.token_hex(16)
    password_file = home / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    shutil.chown(password_file, owner)
    command = [
        *(str(bin_folder / "initdb"), "--pgdata", str(home / "data"), "--username", "postgres"),
        *("--pwfile", str(password_file), "--auth", "scram-sha-256"),
        *("--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums"),
    ]
    subprocess.run([*as_account(owner), *command], check=True, cwd=home, stdout=subprocess.DEVNULL)
    return password


def start(bin_folder: Path, home: Path, owner: str, password: str) -> tuple[subprocess.Popen[bytes], Server]:
    """Start the server; another port is tried when somebody takes ours in the meantime."""
    for _attempt in range(5):
        server = Server(free_port(), password)
        process = launch(bin_folder, home, owner, server.port)
        if answers(process, server):
            return process, server
        stop(process)
    raise RuntimeError(f"PostgreSQL did not start:\n{(home / 'log').read_text()}")


def launch(bin_folder: Path, home: Path, owner: str, port: int) -> subprocess.Popen[bytes]:
    """Run the server; fsync, synchronous_commit and full_page_writes stay on as in real life."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(home),
        "max_connections": "100",
        "timezone": "UTC",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(bin_folder / "postgres"), "-D", str(home / "data"), *options]
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            [*as_account(owner), *command],
            cwd=home,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )


def free_port() -> int:
    """Give a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(process: subprocess.Popen[bytes], server: Server) -> bool:
    """Wait for the first connection; False when the server ended or took too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return True
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server at once, without waiting for those who are still connected."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
