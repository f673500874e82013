"""The kinds of answers: how each is read, where its truth is sealed, and when it is right.

A truth is sealed under the cells of a grid that right answers can fall into: one cell or two for a number, at most
four for a point or the centre of a box. An answer opens the truth if it lies in one of these cells, and is then
compared with it exactly. So an answer within the tolerance is always right, and one outside never.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from detxai_nb.check.exercise import Exercise
from detxai_nb.check.reading import answer_number, answer_numbers, answer_texts

_FAR = 1e300


def _slack(*sizes: float) -> float:
    """How far rounding may carry an answer over the edge of what is right."""
    return 1e-9 * max(1e-3, *map(abs, sizes))


def _cell(value: float, step: float, shift: float) -> int:
    """The number of the grid's cell that a value lies in; never decreasing in the value, also after rounding."""
    return math.floor(max(-_FAR, min(_FAR, value / step - shift)))


def _step(*widths: float) -> float:
    """The grid's step: a power of two, so that it tells little, and so wide that two cells are enough."""
    return float(2.0 ** math.ceil(math.log2(max(*widths, 1e-12))))


class AnswerKind(ABC):
    """One kind of answer."""

    @abstractmethod
    def expects(self, exercise: Exercise) -> str:
        """Say in words what answer an exercise expects.

        Args:
            exercise: of this kind.

        Returns:
            Such as "a number".
        """

    @abstractmethod
    def take(self, answer: Any, exercise: Exercise) -> Any:
        """Read an answer.

        Args:
            answer: as it was handed in.
            exercise: of this kind.

        Returns:
            The answer in one form, of what JSON can hold.

        Raises:
            TypeError: if it is of another type; the message says what is expected.
            ValueError: if it could not be an answer.
        """

    @abstractmethod
    def place(self, taken: Any, step: float, shift: float) -> str:
        """Return the key of the grid's cell that an answer falls into.

        Args:
            taken: what ``take`` returned.
            step: of the grid; 0 for kinds without one.
            shift: of the grid, in steps.

        Returns:
            The key.
        """

    @abstractmethod
    def truth(self, answer: Any, exercise: Exercise) -> dict[str, Any]:
        """Read a right answer as the author wrote it.

        Args:
            answer: from the author's file.
            exercise: of this kind.

        Returns:
            What is sealed: all that ``fits`` needs.

        Raises:
            TypeError, ValueError: if it is no answer of this kind.
        """

    @abstractmethod
    def places(self, truth: Mapping[str, Any], shift: float) -> tuple[float, list[str]]:
        """Return where a truth is sealed.

        Args:
            truth: what ``truth`` returned.
            shift: of the grid, in steps.

        Returns:
            The step of the grid, and the keys of all cells that a right answer can fall into.
        """

    @abstractmethod
    def fits(self, taken: Any, truth: Mapping[str, Any]) -> bool:
        """Say whether an answer is right.

        Args:
            taken: what ``take`` returned.
            truth: what ``truth`` returned.

        Returns:
            Whether it is.
        """


class _Number(AnswerKind):
    """A number within a tolerance."""

    def expects(self, exercise: Exercise) -> str:
        """Say that a number is expected, of what, and how exactly."""
        of = f" of {exercise.unit}" if exercise.unit else ""
        within = f", within {exercise.tolerance:g}" if exercise.tolerance else ""
        return f"a number{of}{within}"

    def take(self, answer: Any, exercise: Exercise) -> float:
        """Read a number of Python, NumPy, PyTorch or pandas."""
        return answer_number(answer, self.expects(exercise))

    def place(self, taken: float, step: float, shift: float) -> str:
        """Return the number's cell."""
        return str(_cell(taken, step, shift))

    def truth(self, answer: Any, exercise: Exercise) -> dict[str, Any]:
        """Read the right number."""
        if not 0 <= exercise.tolerance < math.inf:
            raise ValueError(f"a tolerance is at least 0, got {exercise.tolerance!r}")
        return {"value": self.take(answer, exercise), "tolerance": float(exercise.tolerance)}

    def places(self, truth: Mapping[str, Any], shift: float) -> tuple[float, list[str]]:
        """Return the one or two cells of the numbers within the tolerance."""
        low, high = _within(truth)
        step = _step(high - low)
        return step, [str(cell) for cell in range(_cell(low, step, shift), _cell(high, step, shift) + 1)]

    def fits(self, taken: float, truth: Mapping[str, Any]) -> bool:
        """Say whether the number is within the tolerance."""
        low, high = _within(truth)
        return low <= taken <= high


def _within(truth: Mapping[str, Any]) -> tuple[float, float]:
    """The least and the greatest number that is right."""
    value, tolerance = float(truth["value"]), float(truth["tolerance"])
    reach = tolerance + _slack(value, tolerance)
    return value - reach, value + reach


class _Choice(AnswerKind):
    """One or several of the options."""

    def expects(self, exercise: Exercise) -> str:
        """Say that options are expected, and which there are."""
        what = "all that are right of" if exercise.several else "one of"
        return f"{what} {', '.join(map(repr, exercise.options))}"

    def take(self, answer: Any, exercise: Exercise) -> list[str]:
        """Read the keys, or texts, of options."""
        found = sorted(set(answer_texts(answer, exercise.options, self.expects(exercise))))
        if not found or (len(found) > 1 and not exercise.several):
            raise ValueError(f"expected {self.expects(exercise)}, got {len(found)} of them: {answer!r}")
        return found

    def place(self, taken: Sequence[str], step: float, shift: float) -> str:
        """Return the chosen keys."""
        return "\n".join(taken)

    def truth(self, answer: Any, exercise: Exercise) -> dict[str, Any]:
        """Read the right options."""
        return {"chosen": self.take(answer, exercise)}

    def places(self, truth: Mapping[str, Any], shift: float) -> tuple[float, list[str]]:
        """Return the right keys."""
        return 0.0, [self.place(truth["chosen"], 0, 0)]

    def fits(self, taken: Sequence[str], truth: Mapping[str, Any]) -> bool:
        """Say whether exactly the right options were chosen."""
        return bool(list(taken) == truth["chosen"])


class _Order(AnswerKind):
    """All options in an order."""

    def expects(self, exercise: Exercise) -> str:
        """Say that an order is expected, and of what."""
        return f"a list of {', '.join(map(repr, exercise.options))} in the right order"

    def take(self, answer: Any, exercise: Exercise) -> list[str]:
        """Read a list of the keys, or texts, of all options, or one text with commas between them."""
        if isinstance(answer, (set, frozenset)):
            raise TypeError(f"expected {self.expects(exercise)}, got a set, which has no order")
        if isinstance(answer, str):
            answer = answer.split(",")
        found = answer_texts(answer, exercise.options, self.expects(exercise))
        if sorted(found) != sorted(exercise.options):
            missing = [key for key in exercise.options if key not in found]
            told = f"without {', '.join(map(repr, missing))}" if missing else "with one of them twice"
            raise ValueError(f"expected {self.expects(exercise)}, each once, got {answer!r} {told}")
        return found

    def place(self, taken: Sequence[str], step: float, shift: float) -> str:
        """Return the keys in their order."""
        return "\n".join(taken)

    def truth(self, answer: Any, exercise: Exercise) -> dict[str, Any]:
        """Read the right order."""
        return {"order": self.take(answer, exercise)}

    def places(self, truth: Mapping[str, Any], shift: float) -> tuple[float, list[str]]:
        """Return the keys in the right order."""
        return 0.0, [self.place(truth["order"], 0, 0)]

    def fits(self, taken: Sequence[str], truth: Mapping[str, Any]) -> bool:
        """Say whether the order is the right one."""
        return bool(list(taken) == truth["order"])


def _cells_of(box: Sequence[float], shift: float) -> tuple[float, list[str]]:
    """The step of a grid and its cells, four at most, that cover a box."""
    step = _step(box[2] - box[0], box[3] - box[1])
    columns, rows = (
        range(_cell(low, step, shift), _cell(high, step, shift) + 1)
        for low, high in ((box[0], box[2]), (box[1], box[3]))
    )
    return step, [f"{column},{row}" for column, row in itertools.product(columns, rows)]


class _Point(AnswerKind):
    """A point inside a region: a box, a circle or a polygon, in pixels of the picture."""

    def expects(self, exercise: Exercise) -> str:
        """Say that a point is expected, and in what frame."""
        return "a point (x, y) in pixels of the picture, x from its left and y from its top"

    def take(self, answer: Any, exercise: Exercise) -> list[float]:
        """Read two numbers."""
        return answer_numbers(answer, ("x", "y"), self.expects(exercise))

    def place(self, taken: Sequence[float], step: float, shift: float) -> str:
        """Return the cell of the point."""
        return f"{_cell(taken[0], step, shift)},{_cell(taken[1], step, shift)}"

    def truth(self, answer: Any, exercise: Exercise) -> dict[str, Any]:
        """Read the region: ``{"box": [...]}``, ``{"circle": [x, y, radius]}`` or ``{"polygon": [[x, y], ...]}``."""
        if not isinstance(answer, Mapping) or len(answer) != 1 or set(answer) - {"box", "circle", "polygon"}:
            raise ValueError(f"a region is {{'box': ...}}, {{'circle': ...}} or {{'polygon': ...}}, got {answer!r}")
        form, values = next(iter(answer.items()))
        if form == "polygon":
            corners = [answer_numbers(one, ("x", "y"), "a corner [x, y]") for one in values]
            if len(corners) < 3:
                raise ValueError(f"a polygon has at least three corners, got {len(corners)}")
            return {"polygon": corners, "tolerance": float(exercise.tolerance)}
        names = ("x1", "y1", "x2", "y2") if form == "box" else ("x", "y", "radius")
        region = answer_numbers(values, names, f"a {form} of {len(names)} numbers")
        if (form == "box" and not (region[0] < region[2] and region[1] < region[3])) or region[-1] <= 0:
            raise ValueError(f"a {form} with an area is expected, got {values!r}")
        return {form: region, "tolerance": float(exercise.tolerance)}

    def places(self, truth: Mapping[str, Any], shift: float) -> tuple[float, list[str]]:
        """Return the cells that the region covers."""
        x1, y1, x2, y2 = _around(truth)
        reach = truth["tolerance"] + 2 * _slack(truth["tolerance"], x1, y1, x2, y2)  # more than rounding can bring
        return _cells_of((x1 - reach, y1 - reach, x2 + reach, y2 + reach), shift)

    def fits(self, taken: Sequence[float], truth: Mapping[str, Any]) -> bool:
        """Say whether the point is inside the region, or not further outside than the tolerance."""
        tolerance = float(truth["tolerance"])
        return _distance(taken[0], taken[1], truth) <= tolerance + _slack(tolerance, *_around(truth))


def _around(region: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """The box around a region."""
    if "box" in region:
        x1, y1, x2, y2 = region["box"]
        return x1, y1, x2, y2
    if "circle" in region:
        x, y, radius = region["circle"]
        return x - radius, y - radius, x + radius, y + radius
    columns, rows = zip(*region["polygon"])
    return min(columns), min(rows), max(columns), max(rows)


def _distance(x: float, y: float, region: Mapping[str, Any]) -> float:
    """How far outside a region a point lies; 0 inside."""
    if "box" in region:
        x1, y1, x2, y2 = region["box"]
        return math.hypot(max(x1 - x, x - x2, 0.0), max(y1 - y, y - y2, 0.0))
    if "circle" in region:
        across, down, radius = region["circle"]
        return max(0.0, math.hypot(x - across, y - down) - float(radius))
    corners = region["polygon"]
    edges = list(zip(corners, [*corners[1:], corners[0]]))
    crossed = sum(
        (one[1] > y) != (two[1] > y) and x < one[0] + (y - one[1]) * (two[0] - one[0]) / (two[1] - one[1])
        for one, two in edges
    )
    return 0.0 if crossed % 2 else min(_from_edge(x, y, one, two) for one, two in edges)


def _from_edge(x: float, y: float, one: Sequence[float], two: Sequence[float]) -> float:
    """The distance of a point from a piece of a line."""
    along = (two[0] - one[0], two[1] - one[1])
    length = along[0] ** 2 + along[1] ** 2
    part = ((x - one[0]) * along[0] + (y - one[1]) * along[1]) / length if length else 0.0
    part = max(0.0, min(1.0, part))
    return math.hypot(x - one[0] - part * along[0], y - one[1] - part * along[1])


class _Box(AnswerKind):
    """A box that overlaps the right one."""

    def expects(self, exercise: Exercise) -> str:
        """Say that a box is expected, in what form, and how near."""
        return f"a box (x1, y1, x2, y2) in pixels of the picture, with an IoU of at least {exercise.overlap:g}"

    def take(self, answer: Any, exercise: Exercise) -> list[float]:
        """Read four numbers."""
        found = answer_numbers(answer, ("x1", "y1", "x2", "y2"), self.expects(exercise))
        if not (found[0] < found[2] and found[1] < found[3]):
            raise ValueError(
                f"expected {self.expects(exercise)}, got {answer!r}, whose right side is not right of its left or "
                "whose bottom is not below its top: these are corners, not a width and a height"
            )
        return found

    def place(self, taken: Sequence[float], step: float, shift: float) -> str:
        """Return the cell of the box's centre."""
        x, y = (taken[0] + taken[2]) / 2, (taken[1] + taken[3]) / 2
        return f"{_cell(x, step, shift)},{_cell(y, step, shift)}"

    def truth(self, answer: Any, exercise: Exercise) -> dict[str, Any]:
        """Read the right box."""
        if not 0.1 <= exercise.overlap <= 1:
            raise ValueError(f"the least IoU is from 0.1 to 1, got {exercise.overlap!r}")
        return {"box": self.take(answer, exercise), "overlap": float(exercise.overlap)}

    def places(self, truth: Mapping[str, Any], shift: float) -> tuple[float, list[str]]:
        """Return the cells of the centres of all boxes that overlap the right one enough.

        With an IoU of at least ``t`` no more than ``1 - t`` of a box's width lies outside, and its width is at most the
        right one's divided by ``t``. So its centre is outside by no more than ``(0.5 - t) / t`` of the right width, and
        for ``t`` of 0.5 or more it is inside.
        """
        x1, y1, x2, y2 = truth["box"]
        beyond = max(0.0, 0.5 - truth["overlap"]) / truth["overlap"] + 1e-4  # more than rounding can bring
        wide, high = beyond * (x2 - x1) + _slack(x1, x2), beyond * (y2 - y1) + _slack(y1, y2)
        return _cells_of((x1 - wide, y1 - high, x2 + wide, y2 + high), shift)

    def fits(self, taken: Sequence[float], truth: Mapping[str, Any]) -> bool:
        """Say whether the IoU is large enough."""
        right = truth["box"]
        sides = [max(0.0, min(taken[n + 2], right[n + 2]) - max(taken[n], right[n])) for n in (0, 1)]
        both = sides[0] * sides[1]
        areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (taken, right))
        return bool(both / (areas - both) >= truth["overlap"] - 1e-9)


KINDS: dict[str, AnswerKind] = {
    "number": _Number(),
    "choice": _Choice(),
    "order": _Order(),
    "point": _Point(),
    "box": _Box(),
}
"""The kinds whose truth is sealed; an exercise of the kind "code" has a test function instead."""
