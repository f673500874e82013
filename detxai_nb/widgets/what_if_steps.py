"""The steps of a WhatIf: what was asked, in which order, and the way back and forth between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from detxai_nb.interventions.fill import Fill
from detxai_nb.widgets.what_if_regions import DrawnRegion

REST = 0.08
"""Seconds between an answer and the computation of what equal areas elsewhere do; a newer question does not wait. Both
would want all of a small machine: first the browser draws the answer."""
LONGEST_NOTE = 500
"""Letters of a note, at most."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of the detector.

    Attributes:
        drawn: the region.
        fill: what it is filled with.
        seed: of what is random.
        about: the number of the object that the question is about, or None for the one that holds most of the region.
        number: no other question of the widget has it.
    """

    drawn: DrawnRegion
    fill: Fill
    seed: int
    about: int | None
    number: int

    @property
    def key(self) -> str:
        """The computation's name."""
        return f"step {self.number}"

    @property
    def title(self) -> str:
        """The computation in words."""
        return f"the answer ({self.drawn.title}, {self.fill.name})"

    def same(self, other: Question) -> bool:
        """Return whether another one asks the same.

        Args:
            other: any question about the same picture.

        Returns:
            True if region, fill, seed and object are the same.
        """
        alike = (self.fill.name, self.seed, self.about) == (other.fill.name, other.seed, other.about)
        return alike and bool((self.drawn.region.mask == other.drawn.region.mask).all())


@dataclass(frozen=True, eq=False)
class ControlsQuestion:
    """What filling equal areas elsewhere does.

    Attributes:
        question: whose controls.
        count: how many in each place.
    """

    question: Question
    count: int

    @property
    def key(self) -> str:
        """The computation's name."""
        return f"controls of {self.question.key}"

    @property
    def title(self) -> str:
        """The computation in words."""
        return "equal areas elsewhere"


@dataclass(eq=False)
class AnsweredStep:
    """A question that was answered.

    Attributes:
        question: what was asked.
        title: what happened, in words.
        answer: for the browser, see ``answer_payload``.
        parent: the number in the history of the step that was shown when it was asked, or None for none.
        controls: for the browser, see ``controls_payload``; None as long as they are not computed.
        note: what the person wrote.
    """

    question: Question
    title: str
    answer: dict[str, Any]
    parent: int | None
    controls: dict[str, Any] | None = None
    note: str = ""


@dataclass(eq=False)
class History:
    """Steps in the order in which they were asked; none is ever lost by going back.

    Attributes:
        steps: all of them.
        shown: the number of the one that is shown, or None for the unchanged picture.
    """

    steps: list[AnsweredStep] = field(default_factory=list)
    shown: int | None = None
    _ahead: list[int] = field(default_factory=list)

    @property
    def now(self) -> AnsweredStep | None:
        """The step that is shown, or None."""
        return None if self.shown is None else self.steps[self.shown]

    @property
    def back(self) -> bool:
        """Whether there is a step to take back."""
        return self.shown is not None

    @property
    def forth(self) -> bool:
        """Whether there is one to take again."""
        return bool(self._ahead)

    def add(self, step: AnsweredStep) -> None:
        """Show a new step, behind the one that is shown.

        Args:
            step: it.
        """
        step.parent = self.shown
        self.steps.append(step)
        self.shown = len(self.steps) - 1
        self._ahead.clear()

    def undo(self) -> int | None:
        """Go back to the step before.

        Returns:
            Its number, or None for the unchanged picture.
        """
        if self.shown is not None:
            self._ahead.append(self.shown)
            self.shown = self.steps[self.shown].parent
        return self.shown

    def redo(self) -> int | None:
        """Go forth to the step that was taken back last.

        Returns:
            Its number.
        """
        if self._ahead:
            self.shown = self._ahead.pop()
        return self.shown

    def go(self, number: int | None) -> None:
        """Show any step.

        Args:
            number: it, or None for the unchanged picture.
        """
        if number != self.shown:
            self.shown = number
            self._ahead.clear()

    def payload(self) -> list[dict[str, Any]]:
        """Return what the browser lists.

        Returns:
            Title and note of each step.
        """
        return [{"title": step.title, "note": step.note} for step in self.steps]


def checked_note(text: object) -> str:
    """Return a note, if it is one.

    Args:
        text: anything.

    Returns:
        The text without blanks around it.

    Raises:
        TypeError: if it is no text.
        ValueError: if it is too long.
    """
    if not isinstance(text, str):
        raise TypeError(f"a note is a text, got {text!r}")
    if len(text) > LONGEST_NOTE:
        raise ValueError(f"a note has up to {LONGEST_NOTE} letters, got {len(text)}")
    return text.strip()
