"""Traits of several widgets, and trait types that refuse a wrong value in a sentence with the right ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import traitlets

from detxai_nb.plots.heatmaps import DIVERGING, SEQUENTIAL
from detxai_nb.widgets.shared.trait_types import CheckedTrait, Percentile, Share, is_whole

SCALES = ("object", "shared")
BOXES = ("all", "selected")

Allowed = Sequence[str] | Callable[[Any], Sequence[str]]
"""The allowed values, or what gives them for a widget."""


class Choice(CheckedTrait[str]):
    """One text of a list.

    Args:
        allowed: the texts, or a function from the widget to them.
        default: the first value.
    """

    def __init__(self, allowed: Allowed, default: str = "") -> None:
        super().__init__(default)
        self._allowed = allowed

    def allowed(self, owner: Any) -> Sequence[str]:
        """Return the texts that a widget can choose from.

        Args:
            owner: the widget.

        Returns:
            The texts.
        """
        return self._allowed(owner) if callable(self._allowed) else self._allowed

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        allowed = self.allowed(owner)
        return None if value in allowed else self._sentence(f"is one of {quoted(allowed)}", value)


class SomeOf(CheckedTrait[list[Any]]):
    """A list of different texts or numbers out of those that are allowed, in any order.

    Args:
        allowed: what can be in the list, or a function from the widget to it.
        most: the greatest length, None for no limit.
    """

    def __init__(self, allowed: Sequence[Any] | Callable[[Any], Sequence[Any]], most: int | None = None) -> None:
        super().__init__([])
        self._allowed, self._most = allowed, most

    def default(self, obj: Any = None) -> list[Any]:
        """Return the first value, for traitlets.

        Args:
            obj: the widget.

        Returns:
            An empty list of this widget's own.
        """
        return []

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        allowed = self._allowed(owner) if callable(self._allowed) else self._allowed
        named = quoted(allowed) or "nothing, since there is none"
        how = "holds each at most once of" if self._most is None else f"holds up to {self._most} different ones of"
        # 1, 1.0 and True are equal, and only one of them is an object's number.
        kinds = {type(one) for one in allowed}
        wrong = not isinstance(value, (list, tuple)) or any(
            type(v) not in kinds or v not in allowed or value.count(v) > 1 for v in value
        )
        if wrong or (self._most is not None and len(value) > self._most):
            return self._sentence(f"{how} {named}", value)
        return None

    def validate(self, obj: Any, value: Any) -> list[Any]:
        """Return a list that the trait can have, for traitlets.

        Args:
            obj: the widget.
            value: anything.

        Returns:
            The list.

        Raises:
            TraitError: if ``problem`` has something to say.
        """
        return list(super().validate(obj, value))


class Count(CheckedTrait[int]):
    """A whole number that is not too small.

    Args:
        default: the first value.
        what: what it is, as in "step is the number of a picture, 0 or more".
        least: the smallest number.
    """

    def __init__(self, default: int, what: str, least: int = 0) -> None:
        super().__init__(default)
        self._what, self._least = what, least

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        fine = is_whole(value) and value >= self._least
        return None if fine else self._sentence(f"is {self._what}, {self._least} or more", value)


class Limit(CheckedTrait[int | None]):
    """A whole number from 1, or None for no limit.

    Args:
        what: what it counts, as in "limit is a number of images".
    """

    def __init__(self, what: str) -> None:
        super().__init__(None)
        self._what = what

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        fine = value is None or (is_whole(value) and value >= 1)
        return None if fine else self._sentence(f"is {self._what}, 1 or more, or None for all", value)


class Seeds(CheckedTrait[list[int]]):
    """A list of different whole numbers from 0, at least one."""

    def __init__(self) -> None:
        super().__init__([0])

    def default(self, obj: Any = None) -> list[int]:
        """Return the first value, for traitlets.

        Args:
            obj: the widget.

        Returns:
            The seed 0, in a list of this widget's own.
        """
        return [0]

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        numbers = list(value) if isinstance(value, (list, tuple)) else []
        fine = all(is_whole(v) and v >= 0 for v in numbers) and len(set(numbers)) == len(numbers) > 0
        return None if fine else self._sentence("are different whole numbers from 0, at least one", value)

    def validate(self, obj: Any, value: Any) -> list[int]:
        """Return a list that the trait can have, for traitlets.

        Args:
            obj: the widget.
            value: anything.

        Returns:
            The list.

        Raises:
            TraitError: if ``problem`` has something to say.
        """
        return list(super().validate(obj, value))


class Index(CheckedTrait[int | None]):
    """The number of one thing, from 0, or None.

    Args:
        count: a function from the widget to the number of things that there are.
        empty: why None is the only value where there is none; by default since there is no object, or class.
    """

    def __init__(self, count: Callable[[Any], int], empty: str = "") -> None:
        super().__init__(None)
        self._count, self._empty = count, empty

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        count = self._count(owner)
        if value is None or (is_whole(value) and 0 <= value < count):
            return None
        there = (
            f"None or one of 0 to {count - 1}"
            if count
            else f"None, since {self._empty or f'there is no {owner._inputs.subject.one}'}"
        )
        return self._sentence(f"is {there}", value)


class LookTraits(traitlets.HasTraits):
    """How maps are drawn over a photograph.

    Attributes:
        opacity: of the map, 0..1.
        hide_below: evidence below this share of the range of colours is left out, 0..1.
        percentile: the values from this percentile of the map's cells on have the last colour, above 0, up to 100.
        colormap: the name of a sequential colour map.
        boxes: which boxes are drawn, "all" or "selected".
    """

    opacity = Share(0.75)
    hide_below = Share(0.0)
    percentile = Percentile(100.0)
    colormap = Choice(SEQUENTIAL, "viridis")
    boxes = Choice(BOXES, "all")


class SignedLookTraits(LookTraits):
    """How maps are drawn that may be signed.

    Attributes:
        signed_colormap: the name of a diverging colour map, for signed maps.
    """

    signed_colormap = Choice(DIVERGING, "RdBu_r")


class ScaleTraits(traitlets.HasTraits):
    """Over which range maps are coloured.

    Attributes:
        scale: "object" (each map over its own range) or "shared" (all maps of one method over one).
    """

    scale = Choice(SCALES, "object")


class LayerTraits(traitlets.HasTraits):
    """The layer that maps are made at, of a widget with ``WidgetOptions`` in ``_options``.

    Attributes:
        layer: a name of ``detector.layers``, or "" for the one that the method prefers.
    """

    layer = Choice(lambda widget: widget._options.layers)


class TargetTraits(LayerTraits):
    """What maps explain, of a widget with ``WidgetOptions`` in ``_options``.

    Attributes:
        target: "class", a side of the box ("x1", "y1", "x2", "y2") or "combined", as far as the detector has them.
    """

    target = Choice(lambda widget: widget._options.targets)


class MethodTraits(traitlets.HasTraits):
    """The method whose maps are shown, of a widget with ``WidgetOptions`` in ``_options``.

    Attributes:
        method: the name of a method that can explain the detector.
    """

    method = Choice(lambda widget: tuple(widget._options.methods))


def quoted(names: Sequence[Any]) -> str:
    """Return values in a row as an error message names them.

    Args:
        names: texts or numbers.

    Returns:
        Such as "'odam', 'grad-cam'".
    """
    return ", ".join(map(repr, names))
