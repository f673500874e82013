"""Tests of answers that are code: their names, and how a student's function is tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from detxai_nb.names import nearest_names

CodeTest = Callable[[Callable[..., Any]], str | None]
"""Takes a student's function; returns None if it is right, and otherwise what is wrong with it in a sentence."""

CODE_TESTS: dict[str, CodeTest] = {}
"""By the name that an exercise gives."""


def code_test(name: str) -> Callable[[CodeTest], CodeTest]:
    """Make a function the test of an exercise whose answer is code.

    Args:
        name: as the exercise's ``test`` says it; a test of the same name is replaced.

    Returns:
        A decorator, which leaves the function as it is. The function is given the student's function and returns None
        if it is right, or a sentence. What the student's function raises need not be caught.

    Example:
        >>> @code_test("doubles")
        ... def doubles(function):
        ...     return None if function(4) == 8 else f"of 4 it makes {function(4)!r}, not 8"
    """

    def decorate(test: CodeTest) -> CodeTest:
        CODE_TESTS[name] = test
        return test

    return decorate


def run_code_test(name: str, function: Any) -> str | None:
    """Try a student's function.

    Args:
        name: of the test.
        function: the student's.

    Returns:
        None if it is right, otherwise what is wrong, in words; also where the function ends in an exception.

    Raises:
        TypeError: if it is no function.
        ValueError: if there is no such test.
    """
    if not callable(function):
        raise TypeError(f"expected a function (its name without brackets), got {function!r}"[:200])
    if name not in CODE_TESTS:
        near = nearest_names(name, list(CODE_TESTS))
        told = f"did you mean {near[0]!r}?" if near else "register it with dx.check.code_test"
        raise ValueError(f"there is no test of code {name!r}; {told}")
    try:
        return CODE_TESTS[name](function)
    except Exception as error:
        words = " ".join(str(error).split())[:300]
        return f"it ended in {type(error).__name__}: {words}"
