"""What keeps an ended session, another's form and a used link out."""

from collections.abc import Iterator
from unittest import mock

import sqlalchemy as sa
from flask_wtf import CSRFProtect

from edu_pilot.services import factor, links, logins
from tests.trust.guards import guard

HERE = "tests/trust/test_g20_sessions.py::test_"


@guard("ended_sessions", test=HERE + "a_kept_cookie_is_worth_nothing_afterwards")
def without_the_end_of_sessions() -> Iterator[None]:
    """The row says when the session ended, and nobody looks."""
    with mock.patch.object(logins, "_holds", lambda row, _bounds, _now: bool(row)):
        yield


@guard("form_tokens", test=HERE + "no_form_is_taken_without_its_token_or_with_anothers")
def without_form_tokens() -> Iterator[None]:
    """Any form is taken, wherever it comes from."""
    with mock.patch.object(CSRFProtect, "protect", lambda _self: None):
        yield


@guard("links_once", test=HERE + "a_link_is_used_by_one_of_many")
def without_using_links_up() -> Iterator[None]:
    """A link is looked at and never used up."""
    with mock.patch.object(links, "_open", lambda _conn, purpose, token: _any(purpose, token)):
        yield


def _any(purpose: str, token: str) -> tuple[sa.ColumnElement[bool], ...]:
    return links.LINK.c.token_hash == links._hash(purpose, token), links.LINK.c.purpose == purpose


@guard("links_in_time", test=HERE + "a_link_ends_to_the_second")
def without_the_time_of_links() -> Iterator[None]:
    """A link holds until it is used."""

    def ever(_conn: object, purpose: str, token: str) -> tuple[sa.ColumnElement[bool], ...]:
        return *_any(purpose, token), links.LINK.c.used_at.is_(None)

    with mock.patch.object(links, "_open", ever):
        yield


@guard("codes_once", test=HERE + "a_code_of_the_second_factor_is_used_by_one_of_many")
def without_using_codes_up() -> Iterator[None]:
    """A code is right for as long as it is shown."""
    with mock.patch.object(factor, "_first_use", lambda _conn, _account, _step: True):
        yield
