"""G5: the database is shot down under load; nothing acknowledged is lost, asking again clears what is unknown."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres as postgres_server
from tests.app import Place, make_template
from tests.trust.callers import UNKNOWN, Callers
from tests.trust.clusters import Cluster, cluster
from tests.trust.figures import column, figure, seed, size
from tests.trust.servers import Site, served
from tests.trust.test_g04_faults import PATIENCE_SECONDS, healed, require_each_once

pytestmark = pytest.mark.xdist_group("postgres")
CLIENTS = 4
LOAD_SECONDS = 1.0
# Seconds: how long the database stands still, and how soon requests must go through again.
PAUSE = 1.0 if column() == "small" else 5.0
BACK = 5.0
TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'pilot' AND pid <> pg_backend_pid()"
)


@pytest.fixture
def shot(tmp_path: Path) -> Iterator[tuple[Cluster, Site]]:
    """Give a server over a cluster of its own."""
    bin_folder = postgres_server.programs()
    if bin_folder is None:
        pytest.skip(postgres_server.WITHOUT_SERVER)
    with cluster(bin_folder) as made:
        made.sql("CREATE DATABASE pilot TEMPLATE template0")
        place = Place(tmp_path / "instance", made.url("pilot").replace("postgresql:", "postgresql+psycopg:"))
        make_template(place)
        with served(place, workers=2) as site:
            yield made, site


def restarted(made: Cluster) -> None:
    made.stop("immediate")
    made.start()


def cut_off(made: Cluster) -> None:
    made.sql(TERMINATE)


def paused(made: Cluster) -> None:
    """Let the whole server stand still, as a machine does that is moved or swaps."""
    parent = int((made.data / "postmaster.pid").read_text().split()[0])
    stopped = [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    for process in (parent, *stopped):
        os.kill(process, signal.SIGSTOP)
    time.sleep(PAUSE)
    for process in (*stopped, parent):
        os.kill(process, signal.SIGCONT)


def back(callers: Callers) -> float:
    """Wait until a request goes through again and return the seconds that took."""
    begun = time.monotonic()
    while callers.enter() != 201:
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.05)
    return time.monotonic() - begun


def test_a_shot_database_loses_nothing(shot: tuple[Cluster, Site]) -> None:
    made, site = shot
    callers, slowest, unknown = Callers(site, site.token("wang.fang")), 0.0, 0
    with figure("G5", seed("G5")) as told:
        for n in range(size("G5")):
            for blow in (restarted, cut_off, paused):
                with callers.at_work(CLIENTS):
                    time.sleep(LOAD_SECONDS)
                    blow(made)
                    slowest = max(slowest, back(callers))
                    time.sleep(LOAD_SECONDS)
                unknown += sum(key not in callers.told for key in callers.statuses)
                healed(callers)
            told(rounds=n + 1, requests=len(callers.statuses), unknown=unknown, back=f"{slowest:.1f}s")
        told(stored=require_each_once(site.place, callers))
    assert callers.seen <= {201, 503, UNKNOWN} and 503 in callers.seen
    assert slowest <= BACK
