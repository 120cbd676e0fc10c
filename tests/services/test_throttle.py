"""Limits on guessing: what is counted, how the wait grows, what is given back (C6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from edu_pilot.extensions import read, write
from edu_pilot.services import access_limits, throttle
from edu_pilot.services.throttle import TooMany
from tests.factories import rows

NOW = datetime(2022, 8, 20, 8, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("one_clock")


def tries(number: int, **given: str) -> int:
    """Try as often as asked and give how often one got through."""
    passed = 0
    for _ in range(number):
        try:
            throttle.count("sign_in", **given)
        except TooMany:
            continue
        passed += 1
    return passed


def wait(**given: str) -> int:
    """Give the seconds that somebody is told to wait."""
    with pytest.raises(TooMany) as refusal:
        throttle.count("sign_in", **given)
    return refusal.value.seconds


def test_the_wait_doubles_and_the_day_has_an_end(any_app: Flask) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        assert tries(7, account="wang.fang") == 6
        waits = []
        for _ in range(3):
            waits.append(wait(account="wang.fang"))
            clock.shift(waits[-1])
            throttle.count("sign_in", account="wang.fang")
        assert waits == [30, 60, 120]
        clock.shift(wait(account="wang.fang"))
        throttle.count("sign_in", account="wang.fang")
        left = wait(account="wang.fang")
        assert 23 * 3600 < left <= 24 * 3600
        clock.shift(left)
        assert tries(7, account="wang.fang") == 6


def test_of_many_at_once_no_more_get_through(any_app: Flask) -> None:
    def one(_n: int) -> bool:
        with any_app.app_context():
            return bool(tries(1, account="wang.fang"))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(24))) == 6


def test_each_thing_given_is_counted_for_itself(app: Flask) -> None:
    assert tries(7, account="wang.fang", address="10.0.0.1") == 6
    assert tries(1, account="WANG.FANG ", address="10.0.0.2") == 0
    assert tries(1, account="chen.hui", address="10.0.0.1") == 1


def test_what_is_shut_counts_no_further(app: Flask) -> None:
    tries(20, account="wang.fang", address="10.0.0.1")
    counts = {row["bucket"]: row["count"] for row in rows("throttle")}
    assert counts == {"sign_in.account": 6, "sign_in.address": 6, "sign_in.total": 6}


def test_a_right_try_is_given_back(app: Flask) -> None:
    for _ in range(50):
        counted = throttle.count("sign_in", account="wang.fang")
        with write() as conn:
            counted.give_back(conn)
    assert {row["count"] for row in rows("throttle")} == {0}


def test_all_together_have_a_limit_too(app: Flask) -> None:
    with read() as conn:
        most = access_limits.limits(conn).tries["total"].tries
    with time_machine.travel(NOW, tick=False) as clock:
        assert tries(most + 5) == most
        assert wait(account="somebody else") <= 60
        clock.shift(timedelta(seconds=61))
        assert tries(1, account="somebody else") == 1


def test_the_rows_name_nobody(app: Flask) -> None:
    tries(1, account="wang.fang", address="10.0.0.1")
    assert not any(word in str(rows("throttle")) for word in ("wang", "10.0.0.1"))


def test_old_rows_are_dropped(app: Flask) -> None:
    with time_machine.travel(NOW):
        tries(1, account="wang.fang")
    with time_machine.travel(NOW + timedelta(days=8)):
        tries(1, account="chen.hui")
        assert throttle.purge() == 1  # the total's own row began a new window
    assert len(rows("throttle")) == 2


def test_one_subscriber_holds_a_whole_network_of_the_new_kind() -> None:
    assert throttle.network("2001:db8:1:2:3:4:5:6") == throttle.network("2001:db8:1:2::9") != "2001:db8:1:2::9"
    assert throttle.network("10.0.0.1") == "10.0.0.1"
    assert throttle.network("") == ""
