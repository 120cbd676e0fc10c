"""What is stored of tokens, links and recovery codes: a hash from which nobody can act."""

from __future__ import annotations

import hashlib


def hash_of(token: str, *bound: str) -> str:
    """Return what is stored of a drawn token; what it is bound to makes it worth nothing for anything else.

    At least 80 random bits cannot be guessed from a plain hash; a keyed one would end with its key's rotation.
    """
    return hashlib.sha256(":".join((*bound, token)).encode()).hexdigest()
