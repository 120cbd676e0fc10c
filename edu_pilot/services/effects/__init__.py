"""What a step writes beside the state: rows only, in the same commit, never a file or a message."""

from edu_pilot.services.effects import application, certification, claim, claim_after, payment, study

__all__ = ["application", "certification", "claim", "claim_after", "payment", "study"]
