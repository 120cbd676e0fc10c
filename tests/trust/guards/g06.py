"""What keeps two reviewers of one body from deciding one claim."""

from collections.abc import Iterator
from contextlib import ExitStack

from tests.races.protections import taken_away
from tests.trust.constraints import missed
from tests.trust.guards import guard

KEYS = ("uq_claim_check_claim_id_round_body", "uq_claim_check_claim_id_round_person_key")


@guard("one_check_a_body", test="tests/trust/test_g06_reviewers.py::test_of_many_reviewers_one_decides", size="ci")
def without_lock_and_keys() -> Iterator[None]:
    """The lock of the record and the unique keys of its checks: the rule alone looks too early."""
    with ExitStack() as stack:
        stack.enter_context(taken_away(["transaction"]))
        stack.enter_context(missed("claim_check", *KEYS))
        yield
