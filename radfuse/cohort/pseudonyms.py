"""Ids that stand for others: keyed by a salt, so that nobody without it finds whose they are by trying all."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from radfuse.errors import InputError

_LEAST_SALT = 16
"""Bytes of a salt; a shorter one can be guessed."""
_DIGITS = 12
"""Hex digits of a pseudonym: among 100,000 people two are alike with a chance of 2e-5, and that is refused."""


def read_salt(path: Path) -> bytes:
    """Return the salt that a file holds.

    Raises:
        InputError: no file, or one too short.
    """
    try:
        salt = path.read_bytes().strip()
    except OSError as error:
        raise InputError(f"the salt {path} cannot be read ({error.strerror or error}); correct the path") from error
    if len(salt) < _LEAST_SALT:
        raise InputError(
            f"the salt {path} holds {len(salt)} bytes, at least {_LEAST_SALT} are needed; make one with "
            f"`openssl rand -hex 32 > {path.name}`, and keep it where the ids are kept"
        )
    return salt


def pseudonyms(ids: list[str], salt: bytes) -> dict[str, str]:
    """Return id -> pseudonym, P and 12 hex digits of HMAC-SHA-256.

    Raises:
        InputError: two ids have one pseudonym; says to take another salt.
    """
    found = {name: f"P{hmac.new(salt, name.encode(), hashlib.sha256).hexdigest()[:_DIGITS]}" for name in ids}
    if len(set(found.values())) < len(found):
        raise InputError("two people have one pseudonym by chance; take another salt")
    return found
