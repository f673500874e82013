"""Sealed truths: a right answer opens one, a wrong answer does not, and to read the file is not enough.

An exercise's truth lies in the package encrypted under a key that is made of the answer and the exercise's salt. So a
student who opens the file sees no answer, cannot compare two exercises or two versions of one, and what is said after a
right answer is not to be read before. What it cannot hide: an answer out of few (one of four choices, a whole number up
to ten) is found by trying them all, in milliseconds each, and whoever has the repository has the solutions. This is a
curtain for learners, not a lock for examinations.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any

_ROUNDS = 5_000
"""Of PBKDF2: some milliseconds for each guess."""
_TAG = 16
_BLOCK = 64
"""Contents are filled up to multiples of this, so that their length says little."""


def seal(content: Mapping[str, Any], answer: str, salt: str) -> str:
    """Seal a content so that only an answer opens it.

    Args:
        content: what JSON can hold.
        answer: the answer as a text, in one form only.
        salt: of the exercise, any text.

    Returns:
        The sealed content in base64. The same arguments always give the same text.
    """
    plain = json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
    plain += b" " * (-len(plain) % _BLOCK)
    key = _key(answer, salt)
    tag = hashlib.blake2b(plain, key=key, digest_size=_TAG).digest()
    return base64.b64encode(tag + _mixed(plain, key, tag)).decode("ascii")


def unseal(sealed: Iterable[str], answer: str, salt: str) -> list[dict[str, Any]]:
    """Open those of several sealed contents that an answer opens.

    Args:
        sealed: what ``seal`` returned; anything else stays closed.
        answer: the answer as a text, in the form in which it was sealed.
        salt: that of the exercise.

    Returns:
        The contents that it opens, in their order.

    Example:
        >>> closed = seal({"why": "the leaf"}, "b", "salt")
        >>> unseal([closed], "b", "salt"), unseal([closed], "a", "salt")
        ([{'why': 'the leaf'}], [])
    """
    key = _key(answer, salt)
    found = []
    for one in sealed:
        try:
            content = base64.b64decode(one, validate=True)
        except ValueError:
            continue
        tag, mixed = content[:_TAG], content[_TAG:]
        plain = _mixed(mixed, key, tag)
        if hmac.compare_digest(hashlib.blake2b(plain, key=key, digest_size=_TAG).digest(), tag):
            found.append(json.loads(plain))
    return found


def fraction(salt: str) -> float:
    """Return a number from 0 to 1 that a salt stands for: how far an exercise's grid of answers is shifted.

    Args:
        salt: of the exercise.

    Returns:
        At least 0, below 1.
    """
    return int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=4).digest(), "big") / 2**32


@functools.lru_cache(maxsize=256)
def _key(answer: str, salt: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", answer.encode(), salt.encode(), _ROUNDS)


def _mixed(content: bytes, key: bytes, tag: bytes) -> bytes:
    """A content with the stream of its key: of a plain one the mixed one, and the other way round."""
    stream = hashlib.shake_256(key + tag).digest(len(content))
    return bytes(one ^ other for one, other in zip(content, stream))
