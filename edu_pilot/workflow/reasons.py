"""What a refused step says: reasons with a code, a sentence and who can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

Fact = str | int | None


def N_(message: str) -> str:
    """Mark a message id for the catalogue without translating it yet."""
    return message


@dataclass(frozen=True)
class Reason:
    """Why something is blocked: a code for machines, an English message id and its facts for people."""

    code: str
    text: str
    facts: dict[str, Fact] = field(default_factory=dict)
    who: tuple[str, ...] = ()
    field: str | None = None

    def named(self, code: str) -> Reason:
        """Return the reason under the given code unless it already has one."""
        return self if self.code else replace(self, code=code)

    def english(self) -> str:
        """Return the sentence in English, for logs and command lines without a catalogue."""
        return self.text % self.facts


Blocked = Reason | list[Reason] | None


def blocked(
    text: str,
    *,
    code: str = "",
    field: str | None = None,
    who: str | tuple[str, ...] = (),
    **facts: Fact,
) -> Reason:
    """Return the reason that blocks; without a code the engine gives it the rule's name (R6.2)."""
    return Reason(code, text, facts, (who,) if isinstance(who, str) else tuple(who), field)


class Refused(Exception):
    """A step that was not taken, with all the reasons at once."""

    code = "refused"

    def __init__(self, reasons: Iterable[Reason]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(f"{r.code}: {r.english()}" for r in self.reasons))


class Malformed(Refused):
    """Input that is not of the declared shape, one reason per field."""

    code = "malformed"


class Forbidden(Refused):
    """The record is visible, but none of the actor's roles may ever take this step."""

    code = "forbidden"


class Conflict(Refused):
    """Somebody else was first, and was so again when the step was tried once more; it may be sent again."""


class StepUpNeeded(Refused):
    """Nothing else stands against the step, but the identity must be proved once more."""

    code = "step_up_needed"


class Stale(Refused):
    """The record has moved on since the actor last saw it."""

    code = "stale"
