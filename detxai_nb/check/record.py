"""What a student has done and said so far: a small file in the notebook's folder, which never leaves it."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from detxai_nb.check.lesson_feedback import LessonFeedback, feedback_fields, read_feedback
from detxai_nb.files import as_path, write_atomically
from detxai_nb.locks import claim

RECORD_FILE = ".detxai-nb-progress.json"
"""The file's name in the notebook's folder, the folder in which Jupyter starts the kernel."""
_BROKEN = ".detxai-nb-progress.broken{}.json"
_LOCK = ".detxai-nb-progress.lock"
"""Beside the record; whoever changes the record holds it, so that two kernels lose no answer of each other."""
_PATIENCE = 10.0
"""Seconds to wait for another kernel, which holds the lock for milliseconds."""
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


_UNWRITTEN: dict[Path, dict[str, ExerciseRecord]] = {}
"""By the record's file what this process could not write into it, so that hints come in a read-only folder too."""


def read_record(path: Path) -> ProgressRecord:
    """Read what was done so far.

    A file that cannot be read as a record is put aside under another name, with a warning, and counts as empty.

    Args:
        path: the file.

    Returns:
        What was done, with what this process could not write.
    """
    try:
        known = _read(path)
    except OSError:
        known = ProgressRecord()
    return _with_unwritten(path, known)


def note_answer(path: Path, exercise: str, digest: str | None) -> tuple[ExerciseRecord, bool]:
    """Note one answer.

    Args:
        path: the record's file, which is read again before, since another notebook may have written it.
        exercise: its id.
        digest: of a wrong answer, as ``answer_digest`` returns it; None for a right one.

    Returns:
        What was done of the exercise now, and whether it could be kept in the file.
    """

    def noted(known: ProgressRecord) -> ProgressRecord:
        before = known.exercises.get(exercise, ExerciseRecord())
        after = before
        if digest is None:
            after = replace(before, solved=True)
        elif not before.solved and digest not in before.wrong:
            after = replace(before, wrong=(*before.wrong, digest)[-_MOST_WRONG:], misses=before.misses + 1)
        return known if after == before else replace(known, exercises={**known.exercises, exercise: after})

    now, kept = _change(path, noted)
    after = now.exercises.get(exercise, ExerciseRecord())
    if not kept:
        _UNWRITTEN.setdefault(path.absolute(), {})[exercise] = after
    return after, kept


def note_feedback(path: Path, lesson: str, feedback: LessonFeedback) -> bool:
    """Note the answer to a lesson's questionnaire in place of the one before.

    Args:
        path: the record's file, which is read again before.
        lesson: its number.
        feedback: the answer.

    Returns:
        Whether it is in the file.
    """
    return _change(path, lambda known: replace(known, feedback={**known.feedback, lesson: feedback}))[1]


def forget_exercises(path: Path, exercises: list[str] | None) -> bool:
    """Remove exercises from the record; what was said of lessons stays.

    Args:
        path: the record's file.
        exercises: their ids, or None for all.

    Returns:
        Whether the record could be written.
    """

    def without(known: ProgressRecord) -> ProgressRecord:
        kept = {name: one for name, one in known.exercises.items() if exercises is not None and name not in exercises}
        return replace(known, exercises=kept)

    return _change(path, without)[1]


def _change(path: Path, change: Callable[[ProgressRecord], ProgressRecord]) -> tuple[ProgressRecord, bool]:
    """Read the record, change it and write it, while no other kernel does; what it is then, and whether it is kept."""
    try:
        give_up = claim(path.with_name(_LOCK), _PATIENCE)
    except OSError:  # the folder cannot be written
        known = read_record(path)
        after = change(known)
        return after, after == known and path.absolute() not in _UNWRITTEN
    try:
        found = _read(path)
        after = change(_with_unwritten(path, found))
        kept = after == found or _write(path, after)
    except OSError:  # a file that cannot be read is not overwritten
        after, kept = change(_with_unwritten(path, ProgressRecord())), False
    finally:
        give_up()
    if kept:
        _UNWRITTEN.pop(path.absolute(), None)
    return after, kept


def _read(path: Path) -> ProgressRecord:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ProgressRecord()
    try:
        return _parsed(json.loads(content.decode("utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        aside = _free_name(path)
        try:
            os.replace(path, aside)
        except OSError:
            aside = path
        warnings.warn(f"{path.name} is damaged; it is kept as {aside.name}, and the progress begins anew", stacklevel=4)
        return ProgressRecord()


def _free_name(path: Path) -> Path:
    """A name for a damaged record at which no earlier one lies."""
    names = (path.with_name(_BROKEN.format(f"-{number}" if number > 1 else "")) for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def _with_unwritten(path: Path, known: ProgressRecord) -> ProgressRecord:
    """A record with what this process could not write into its file."""
    exercises = dict(known.exercises)
    for name, mine in _UNWRITTEN.get(path.absolute(), {}).items():
        theirs = exercises.get(name, ExerciseRecord())
        wrong = (*theirs.wrong, *(one for one in mine.wrong if one not in theirs.wrong))[-_MOST_WRONG:]
        exercises[name] = ExerciseRecord(theirs.solved or mine.solved, wrong, max(theirs.misses, mine.misses))
    return replace(known, exercises=exercises)


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
