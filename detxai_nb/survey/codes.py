"""Seat codes: eight random signs that stand for a person and tell nothing about one."""

from __future__ import annotations

from typing import Any

import numpy as np

SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The signs of codes and of texts for QR codes: Crockford's 32, without I, L, O and U."""
_LENGTH = 8
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})


def draw_codes(count: int, random: np.random.Generator) -> tuple[str, ...]:
    """Draw seat codes that differ from one another.

    Args:
        count: how many.
        random: where they come from.

    Returns:
        The codes, such as "7QK2M9CF"; the last sign is a check of the others.
    """
    found: dict[str, None] = {}
    while len(found) < count:
        signs = "".join(SIGNS[number] for number in random.integers(0, len(SIGNS), _LENGTH - 1))
        found[signs + _check_sign(signs)] = None
    return tuple(found)


def check_code(code: Any) -> str:
    """Return a seat code if it is one, exactly as it is written in files.

    Args:
        code: anything.

    Returns:
        The code.

    Raises:
        TypeError: if it is no text.
        ValueError: for a text that is no seat code, such as a path, or a code with a sign mistyped.

    Example:
        >>> import numpy as np
        >>> code, = draw_codes(1, np.random.default_rng(0))
        >>> check_code(code) == typed_code(f"{code[:4].lower()}-{code[4:]}") == code
        True
    """
    if not isinstance(code, str):
        raise TypeError(f"a seat code is a text of {_LENGTH} signs, got {type(code).__name__}")
    if len(code) != _LENGTH or not set(code) <= set(SIGNS):
        shown = repr(code) if len(code) <= 40 else f"{code[:30]!r}... ({len(code)} characters)"
        raise ValueError(f"a seat code is {_LENGTH} signs of {SIGNS}, got {shown}")
    if _check_sign(code[:-1]) != code[-1]:
        raise ValueError(f"no seat has the code {code!r}: its last sign does not fit the others; type it once more")
    return code


def typed_code(text: Any) -> str:
    """Return the seat code that a person typed: small letters, hyphens and spaces are no mistakes.

    Args:
        text: what was typed; O is read as 0, I and L as 1.

    Returns:
        The code.

    Raises:
        TypeError: if it is no text.
        ValueError: if it is no seat code.
    """
    return check_code(typed_signs(text, "a seat code"))


def typed_signs(text: Any, what: str) -> str:
    """Return the signs of a code that a person typed: small letters, hyphens and spaces are no mistakes.

    Args:
        text: what was typed; O is read as 0, I and L as 1.
        what: it should be, for the error message.

    Returns:
        Signs of ``SIGNS`` if it is a code, else whatever it was.

    Raises:
        TypeError: if it is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"{what} is a text, got {type(text).__name__}")
    return text.upper().replace("-", "").replace(" ", "").translate(_READ_AS)


def _check_sign(signs: str) -> str:
    """One sign from seven: odd weights, so that any one that is mistyped gives another."""
    return SIGNS[sum((2 * place + 1) * SIGNS.index(sign) for place, sign in enumerate(signs)) % len(SIGNS)]
