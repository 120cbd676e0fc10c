"""What keeps everybody to their own part: the scope, the door, the token of a form, the masks, four eyes."""

from collections.abc import Iterator
from unittest import mock

from flask_wtf import CSRFProtect

from edu_pilot.rules.four_eyes import Hands
from edu_pilot.services import disclosure, visibility
from edu_pilot.services.visibility import Scope
from edu_pilot.web import access
from edu_pilot.workflow.reasons import Forbidden
from tests.trust.guards import guard

MATRIX = "tests/trust/test_g11_matrix.py::test_every_cell_answers_as_the_table_says"


@guard("scope", test=MATRIX)
def without_scope() -> Iterator[None]:
    """Everybody sees every county."""
    with mock.patch.object(visibility, "scope_of", lambda _actor: Scope(everything=True)):
        yield


@guard("hidden_as_missing", test=MATRIX)
def without_the_one_answer() -> Iterator[None]:
    """A record of another county is told to be there."""
    with mock.patch.object(visibility, "NotFound", lambda _reference: Forbidden([])):
        yield


@guard("door", test=MATRIX)
def without_the_door() -> Iterator[None]:
    """Whoever has a session passes every door."""
    with mock.patch.object(access, "covers", lambda _permission, _asking: True):
        yield


@guard("form_token", test="tests/trust/test_g11_matrix.py::test_no_form_is_heard_without_its_token")
def without_the_token() -> Iterator[None]:
    """A form is heard without the session's token."""
    with mock.patch.object(CSRFProtect, "protect", lambda _self, **_how: None):
        yield


@guard("masks", test="tests/trust/test_disclosure.py::test_nobody_sees_a_number_whole")
def without_masks() -> Iterator[None]:
    """Facts are shown as they are kept."""
    with mock.patch.object(disclosure, "_seen", lambda _name, value, *_more: value):
        yield


HANDS = "tests/trust/test_four_eyes.py::test_who_had_a_hand_in_a_claim_neither_draws_nor_releases_its_batch"


@guard("four_eyes", test=HANDS)
def without_four_eyes() -> Iterator[None]:
    """Who did what is forgotten."""
    with mock.patch.object(Hands, "include", lambda _self, _actor: False):
        yield
