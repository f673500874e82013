"""The error of a detector that breaks the contract, and how a check raises it."""

from __future__ import annotations

from typing import Any


class ContractError(AssertionError):
    """The error of a detector that breaks the contract; its message says what was expected and what came."""


def require(kept: bool, message: str) -> None:
    """Raise an error if a rule of the contract is not kept.

    Args:
        kept: whether it is.
        message: what was expected and what came.

    Raises:
        ContractError: if it is not.
    """
    if not kept:
        raise ContractError(message)


def close(value: float, expected: float, relative: float, absolute: float = 1e-12) -> bool:
    """Compare two numbers.

    Args:
        value: what came.
        expected: what was expected.
        relative: how far it may be off, as a share of ``expected``.
        absolute: how far it may be off at least.

    Returns:
        Whether it is close enough.
    """
    return abs(value - expected) <= max(relative * abs(expected), absolute)


class refused:
    """A context manager that expects an error whose message holds some words.

    Args:
        words: a part of the message.
        kind: the class of the error.

    Raises:
        ContractError: if nothing is raised, or the message does not hold them.
    """

    def __init__(self, words: str, kind: type[Exception] = ValueError) -> None:
        self.words = words
        self.kind = kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> bool:
        if kind is not None and not issubclass(kind, self.kind):
            return False
        expected = f"expected a {self.kind.__name__} that says {self.words!r}"
        require(error is not None, f"{expected}; nothing was raised")
        require(self.words in str(error), f"{expected}; it says {error}")
        return True
