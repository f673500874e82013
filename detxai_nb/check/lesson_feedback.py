"""What a reader says of a lesson: how sure of each goal, how many minutes, what stayed unclear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detxai_nb.check.lesson import GOALS
from detxai_nb.check.reading import answer_number, answer_numbers

LEAST_SURE, MOST_SURE = 1, 5
MOST_MINUTES = 600
LONGEST = 500
"""Characters of what stayed unclear."""


@dataclass(frozen=True)
class LessonFeedback:
    """One answer to the questionnaire of a lesson.

    Attributes:
        goals: how sure of each goal, from 1 (not at all) to 5 (completely), in the order of the card.
        minutes: how long it took, from 1 to 600.
        unclear: what stayed unclear, one line of at most 500 characters; empty for nothing.
    """

    goals: tuple[int, ...]
    minutes: float
    unclear: str = ""

    def __str__(self) -> str:
        said = f"goals {', '.join(map(str, self.goals))}; {self.minutes:g} minutes"
        return f"{said}; unclear: {self.unclear!r}" if self.unclear else said


def as_feedback(goals: Any, minutes: Any, unclear: Any = "") -> LessonFeedback:
    """Return an answer to the questionnaire, checked.

    Args:
        goals: three whole numbers from 1 to 5, in a list, array or tensor.
        minutes: a number from 1 to 600.
        unclear: a text. Line ends become spaces, and characters that do not print are left out.

    Returns:
        The answer.

    Raises:
        TypeError: if one is of another type.
        ValueError: if one is outside its range, or the text too long.

    Example:
        >>> print(as_feedback([4, 3, 5], 45, "what a stride is"))
        goals 4, 3, 5; 45 minutes; unclear: 'what a stride is'
    """
    wanted = f"goals as {GOALS} whole numbers from {LEAST_SURE} to {MOST_SURE}, such as goals=[4, 3, 5]"
    sure = answer_numbers(goals, [f"goal {number}" for number in range(1, GOALS + 1)], wanted)
    if not all(one == int(one) and LEAST_SURE <= one <= MOST_SURE for one in sure):
        raise ValueError(f"expected {wanted}, got {', '.join(f'{one:g}' for one in sure)}")
    expected = f"minutes as a number from 1 to {MOST_MINUTES}, such as minutes=45"
    took = answer_number(minutes, expected)
    if not 1 <= took <= MOST_MINUTES:
        raise ValueError(f"expected {expected}, got {took:g}")
    return LessonFeedback(tuple(map(int, sure)), took, one_line(unclear))


def feedback_fields(feedback: LessonFeedback) -> dict[str, Any]:
    """Return what a file keeps of an answer.

    Args:
        feedback: the answer.

    Returns:
        Plain values by name, for JSON.
    """
    return {"goals": list(feedback.goals), "minutes": feedback.minutes, "unclear": feedback.unclear}


def read_feedback(fields: Any) -> LessonFeedback:
    """Return an answer that a file holds, whoever wrote it.

    Args:
        fields: as ``feedback_fields`` returned them.

    Returns:
        The answer.

    Raises:
        TypeError, ValueError: if it is anything else.
    """
    if not isinstance(fields, Mapping) or set(fields) != {"goals", "minutes", "unclear"}:
        raise ValueError("an answer to the questionnaire holds goals, minutes and unclear, and nothing else")
    return as_feedback(fields["goals"], fields["minutes"], fields["unclear"])


def one_line(text: Any) -> str:
    """Return a reader's text as one line of characters that print.

    Args:
        text: what was written.

    Returns:
        At most 500 characters.

    Raises:
        TypeError: if it is no text.
        ValueError: if it is longer.
    """
    expected = f'unclear as a text of at most {LONGEST} characters, such as unclear="what a stride is"'
    if not isinstance(text, str):
        raise TypeError(f"expected {expected}, got {type(text).__name__}")
    plain = "".join(one for one in " ".join(text.split()) if one.isprintable())
    if len(plain) > LONGEST:
        raise ValueError(f"expected {expected}, got {len(plain)}: name what matters most")
    return plain
