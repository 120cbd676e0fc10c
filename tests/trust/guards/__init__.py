"""The guards that can be taken away, to see the test that holds each go red: one module a goal.

The product has no switch for this. A guard is a context manager that patches the product's code;
tests and the servers they start enter those that EDU_PILOT_WITHOUT names.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

VARIABLE = "EDU_PILOT_WITHOUT"
TakenAway = Callable[[], Iterator[None]]


@dataclass(frozen=True)
class Guard:
    """What protects, the test that must notice its absence and at which size, and how to take it away."""

    name: str
    test: str
    size: str
    taken_away: Callable[[], AbstractContextManager[None]]


_GUARDS: dict[str, Guard] = {}


def guard(name: str, *, test: str, size: str = "small") -> Callable[[TakenAway], TakenAway]:
    """Register a generator function that takes a guard away around its `yield`.

    A race that shows only now and then without its guard needs a larger `size` to go red for sure.
    """

    def register(function: TakenAway) -> TakenAway:
        if name in _GUARDS:
            raise ValueError(f"two guards are called {name}")
        _GUARDS[name] = Guard(name, test, size, contextmanager(function))
        return function

    return register


def every() -> Mapping[str, Guard]:
    """Return all guards by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _GUARDS


@contextmanager
def taken_away() -> Iterator[None]:
    """Let the block run without the guards that the environment names."""
    with ExitStack() as stack:
        for name in os.environ.get(VARIABLE, "").split(","):
            if name:
                stack.enter_context(every()[name].taken_away())
        yield
