"""Exercises that check themselves: an answer is compared with the sealed truth, and what was done is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detxai_nb.check.answers import KINDS
from detxai_nb.check.code_tests import run_code_test
from detxai_nb.check.exercise import Exercise, all_exercises, find_exercise
from detxai_nb.check.record import (
    ExerciseRecord,
    answer_digest,
    forget_exercises,
    note_answer,
    read_record,
    record_path,
)
from detxai_nb.check.sealing import fraction, unseal

if TYPE_CHECKING:
    import pandas

HINT_AFTER = 2
"""After how many misses the first hint is shown."""


@dataclass(frozen=True)
class Verdict:
    """What is said of an answer; in a notebook it shows itself.

    Attributes:
        exercise: its id.
        right: whether the answer is right; None if there was none.
        misses: how many different wrong answers there were so far.
        words: what is said.
        hints: those that are shown by now.
    """

    exercise: str
    right: bool | None
    misses: int
    words: str
    hints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.right)

    def __repr__(self) -> str:
        return "\n".join([self.words, *(f"Hint: {one}" for one in self.hints)])


def check_answer(exercise: str, answer: Any = ..., *, folder: str | os.PathLike[str] | None = None) -> Verdict:
    """Check an answer; ``dx.check("03.2", answer)`` is the same.

    Nothing is sent anywhere. What was done is kept in a small file in the notebook's folder, which ``progress`` shows.
    The same wrong answer again is no second miss.

    Args:
        exercise: its id, such as "03.2".
        answer: a number, an option, a point (x, y), a box (x1, y1, x2, y2), a list in order or a function, as the
            exercise asks. ``...`` or None, what stands there before you answer, shows the exercise and is no miss.
        folder: where the record lies, by default the working folder, in which Jupyter starts a notebook's kernel.

    Returns:
        What is said: right or not yet, after the second miss with a hint, with one more after each further miss.

    Raises:
        TypeError: if the id is no text, or the answer is of another type than the exercise expects; that is no miss.
        ValueError: if there is no such exercise, or the answer could not be one, such as an option that there is not.

    Example:
        >>> import detxai_nb as dx
        >>> dx.check("00.9", 0.5)
        Traceback (most recent call last):
        ...
        ValueError: there is no exercise '00.9'; ...
    """
    found = find_exercise(exercise)
    if answer is ... or answer is None:
        words = f"{found}\nNo answer yet. Expected: {_expects(found)}."
        before = read_record(record_path(folder)).exercises.get(found.id, ExerciseRecord())
        return Verdict(found.id, None, before.misses, words)
    taken, right, said = _judged(found, answer)
    digest = None if right else answer_digest(found.id, taken)
    record, kept = note_answer(record_path(folder), found.id, digest)
    lost = "" if kept else " (This could not be noted: the folder cannot be written.)"
    if right:
        return Verdict(found.id, True, record.misses, " ".join(f"{found.id} Right. {said}".split()) + lost)
    again = " It was right before, and stays solved." if record.solved else ""
    hints = found.hints[: max(0, record.misses + 1 - HINT_AFTER)]
    more = _what_next(found, record)
    words = " ".join(f"{found.id} Not yet.{again} {said} {more}".split()) + lost
    return Verdict(found.id, False, record.misses, words, () if record.solved else hints)


def _expects(exercise: Exercise) -> str:
    return "a function (its name without brackets)" if exercise.kind == "code" else _kind(exercise).expects(exercise)


def _kind(exercise: Exercise) -> Any:
    if exercise.kind not in KINDS:
        raise ValueError(
            f"the exercise {exercise.id} is of an unknown kind, {exercise.kind!r}; known: {', '.join(KINDS)}, code"
        )
    return KINDS[exercise.kind]


def _judged(exercise: Exercise, answer: Any) -> tuple[Any, bool, str]:
    """An answer in one form, whether it is right, and what is said of it."""
    if exercise.kind == "code":
        wrong = run_code_test(exercise.test, answer)
        return _code_of(answer), wrong is None, exercise.why if wrong is None else f"Your function: {wrong}."
    kind = _kind(exercise)
    taken = kind.take(answer, exercise)
    contents = []
    for step, boxes in exercise.sealed:
        place = kind.place(taken, step, fraction(exercise.salt))
        contents += [one for one in unseal(boxes, place, exercise.salt) if kind.fits(taken, one["truth"])]
    right = [one for one in contents if one["right"]]
    said = (right or contents or [{"say": ""}])[0]["say"]
    return taken, bool(right), said


def _code_of(function: Any) -> list[str]:
    """By what a function is known again when its cell is run twice."""
    code = getattr(function, "__code__", None)
    if code is None:
        return [repr(function)]
    inner = [one for constant in code.co_consts if hasattr(constant, "co_code") for one in _code_of_code(constant)]
    return [*_code_of_code(code), *inner]


def _code_of_code(code: Any) -> list[str]:
    constants = [repr(constant) for constant in code.co_consts if not hasattr(constant, "co_code")]
    return [code.co_code.hex(), *map(str, code.co_names), *constants]


def _what_next(exercise: Exercise, record: ExerciseRecord) -> str:
    if record.solved:
        return ""
    if record.misses < HINT_AFTER and exercise.hints:
        return "After another miss there is a hint."
    if record.misses + 1 - HINT_AFTER > len(exercise.hints):
        return "The solutions lie in notebooks/solutions: in the repository as notebooks, in the package as text."
    return ""


def progress(notebook: str | None = None, *, folder: str | os.PathLike[str] | None = None) -> pandas.DataFrame:
    """Return what is done and what is left.

    Args:
        notebook: the number of one, such as "03"; by default all.
        folder: where the record lies, by default the working folder.

    Returns:
        A row for each exercise, by its id: title, stars of difficulty, minutes, state ("solved", "tried" or "open") and
        how many different wrong answers there were.

    Raises:
        ValueError: if there is no exercise of that notebook.
    """
    import pandas as pd

    every = list(all_exercises().values())
    if notebook is not None:
        numbers = sorted({one.id.partition(".")[0] for one in every})
        wanted = str(notebook).partition("_")[0]
        every = [one for one in every if one.id.partition(".")[0] == wanted]
        if not every:
            raise ValueError(f"there are no exercises of a notebook {notebook!r}, but of {', '.join(numbers)}")
    record = read_record(record_path(folder)).exercises
    rows = []
    for one in every:
        done = record.get(one.id, ExerciseRecord())
        state = "solved" if done.solved else "tried" if done.misses else "open"
        rows.append([one.id, one.title, "*" * one.difficulty, one.minutes, state, done.misses])
    return pd.DataFrame(rows, columns=["exercise", "title", "difficulty", "minutes", "state", "misses"]).set_index(
        "exercise"
    )


def start_over(exercise: str | None = None, *, folder: str | os.PathLike[str] | None = None) -> None:
    """Forget what was done of an exercise, or of all; answers to questionnaires stay.

    Args:
        exercise: its id; by default all.
        folder: where the record lies, by default the working folder.

    Raises:
        TypeError, ValueError: if there is no such exercise.
        PermissionError: if the record cannot be written.
    """
    path = record_path(folder)
    if not forget_exercises(path, None if exercise is None else [find_exercise(exercise).id]):
        raise PermissionError(f"{path} cannot be written; what was done is as it was")
