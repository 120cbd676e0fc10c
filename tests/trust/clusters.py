"""A PostgreSQL cluster of a test's own, which may be stopped hard, archived and built again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import postgres

PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Cluster:
    """A cluster in a folder: `data` are its files, `port` where it listens, `owner` the account it runs as."""

    bin_folder: Path
    home: Path
    owner: str
    password: str
    port: int

    @property
    def data(self) -> Path:
        """Give the folder of the cluster's files."""
        return self.home / "data"

    def url(self, database: str) -> str:
        """Give the address of a database."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def environ(self, **more: str) -> dict[str, str]:
        """Give the environment in which PostgreSQL's programs find this cluster."""
        path = f"{self.bin_folder}:{os.environ['PATH']}"
        known = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGPASSWORD": self.password}
        return {"PATH": path, "HOME": str(self.home), "PGDATA": str(self.data), "LC_ALL": "C.UTF-8", **known, **more}

    def run(self, *words: str, **more: str) -> str:
        """Run a program as the cluster's account and give what it printed."""
        # Not a pipe: a server started here would keep it open.
        with tempfile.TemporaryFile() as told:
            # A server that is started here must outlive the program that started it.
            prefix = [word for word in postgres.as_account(self.owner) if word not in ("--pdeathsig", "INT")]
            done = subprocess.run(
                [*(prefix if os.geteuid() == 0 else ()), *words],
                env=self.environ(**more),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            told.seek(0)
            text = told.read().decode()
        assert done.returncode == 0, f"{words}: {text}"
        return text

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.run("pg_ctl", "--wait", "--timeout=60", "--log", str(self.home / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `immediate` is the nearest to a power cut."""
        self.run("pg_ctl", "--wait", "--mode", mode, "stop")

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement and give the bare result."""
        return self.run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement).strip()

    def own(self, path: Path) -> Path:
        """Make a folder that belongs to the cluster's account."""
        path.mkdir(parents=True, exist_ok=True)
        shutil.chown(path, self.owner)
        return path


@contextmanager
def cluster(bin_folder: Path) -> Iterator[Cluster]:
    """Give a started cluster; end it and remove every trace on leaving."""
    home = Path(tempfile.mkdtemp(prefix="edu-pilot-pg-", dir="/tmp"))
    owner = postgres.server_account()
    shutil.chown(home, owner)
    made = Cluster(bin_folder, home, owner, postgres.initialise(bin_folder, home, owner), postgres.free_port())
    try:
        settings = f"listen_addresses = '127.0.0.1'\nport = {made.port}\nunix_socket_directories = '{home}'\n"
        with (made.data / "postgresql.conf").open("a") as file:
            file.write(settings)
        made.start()
        yield made
    finally:
        stop_anything(made)
        shutil.rmtree(home, ignore_errors=True)


def stop_anything(made: Cluster) -> None:
    """Stop the server if it runs."""
    if (made.data / "postmaster.pid").exists():
        made.stop("immediate")
