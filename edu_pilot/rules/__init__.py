"""Every yes/no of the programme with its reason: pure functions of the attempt.

To add a rule, write it in the file of its workflow and name it in that workflow's YAML.
"""

from edu_pilot.rules import (
    application,
    bars,
    calendar,
    certification,
    claim,
    claim_after,
    claim_dates,
    claim_people,
    correction,
    four_eyes,
    payment,
    people,
    recheck,
    study,
)

__all__ = [
    "application",
    "bars",
    "calendar",
    "certification",
    "claim",
    "claim_after",
    "claim_dates",
    "claim_people",
    "correction",
    "four_eyes",
    "payment",
    "people",
    "recheck",
    "study",
]
