"""The examiner's diary: a session for each occupation, level and day that somebody is examined on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from edu_pilot.sample.calendar import Life
from edu_pilot.sample.hands import Hands
from edu_pilot.services import national_query

ROOMS = ({"room": "第一考场", "seats": 30}, {"room": "第二考场", "seats": 30})
SEATS = sum(int(str(room["seats"])) for room in ROOMS)
SITE = "德州市职业技能考核中心"
DAY = timedelta(days=1)
# The national query shows a certificate some weeks after it is issued; its lists come every quarter.
LISTED_AFTER, LISTS_EVERY = timedelta(days=30), timedelta(days=91)
SCORED_AFTER, PUBLISHED_AFTER = timedelta(days=9), timedelta(days=16)


@dataclass
class Session:
    """One exam session and who sits in it."""

    reference: str
    held_on: date
    candidates: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    entered: int = 0
    cancelled: bool = False


@dataclass
class Exams:
    """Sessions by what they examine and when; a full one gets a second beside it."""

    hands: Hands
    known: dict[tuple[str, str, date], Session] = field(default_factory=dict)

    def session(self, occupation: str, level: str, held_on: date) -> Session:
        """Return an open session with a free seat, opened by the examiner if there is none yet."""
        found = self.known.get((occupation, level, held_on))
        if found is None or found.entered == SEATS:
            found = Session(self.planned(occupation, level, held_on), held_on)
            self.hands.act(self.hands.staff["examiner"], "session", found.reference, "open")
            self.known[occupation, level, held_on] = found
            self.hands.calendar.start(self._held(found))
        found.entered += 1
        return found

    def planned(self, occupation: str, level: str, held_on: date) -> str:
        """Let the examiner plan a session; return its reference."""
        return self.hands.new(
            "session", self.hands.staff["examiner"], occupation=occupation, level=level,
            held_on=held_on.isoformat(), starts="09:00", site=SITE, rooms=list(ROOMS),
        ).reference  # fmt: skip

    def listed(self, first: date) -> Life:
        """Let the examiner take in the lists of the national query; the newest certificates stay pending."""
        while first <= self.hands.last:
            yield self.hands.office(first)
            if numbers := self.hands.certificates(self.hands.calendar.today - LISTED_AFTER):
                content = "\n".join([national_query.HEADS[0], *numbers]).encode()
                national_query.take(content, "query.csv", self.hands.staff["examiner"])
            first += LISTS_EVERY

    def _held(self, session: Session) -> Life:
        examiner = self.hands.staff["examiner"]
        # The day before, so that the door list is there when the session is held.
        yield session.held_on - DAY
        self.hands.act(examiner, "session", session.reference, "seat_all")
        yield session.held_on
        self.hands.act_on_all(examiner, "certification", session.candidates, "mark_sat")
        self.hands.act_on_all(examiner, "certification", session.absent, "mark_absent")
        self.hands.act(examiner, "session", session.reference, "hold")
        yield session.held_on + SCORED_AFTER
        self.hands.act(examiner, "session", session.reference, "score_all")
        yield session.held_on + PUBLISHED_AFTER
        self.hands.act(examiner, "session", session.reference, "publish")

    def cancel(self, session: Session) -> None:
        """Let the examiner cancel a session, once; its candidates are free for another one."""
        if session.cancelled:
            return
        session.cancelled = True
        examiner = self.hands.staff["examiner"]
        self.hands.act(examiner, "session", session.reference, "cancel", cancellation="SITE_NOT_AVAILABLE")

    def one_ahead(self, occupation: str, level: str) -> Life:
        """The next session is planned but not open yet on the business date."""
        yield self.hands.office(self.hands.last - timedelta(days=10))
        self.planned(occupation, level, self.hands.last + timedelta(days=90))
