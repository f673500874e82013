"""The base of trait types that refuse a wrong value in a sentence with the right ones; numbers and texts."""

from __future__ import annotations

import math
from typing import Any, Generic, TypeVar

import traitlets
from traitlets import TraitError as TraitError

Value = TypeVar("Value")


_BROWSERS_GREATEST = 2**53 - 1


def is_number(value: object) -> bool:
    """Return whether a value is a number, which a truth value is not.

    Args:
        value: anything.

    Returns:
        True for whole and floating-point numbers.
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number that a browser holds exactly; a truth value is none.

    Args:
        value: anything.

    Returns:
        True for whole numbers below 2**53 in size.
    """
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _BROWSERS_GREATEST


class CheckedTrait(traitlets.TraitType[Value, Value], Generic[Value]):
    """A synced trait whose values are checked by ``problem``; a wrong one raises ``TraitError`` with its sentence.

    A widget has to hold what its checks need before traitlets' constructor is called.

    Args:
        default: the first value.
    """

    def __init__(self, default: Value) -> None:
        super().__init__(default)
        self.tag(sync=True)

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence with the allowed values and the one that was given, or None for an allowed one.
        """
        raise NotImplementedError

    def validate(self, obj: Any, value: Any) -> Value:
        """Return a value that the trait can have, for traitlets.

        Args:
            obj: the widget.
            value: anything.

        Returns:
            The value.

        Raises:
            TraitError: if ``problem`` has something to say.
        """
        if problem := self.problem(obj, value):
            raise TraitError(problem)
        allowed: Value = value
        return allowed

    def _sentence(self, allowed: str, value: object) -> str:
        return f"{self.name} {allowed}; got {value!r}"


class Share(CheckedTrait[float]):
    """A number between 0 and 1.

    Args:
        default: the first value.
    """

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        fine = is_number(value) and 0 <= value <= 1
        return None if fine else self._sentence("lies between 0 and 1", value)


class Percentile(CheckedTrait[float]):
    """A number above 0, up to 100.

    Args:
        default: the first value.
    """

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        fine = is_number(value) and 0 < value <= 100
        return None if fine else self._sentence("lies above 0 and is at most 100", value)


class Positive(CheckedTrait[float]):
    """A number above 0.

    Args:
        default: the first value.
    """

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        fine = is_number(value) and 0 < value < math.inf
        return None if fine else self._sentence("lies above 0", value)


class Text(CheckedTrait[str]):
    """A text that is not too long.

    Args:
        default: the first value.
        longest: the most letters.
    """

    def __init__(self, default: str = "", longest: int = 200) -> None:
        super().__init__(default)
        self._longest = longest

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        if not isinstance(value, str):
            return self._sentence("is a text", value)
        return self._sentence(f"has up to {self._longest} letters", value) if len(value) > self._longest else None
