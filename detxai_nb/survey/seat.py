"""What one seat sees: letters and pictures, and nothing that tells which map is of which method."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

LETTERS = "ABCDEFGH"
RANKINGS = ("rank", "directions")
"""The kinds of question whose answer is an order."""
KINDS = ("rank", "better", "draw", "directions")
"""rank: maps of an object by several methods; better: maps of an object by two detectors; draw: the box of the object
that a map explains, with a confidence; directions: maps of one method for a side of a box."""
SIMILAR = "="
"""The answer to "better" of who sees no difference."""


@dataclass(frozen=True)
class SeatQuestion:
    """One question of a seat.

    Attributes:
        item: the name of the item, such as "i07".
        kind: one of ``KINDS``.
        words: the question.
        letters: one for each picture, such as "ABCD".
        pictures: PNG files, in the order of the letters.
        size: (width, height) of the pictures in pixels; a drawn box is in this frame.
    """

    item: str
    kind: str
    words: str
    letters: str
    pictures: tuple[bytes, ...]
    size: tuple[int, int]

    def to_plain(self) -> dict[str, Any]:
        """Return the same as plain values for a page.

        Returns:
            Texts, numbers, and pictures as data URLs.
        """
        pictures = ["data:image/png;base64," + base64.b64encode(one).decode() for one in self.pictures]
        return {**vars(self), "size": list(self.size), "pictures": pictures}


@dataclass(frozen=True)
class Seat:
    """Everything that is shown at one seat before the reveal.

    Attributes:
        study: the identity of the study.
        title: of the study.
        consent: the text that a person agrees to first.
        code: of the seat.
        questions: in the order in which this seat is asked.
    """

    study: str
    title: str
    consent: str
    code: str
    questions: tuple[SeatQuestion, ...]

    def question(self, item: str) -> SeatQuestion:
        """Return the question of an item.

        Args:
            item: its name.

        Returns:
            The question.

        Raises:
            ValueError: if this seat is not asked about it.
        """
        for one in self.questions:
            if one.item == item:
                return one
        raise ValueError(f"the seat {self.code} is not asked about the item {str(item)[:40]!r}")

    def to_plain(self) -> dict[str, Any]:
        """Return the same as plain values for a page: texts, numbers, and pictures as data URLs.

        Returns:
            A dictionary that JSON can hold.
        """
        return {
            "study": self.study,
            "title": self.title,
            "consent": self.consent,
            "code": self.code,
            "questions": [one.to_plain() for one in self.questions],
        }
