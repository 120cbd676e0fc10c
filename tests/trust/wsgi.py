"""What the test servers load: the application with a cheap password hash, without the guards to be missed."""

from contextlib import ExitStack

from edu_pilot import create_app
from tests.app import CHEAP
from tests.trust import guards

# A server process lives in this state until it is killed; a stack let go would put the guards back.
KEPT = ExitStack()
KEPT.enter_context(guards.taken_away())
# Errors must become answers here as they do in earnest.
app = create_app(**CHEAP | {"TESTING": False, "REPLACEABLE": True})
