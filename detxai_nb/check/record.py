"""What a student has done and said so far: a small file in the notebook's folder, which never leaves it."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from detxai_nb.check.lesson_feedback import LessonFeedback, feedback_fields, read_feedback
from detxai_nb.files import as_path, write_atomically

RECORD_FILE = ".detxai-nb-progress.json"
"""The file's name in the notebook's folder, the folder in which Jupyter starts the kernel."""
_BROKEN = ".detxai-nb-progress.broken.json"
FORMAT = 1
"""Of the record."""
_MOST_WRONG = 200


@dataclass(frozen=True)
class ExerciseRecord:
    """What was done of one exercise.

    Attributes:
        solved: whether a right answer was given once.
        wrong: a digest of each different wrong answer so far, from which the answer cannot be read at once.
        misses: how many different wrong answers were given before the right one.
    """

    solved: bool = False
    wrong: tuple[str, ...] = ()
    misses: int = 0


@dataclass(frozen=True)
class ProgressRecord:
    """What was done so far.

    Attributes:
        exercises: by the id of each exercise that was tried what was done.
        feedback: by the number of each lesson whose questionnaire was answered the last answer.
    """

    exercises: Mapping[str, ExerciseRecord] = field(default_factory=dict)
    feedback: Mapping[str, LessonFeedback] = field(default_factory=dict)


def record_path(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return where the record lies.

    Args:
        folder: the notebook's folder, by default the working folder.

    Returns:
        The file; it need not exist.

    Raises:
        TypeError, ValueError: if ``folder`` is no path.
    """
    return (Path.cwd() if folder is None else as_path(folder, "the folder of the progress")) / RECORD_FILE


def read_record(path: Path) -> ProgressRecord:
    """Read what was done so far.

    A file that cannot be read as a record is put aside under another name, with a warning, and counts as empty.

    Args:
        path: the file.

    Returns:
        What was done.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return ProgressRecord()
    try:
        return _parsed(json.loads(content.decode("utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        aside = path.with_name(_BROKEN)
        try:
            os.replace(path, aside)
        except OSError:
            aside = path
        warnings.warn(f"{path.name} is damaged; it is kept as {aside.name}, and the progress begins anew", stacklevel=2)
        return ProgressRecord()


def note_answer(path: Path, exercise: str, digest: str | None) -> tuple[ExerciseRecord, bool]:
    """Note one answer.

    Args:
        path: the record's file, which is read again before, since another notebook may have written it.
        exercise: its id.
        digest: of a wrong answer, as ``answer_digest`` returns it; None for a right one.

    Returns:
        What was done of the exercise now, and whether it could be kept in the file.
    """
    known = read_record(path)
    before = known.exercises.get(exercise, ExerciseRecord())
    after = before
    if digest is None:
        after = replace(before, solved=True)
    elif not before.solved and digest not in before.wrong:
        after = replace(before, wrong=(*before.wrong, digest)[-_MOST_WRONG:], misses=before.misses + 1)
    if after == before:
        return after, True
    return after, _write(path, replace(known, exercises={**known.exercises, exercise: after}))


def note_feedback(path: Path, lesson: str, feedback: LessonFeedback) -> bool:
    """Note the answer to a lesson's questionnaire in place of the one before.

    Args:
        path: the record's file, which is read again before.
        lesson: its number.
        feedback: the answer.

    Returns:
        Whether it is in the file.
    """
    known = read_record(path)
    if known.feedback.get(lesson) == feedback:
        return True
    return _write(path, replace(known, feedback={**known.feedback, lesson: feedback}))


def forget_exercises(path: Path, exercises: list[str] | None) -> bool:
    """Remove exercises from the record; what was said of lessons stays.

    Args:
        path: the record's file.
        exercises: their ids, or None for all.

    Returns:
        Whether the record could be written.
    """
    known = read_record(path)
    kept = {name: one for name, one in known.exercises.items() if exercises is not None and name not in exercises}
    return kept == known.exercises or _write(path, replace(known, exercises=kept))


def answer_digest(exercise: str, taken: Any) -> str:
    """Return by what an answer is known again, so that a cell that is run twice is one miss.

    Args:
        exercise: its id.
        taken: the answer in one form, of what JSON can hold.

    Returns:
        Sixteen signs.
    """
    return hashlib.blake2b(json.dumps([exercise, taken]).encode(), digest_size=8).hexdigest()


def _parsed(content: Any) -> ProgressRecord:
    if content["format"] != FORMAT:
        raise ValueError("another format")
    exercises = {
        str(name): ExerciseRecord(
            bool(one.get("solved", False)), tuple(map(str, one.get("wrong", ()))), int(one.get("misses", 0))
        )
        for name, one in content["exercises"].items()
    }
    return ProgressRecord(
        exercises, {str(name): read_feedback(one) for name, one in content.get("feedback", {}).items()}
    )


def _write(path: Path, record: ProgressRecord) -> bool:
    content: dict[str, Any] = {
        "format": FORMAT,
        "exercises": {
            name: {"solved": one.solved, "misses": one.misses, "wrong": list(one.wrong)}
            for name, one in sorted(record.exercises.items())
        },
    }
    if record.feedback:
        content["feedback"] = {name: feedback_fields(one) for name, one in sorted(record.feedback.items())}
    text = json.dumps(content, indent=1).encode()
    try:
        write_atomically(path, lambda file: file.write(text))
    except OSError:
        return False
    return True
