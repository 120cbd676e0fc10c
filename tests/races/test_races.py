"""Where two can race exactly one wins, and the loser gets a sentence (R1.4, R2.8, R5.2, R6.2)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date

import pytest

from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from tests.app import Place
from tests.factories import (
    ADMITTED,
    CHECKED,
    CONFIRMED,
    EXAM,
    SIGN_UP,
    VERIFIED,
    Pilot,
    another_certification,
    corrected,
    passed,
    publish_places,
    row,
    rows,
)
from tests.people import worker
from tests.races.harness import NoMoreRounds, Outcome, Step, Track
from tests.races.protections import drop_constraints

ROUNDS = int(os.environ.get("EDU_PILOT_RACE_ROUNDS", "100"))
# Each round admits a person of its own.
ROUNDS_OF_TWO_RECORDS = min(ROUNDS, 25)
# Without its protection a race shows its double within a few rounds, so these may stop early.
UNPROTECTED_ROUNDS = 300


def both_won(outcomes: Sequence[Outcome]) -> bool:
    return all(outcome.won for outcome in outcomes)


def winners(rounds: Sequence[tuple[Outcome, ...]]) -> list[int]:
    return [sum(outcome.won for outcome in outcomes) for outcomes in rounds]


def assert_one_winner(rounds: Sequence[tuple[Outcome, ...]], sentence: str) -> None:
    """Exactly one wins each round; every loser is told why."""
    assert winners(rounds) == [1] * len(rounds)
    losers = [outcome for outcomes in rounds for outcome in outcomes if not outcome.won]
    assert all(len(loser.sentences) == 1 for loser in losers)
    assert [s for loser in losers for s in loser.sentences if sentence not in s] == []


class DoubleClick:
    """The same button twice at once: the second answers that the case has changed."""

    def __init__(self, pilot: Pilot) -> None:
        self.actor = pilot.wang_fang
        self.draft = pilot.draft()

    def steps(self, _n: int) -> list[Step]:
        seen = row("application", self.draft)["version"]
        given = {"employer": "齐河建筑安装有限公司"}
        step = Step("application", self.draft, "amend", self.actor, SIGN_UP, given, seen)
        return [step, step]


def test_a_double_click_counts_once(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    clicks = DoubleClick(any_pilot)
    assert_one_winner(racetrack.race(any_place, clicks.steps, ROUNDS), "wang.fang did")
    assert len(rows("audit_entry", reference=clicks.draft, action="amend")) == ROUNDS
    assert row("application", clicks.draft)["version"] == ROUNDS + 1


def test_without_version_and_lock_a_double_click_counts_twice(
    racetrack: Track, any_place: Place, any_pilot: Pilot
) -> None:
    """Both databases: neither lock nor the condition of the UPDATE."""
    found = racetrack.race(
        any_place, DoubleClick(any_pilot).steps, UNPROTECTED_ROUNDS, without=["transaction", "version"], until=both_won
    )
    assert 2 in winners(found)


class SamePerson:
    """Clerks of two counties register the same person at once (R2.8)."""

    def __init__(self, pilot: Pilot) -> None:
        self.pilot = pilot
        self.drafts = {pilot.wang_fang: self.draft(pilot.wang_fang)}
        self.drafts[pilot.decheng_clerk] = self.draft(pilot.decheng_clerk)

    def draft(self, clerk: Actor) -> str:
        if clerk.county == "371402":
            return self.pilot.draft(by=clerk, county="德城区", point="德城区教学点")
        return self.pilot.draft(by=clerk)

    def steps(self, _n: int) -> list[Step]:
        for clerk, draft in self.drafts.items():
            if row("application", draft)["state"] == "registered":
                self.pilot.withdraw(draft, SIGN_UP)
                self.drafts[clerk] = self.draft(clerk)
        return [Step("application", draft, "register", clerk, SIGN_UP) for clerk, draft in self.drafts.items()]


def test_two_clerks_register_one_person_once(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """The second is told where and since when, nothing else."""
    same = SamePerson(any_pilot)
    assert_one_winner(racetrack.race(any_place, same.steps, ROUNDS), "already registered at ")
    assert len(rows("live_case")) == 1
    assert len(rows("person")) == 1


def test_without_its_key_one_person_is_registered_twice(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """The primary key of the live case dropped; on SQLite also its transaction."""
    same = SamePerson(any_pilot)
    drop_constraints("live_case", "pk_live_case")
    found = racetrack.race(any_place, same.steps, UNPROTECTED_ROUNDS, without=["transaction"], until=both_won)
    assert 2 in winners(found)


class LastPlace:
    """Two applicants of two points are verified at once for the last place (R1.4)."""

    def __init__(self, pilot: Pilot) -> None:
        publish_places(1, day=SIGN_UP)
        self.pilot = pilot
        self.applications = [pilot.complete(worker(n)) for n in range(2)]
        self.sentences: list[str] = []
        self.reserved: list[int] = []

    def steps(self, n: int) -> list[Step]:
        if n:
            self.judge()
            self.again()
        clerks = (self.pilot.wang_fang, self.pilot.chen_hui)
        return [
            Step("application", application, "verify", clerk, VERIFIED)
            for clerk, application in zip(clerks, self.applications, strict=True)
        ]

    def judge(self) -> None:
        """Note how many hold the place, and what who has none is told."""
        places = {a: row("application", a)["place"] for a in self.applications}
        self.reserved.append(list(places.values()).count("reserved"))
        for application, place in places.items():
            if place != "reserved":
                assert self.pilot.admit(application).state == "waitlisted"
                self.ask_again(application)

    def ask_again(self, application: str) -> None:
        with pytest.raises(Refused) as refusal:
            self.pilot.admit(application)
        self.sentences += [reason.english() for reason in refusal.value.reasons]

    def again(self) -> None:
        """Reject both and reopen them, so that the place is free again."""
        for application in self.applications:
            self.pilot.reject(application)
            step = ("application", application, "reopen", self.pilot.chen_hui, ADMITTED)
            self.pilot.act(*step, note="申诉成立")


def test_edge_19_the_last_place_is_given_once(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """One gets it, the other stands first on the waiting list."""
    last = LastPlace(any_pilot)
    found = racetrack.race(any_place, last.steps, ROUNDS)
    last.judge()
    assert winners(found) == [2] * ROUNDS
    assert last.reserved == [1] * ROUNDS
    assert set(last.sentences) == {"No place of 2022 is free; waiting number 1."}
    assert len(last.sentences) == ROUNDS


def test_without_the_condition_the_last_place_is_given_twice(
    racetrack: Track, any_place: Place, any_pilot: Pilot
) -> None:
    """A look before instead of the conditional UPDATE, the CHECK dropped; on SQLite no transaction."""
    last = LastPlace(any_pilot)
    drop_constraints("quota", "ck_quota_within_places")
    doubles = []

    def steps(n: int) -> list[Step]:
        if n:
            holders = [row("application", a)["place"] for a in last.applications]
            doubles.append(holders.count("reserved") == 2)
            if doubles[-1]:
                raise NoMoreRounds
            last.again()
        return LastPlace.steps(last, 0)

    racetrack.race(any_place, steps, UNPROTECTED_ROUNDS, without=["transaction", "places"])
    assert True in doubles


class ConfirmOrWithdraw:
    """The school status is confirmed while the application is withdrawn: two records, one place (R1.4)."""

    def __init__(self, pilot: Pilot) -> None:
        self.pilot = pilot
        self.applications: list[str] = []

    def steps(self, n: int) -> list[Step]:
        application = self.pilot.admitted(worker(n))
        self.applications.append(application)
        study = rows("study", application_id=row("application", application)["id"])[0]["reference"]
        withdrawal = {"withdrawal": "PERSONAL", "note": ""}
        return [
            Step("study", study, "confirm_status", self.pilot.chen_hui, CONFIRMED),
            Step("application", application, "withdraw", self.pilot.chen_hui, CONFIRMED, withdrawal),
        ]


def test_a_confirmed_place_is_not_withdrawn_at_the_same_moment(
    racetrack: Track, any_place: Place, any_pilot: Pilot
) -> None:
    """One of the two wins, and who has a student number has a place."""
    both = ConfirmOrWithdraw(any_pilot)
    found = racetrack.race(any_place, both.steps, ROUNDS_OF_TWO_RECORDS)
    assert_one_winner(found, "ithdrawn")
    for application in both.applications:
        held = row("application", application)
        number = rows("study", application_id=held["id"])[0]["student_number"]
        assert (number is not None) == (held["place"] == "used")


class OneClaim:
    """A claim under check, sent back and submitted again after each round."""

    def __init__(self, pilot: Pilot) -> None:
        self.pilot = pilot
        self.claim = pilot.submitted(pilot.graduated())

    def again(self) -> None:
        """Let the other body ask for a correction where one check stands, then submit anew."""
        if row("claim", self.claim)["state"] == "submitted":
            self.pilot.check(self.claim, self.pilot.sun_li, corrected())
        self.pilot.submit(self.claim)

    def checks_of_this_round(self) -> int:
        return len(rows("claim_check", round=row("claim", self.claim)["round"]))

    def checks(self, *actors: Actor, given: dict[str, object]) -> list[Step]:
        seen = row("claim", self.claim)["version"]
        return [Step("claim", self.claim, "check", actor, CHECKED, given, seen) for actor in actors]


class OneBody(OneClaim):
    """Two reviewers of the union check at once (R5.2)."""

    def steps(self, n: int) -> list[Step]:
        if n:
            self.again()
        both = (self.pilot.zhao_min, self.pilot.zhao_mins_colleague)
        return self.checks(*both, given=passed())


class BothBodies(OneClaim):
    """Union and university check at once (R5.2)."""

    def steps(self, n: int) -> list[Step]:
        if n:
            self.again()
        return self.checks(self.pilot.zhao_min, self.pilot.sun_li, given=corrected())


def test_of_two_reviewers_of_one_body_one_wins(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """The other is told who."""
    body = OneBody(any_pilot)
    assert_one_winner(racetrack.race(any_place, body.steps, ROUNDS), "has checked this claim for your body")
    # Beside the union's one check a round stands the university's, which sent it back.
    assert len(rows("claim_check", body="union_reviewer")) == ROUNDS


def test_without_its_key_one_body_decides_twice(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """The unique keys of the checks dropped, and the lock of the record."""
    body = OneBody(any_pilot)
    keys = ("uq_claim_check_claim_id_round_body", "uq_claim_check_claim_id_round_person_key")
    drop_constraints("claim_check", *keys)

    def steps(n: int) -> list[Step]:
        if body.checks_of_this_round() > 1:
            raise NoMoreRounds
        return OneBody.steps(body, n)

    found = racetrack.race(any_place, steps, UNPROTECTED_ROUNDS, without=["transaction"])
    assert winners(found)[-1] == body.checks_of_this_round() == 2


def test_of_two_bodies_both_count_with_one_outcome(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """In any interleaving the later one finds the earlier, and the claim is decided once."""
    bodies = BothBodies(any_pilot)
    found = racetrack.race(any_place, bodies.steps, ROUNDS)
    assert winners(found) == [2] * ROUNDS
    states = [tuple(sorted(str(outcome.state) for outcome in outcomes)) for outcomes in found]
    assert set(states) == {("returned", "submitted")}
    assert len(rows("claim_check")) == 2 * ROUNDS
    assert row("claim", bodies.claim)["state"] == "returned"


def test_without_the_lock_both_bodies_miss_each_other(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """Both checks are there, and nobody decided the claim."""
    bodies = BothBodies(any_pilot)

    def steps(n: int) -> list[Step]:
        if n and row("claim", bodies.claim)["state"] == "submitted":
            raise NoMoreRounds
        return BothBodies.steps(bodies, n)

    racetrack.race(any_place, steps, UNPROTECTED_ROUNDS, without=["transaction"])
    assert row("claim", bodies.claim)["state"] == "submitted"
    assert bodies.checks_of_this_round() == 2


class LastSeat:
    """Two candidates are given the last seat of a room at once (R4.4)."""

    def __init__(self, pilot: Pilot) -> None:
        self.pilot = pilot
        self.candidates = [pilot.trained(pilot.studying(worker(n))) for n in range(2)]
        taken = row("certification", self.candidates[0])
        self.session = pilot.exam(taken["occupation"], taken["level"], seats=1)
        self.most = 0
        self.enter()

    def enter(self) -> None:
        for candidate in self.candidates:
            self.pilot.act("certification", candidate, "enter", self.pilot.examiner, EXAM, session=self.session)

    def steps(self, n: int) -> list[Step]:
        if n:
            self.leave()
            self.enter()
        return [Step("certification", c, "seat", self.pilot.examiner, EXAM) for c in self.candidates]

    def seats(self) -> list[tuple[str, int]]:
        """Give the seats that are taken."""
        known = (row("certification", candidate) for candidate in self.candidates)
        return [(str(r["room"]), int(r["seat"])) for r in known if r["seat"]]

    def leave(self) -> None:
        self.most = max(self.most, len(self.seats()))
        for candidate in self.candidates:
            self.pilot.act("certification", candidate, "leave_session", self.pilot.examiner, EXAM)


def test_the_last_seat_is_given_once(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """The second candidate of the moment is told that no seat is left."""
    last = LastSeat(any_pilot)
    assert_one_winner(racetrack.race(any_place, last.steps, ROUNDS), "All seats of the session are taken")
    last.leave()
    assert last.most == 1


def test_without_its_key_the_last_seat_is_given_twice(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """The unique key of the seat dropped; on SQLite also its transaction."""
    last = LastSeat(any_pilot)
    drop_constraints("certification", "uq_certification_session_id_room_seat")
    found = racetrack.race(any_place, last.steps, UNPROTECTED_ROUNDS, without=["transaction"], until=both_won)
    assert 2 in winners(found)
    assert last.seats() == [("A101", 1), ("A101", 1)]


class OnePersonTwice:
    """One person enters two sessions of the same hour at once (R4.4)."""

    def __init__(self, pilot: Pilot) -> None:
        self.pilot = pilot
        first = pilot.trained(pilot.studying())
        self.candidates = [first, another_certification(first, "online_marketer")]
        taken = [row("certification", c) for c in self.candidates]
        self.sessions = [pilot.exam(t["occupation"], t["level"]) for t in taken]

    def steps(self, n: int) -> list[Step]:
        for candidate in self.candidates:
            if row("certification", candidate)["state"] == "entered":
                self.pilot.act("certification", candidate, "leave_session", self.pilot.examiner, EXAM)
        return [
            Step("certification", candidate, "enter", self.pilot.examiner, EXAM, {"session": session})
            for candidate, session in zip(self.candidates, self.sessions, strict=True)
        ]


def test_one_person_enters_one_of_two_sessions_of_an_hour(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """The other entry is told of the clash."""
    twice = OnePersonTwice(any_pilot)
    assert_one_winner(racetrack.race(any_place, twice.steps, ROUNDS), "This sitting overlaps")


def test_the_day_of_a_race_is_the_contestants(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """The harness itself: a step out of its time is refused in the process too."""
    draft = any_pilot.draft()
    late = Step("application", draft, "register", any_pilot.wang_fang, date(2022, 12, 1))
    outcomes = racetrack.race(any_place, lambda _n: [late, late], 1)[0]
    assert [outcome.won for outcome in outcomes] == [False, False]
    assert all("open from" in sentence for o in outcomes for sentence in o.sentences)
