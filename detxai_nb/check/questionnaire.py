"""The questionnaire at the end of a lesson: it lists the goals, checks the answer and keeps it beside the notebook."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from detxai_nb.check.exercise import find_lesson
from detxai_nb.check.lesson import Lesson
from detxai_nb.check.lesson_feedback import (
    LEAST_SURE,
    LONGEST,
    MOST_MINUTES,
    MOST_SURE,
    LessonFeedback,
    as_feedback,
)
from detxai_nb.check.record import RECORD_FILE, note_feedback, read_record, record_path


@dataclass(frozen=True)
class FeedbackNote:
    """What is said of an answer to the questionnaire; in a notebook it shows itself.

    Attributes:
        lesson: which one.
        kept: the answer that counts; None if there is none.
        words: what is said.
    """

    lesson: Lesson
    kept: LessonFeedback | None
    words: str

    def __repr__(self) -> str:
        return self.words


def feedback(
    lesson: str,
    *,
    goals: Any = ...,
    minutes: Any = ...,
    unclear: str = "",
    folder: str | os.PathLike[str] | None = None,
) -> FeedbackNote:
    """Answer the questionnaire of a lesson: how sure you are of its goals, and how long it took.

    The answer is kept in the file of the progress, in the notebook's folder, and nothing is sent anywhere. It may be
    given again; the last one counts.

    Args:
        lesson: the notebook's number, such as "03".
        goals: how sure you are of each goal, three whole numbers from 1 (not at all) to 5 (completely). ``...`` or
            None, what stands there before you answer, lists the goals.
        minutes: how long the notebook took you, from 1 to 600.
        unclear: what stayed unclear, at most 500 characters; leave names out.
        folder: where the record lies, by default the working folder.

    Returns:
        The goals, or what was kept.

    Raises:
        TypeError: if the number of the lesson is no text, or an answer is of another type than expected.
        ValueError: if there is no such lesson, or an answer is outside its range. Nothing is changed then.

    Example:
        >>> import detxai_nb as dx
        >>> dx.check.feedback("00", goals=[4, 3, 6], minutes=50)
        Traceback (most recent call last):
        ...
        ValueError: expected goals as 3 whole numbers from 1 to 5, such as goals=[4, 3, 5], got 4, 3, 6
    """
    found, path = find_lesson(lesson), record_path(folder)
    open_ones = [name for name, given in (("goals", goals), ("minutes", minutes)) if given is ... or given is None]
    if open_ones:
        before = read_record(path).feedback.get(found.number)
        return FeedbackNote(found, before, _asked(found, before, open_ones))
    answer = as_feedback(goals, minutes, unclear)
    words = f"{found.number} Thank you. Kept in {RECORD_FILE} beside the notebook: {answer}."
    if not note_feedback(path, found.number, answer):
        words = f"{found.number} Thank you. This could not be noted, the folder cannot be written: {answer}."
    told = f" The card says about {found.minutes} minutes. Nothing was sent; another answer takes this one's place."
    return FeedbackNote(found, answer, words + told)


def _asked(lesson: Lesson, before: LessonFeedback | None, open_ones: list[str]) -> str:
    """The goals, and how to answer."""
    lines = [f"{lesson.number} How was it? How sure are you that you can"]
    lines += [f"  {number}: {goal}" for number, goal in enumerate(lesson.goals, 1)]
    if before is not None:
        lines += [f"Kept so far: {before}. Another answer takes its place."]
    else:
        lines += ["No answer yet." + (f" Missing: {open_ones[0]}." if len(open_ones) == 1 else "")]
    lines += [
        f"Expected: goals=[4, 3, 5], how sure you are of each, from {LEAST_SURE} (not at all) to {MOST_SURE} "
        "(completely);",
        f"  minutes=45, how long it took you, from 1 to {MOST_MINUTES};",
        f'  unclear="...", what stayed unclear, at most {LONGEST} characters, without names; "" for nothing.',
    ]
    return "\n".join(lines)
