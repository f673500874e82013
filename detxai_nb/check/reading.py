"""Answers as people hand them in: numbers of any library, points and boxes, keys or texts of options."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any


def answer_number(answer: Any, expected: str) -> float:
    """Return the number that an answer is.

    Args:
        answer: a number of Python, or a scalar or array of one value of NumPy, PyTorch or pandas.
        expected: what is expected, for the messages.

    Returns:
        A finite number.

    Raises:
        TypeError: if it is none.
        ValueError: if it is not finite.
    """
    plain = answer
    if hasattr(answer, "item") and not isinstance(answer, Mapping):
        try:
            plain = answer.item()
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"expected {expected}, got several values or none in {_shown(answer)}") from error
    if isinstance(plain, bool) or not isinstance(plain, (numbers.Real, Decimal)):
        remedy = ": leave out the quotation marks" if isinstance(plain, str) else ""
        raise TypeError(f"expected {expected}, got {_shown(answer)}{remedy}")
    try:
        found = float(plain)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ValueError(f"expected {expected}, got {_shown(answer)}, which is not a finite number")
    return found


def answer_numbers(answer: Any, names: Sequence[str], expected: str) -> list[float]:
    """Return the numbers of a point or box.

    Args:
        answer: a sequence, array or tensor of as many numbers, one in another list, or a mapping of the names.
        names: what each number is called.
        expected: what is expected, for the messages.

    Returns:
        Finite numbers, in the order of the names.

    Raises:
        TypeError: if it is no such thing.
        ValueError: if there are more or fewer, or one is not finite.
    """
    plain = _listed(answer)
    if isinstance(plain, Mapping):
        missing = [name for name in names if name not in plain]
        if missing:
            raise ValueError(f"expected {expected}, got {_shown(answer)} without {', '.join(missing)}")
        plain = [plain[name] for name in names]
    if not isinstance(plain, (list, tuple)):
        raise TypeError(f"expected {expected}, got {_shown(answer)}")
    if len(plain) == 1 and isinstance(_listed(plain[0]), (list, tuple)):
        plain = _listed(plain[0])
    if len(plain) != len(names):
        raise ValueError(f"expected {expected}, got {len(plain)} values: {_shown(answer)}")
    return [answer_number(one, expected) for one in plain]


def answer_texts(answer: Any, options: Mapping[str, str], expected: str) -> list[str]:
    """Return the keys of the options that an answer names.

    Args:
        answer: the key or text of an option, capitals and spaces around it aside, or several of them.
        options: by each key its text.
        expected: what is expected, for the messages.

    Returns:
        The keys, in the order of the answer.

    Raises:
        TypeError: if it is neither a text nor several.
        ValueError: if it names something else.
    """
    plain = _listed(answer)
    if not isinstance(plain, str) and (isinstance(plain, (bytes, Mapping)) or not isinstance(plain, Iterable)):
        raise TypeError(f"expected {expected} as texts, got {_shown(answer)}")
    if isinstance(plain, str):
        plain = [plain]
    by_text = {text.strip().casefold(): key for key, text in options.items()}
    by_text |= {key.casefold(): key for key in options}
    found = []
    for one in plain:
        if not isinstance(one, str):
            raise TypeError(f"expected {expected} as texts, got {_shown(one)}")
        if one.strip().casefold() not in by_text:
            raise ValueError(f"expected {expected}, got {_shown(one)}, which is none of them")
        found.append(by_text[one.strip().casefold()])
    return found


def _listed(answer: Any) -> Any:
    """Arrays, tensors and columns as lists; everything else as it is."""
    return answer.tolist() if hasattr(answer, "tolist") and not isinstance(answer, Mapping) else answer


def _shown(answer: Any) -> str:
    text = " ".join(repr(answer).split())
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(answer).__name__})"
