"""The answer to one item: a choice of letters, or a drawn box with a confidence."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from detxai_nb.survey.seat import LETTERS, RANKINGS, SIMILAR, SeatQuestion

_MOST_SECONDS = 86_400.0
_ITEM = re.compile(r"i\d{2,3}")
_CHOICE = re.compile(rf"(?:[{LETTERS}]{{0,{len(LETTERS)}}}|{SIMILAR})")


@dataclass(frozen=True)
class ItemAnswer:
    """The answer to one item.

    Attributes:
        item: its name.
        choice: letters from best to worst for an order; a letter or "=" for which is better; empty for a drawn box.
        box: xyxy in pixels of the picture, to a tenth; None where nothing was drawn.
        confidence: 1 (least) to 5 (most) of a drawn box; None otherwise.
        seconds: from showing the item to the answer, to a tenth.
    """

    item: str
    choice: str = ""
    box: tuple[float, float, float, float] | None = None
    confidence: int | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.item, str) or not _ITEM.fullmatch(self.item):
            raise ValueError(f"an item is called such as 'i07', got {str(self.item)[:40]!r}")
        if not isinstance(self.choice, str) or not _CHOICE.fullmatch(self.choice):
            raise ValueError(f"a choice is letters of {LETTERS} or {SIMILAR!r}, got {str(self.choice)[:40]!r}")
        if self.confidence is not None and (type(self.confidence) is not int or not 1 <= self.confidence <= 5):
            raise ValueError(f"a confidence is 1 to 5, got {str(self.confidence)[:40]!r}")
        object.__setattr__(self, "seconds", _tenths(self.seconds, "seconds", _MOST_SECONDS))
        if self.box is not None:
            if isinstance(self.box, (str, bytes)) or len(self.box) != 4:
                raise ValueError(f"a box is (x1, y1, x2, y2), got {str(self.box)[:40]!r}")
            x1, y1, x2, y2 = (_tenths(side, "a side of a box", 10_000.0) for side in self.box)
            if not (x2 > x1 and y2 > y1):
                raise ValueError(f"a box is (x1, y1, x2, y2) with x1 < x2 and y1 < y2, got {(x1, y1, x2, y2)}")
            object.__setattr__(self, "box", (x1, y1, x2, y2))
        if (self.box is None) != (self.confidence is None) or (self.box is None) != bool(self.choice):
            raise ValueError("an answer is a choice, or a box with a confidence")


def check_item_answer(question: SeatQuestion, answer: ItemAnswer) -> None:
    """Raise an error if this is no answer to this question.

    Args:
        question: as the seat saw it.
        answer: what was answered.

    Raises:
        ValueError: naming what is expected.
    """
    letters, kind = question.letters, question.kind
    if kind in RANKINGS and sorted(answer.choice) != sorted(letters):
        raise ValueError(f"{question.item} asks for each of {letters} once, from best to worst, got {answer.choice!r}")
    if kind == "better" and (len(answer.choice) != 1 or answer.choice not in (*letters, SIMILAR)):
        raise ValueError(f"{question.item} asks for one of {letters} or {SIMILAR!r}, got {answer.choice!r}")
    if (kind == "draw") != (answer.box is not None):
        raise ValueError(f"{question.item} asks for {'a box with a confidence' if kind == 'draw' else 'letters'}")
    if answer.box is not None and (answer.box[2] > question.size[0] or answer.box[3] > question.size[1]):
        raise ValueError(f"{question.item}: the box {answer.box} reaches beyond the picture of {question.size}")


def cut_box(box: Any, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return a box without what lies beyond the picture.

    Args:
        box: xyxy in pixels of the picture.
        size: (width, height) of the picture.

    Returns:
        Four numbers.

    Raises:
        ValueError: if it is no four finite numbers.
    """
    try:
        x1, y1, x2, y2 = map(float, box)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"a box is four numbers (x1, y1, x2, y2), got {str(box)[:60]!r}") from error
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError(f"a box is four finite numbers, got {(x1, y1, x2, y2)}")
    return max(0.0, x1), max(0.0, y1), min(float(size[0]), x2), min(float(size[1]), y2)


def _tenths(value: Any, what: str, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise ValueError(f"{what} is a number from 0 to {most:g}, got {str(value)[:40]!r}")
    return round(float(value), 1)
