"""What a student has done so far: a small file in the notebook's folder, which never leaves it."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detxai_nb.files import as_path, write_atomically

RECORD_FILE = ".detxai-nb-progress.json"
"""The file's name in the notebook's folder, the folder in which Jupyter starts the kernel."""
_BROKEN = ".detxai-nb-progress.broken.json"
_FORMAT = 1
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


def read_record(path: Path) -> dict[str, ExerciseRecord]:
    """Read what was done so far.

    A file that cannot be read as a record is put aside under another name, with a warning, and counts as empty.

    Args:
        path: the file.

    Returns:
        By the id of each exercise that was tried what was done.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return {}
    try:
        return _parsed(json.loads(content.decode("utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        aside = path.with_name(_BROKEN)
        try:
            os.replace(path, aside)
        except OSError:
            aside = path
        warnings.warn(f"{path.name} is damaged; it is kept as {aside.name}, and the progress begins anew", stacklevel=2)
        return {}


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
    before = known.get(exercise, ExerciseRecord())
    after = before
    if digest is None:
        after = replace(before, solved=True)
    elif not before.solved and digest not in before.wrong:
        after = replace(before, wrong=(*before.wrong, digest)[-_MOST_WRONG:], misses=before.misses + 1)
    if after == before:
        return after, True
    return after, _write(path, {**known, exercise: after})


def forget_exercises(path: Path, exercises: list[str] | None) -> bool:
    """Remove exercises from the record.

    Args:
        path: the record's file.
        exercises: their ids, or None for all.

    Returns:
        Whether the record could be written.
    """
    known = read_record(path)
    kept = {name: one for name, one in known.items() if exercises is not None and name not in exercises}
    return kept == known or _write(path, kept)


def answer_digest(exercise: str, taken: Any) -> str:
    """Return by what an answer is known again, so that a cell that is run twice is one miss.

    Args:
        exercise: its id.
        taken: the answer in one form, of what JSON can hold.

    Returns:
        Sixteen signs.
    """
    return hashlib.blake2b(json.dumps([exercise, taken]).encode(), digest_size=8).hexdigest()


def _parsed(content: Any) -> dict[str, ExerciseRecord]:
    if content["format"] != _FORMAT:
        raise ValueError("another format")
    return {
        str(name): ExerciseRecord(
            bool(one.get("solved", False)), tuple(map(str, one.get("wrong", ()))), int(one.get("misses", 0))
        )
        for name, one in content["exercises"].items()
    }


def _write(path: Path, record: dict[str, ExerciseRecord]) -> bool:
    content = {
        "format": _FORMAT,
        "exercises": {
            name: {"solved": one.solved, "misses": one.misses, "wrong": list(one.wrong)}
            for name, one in sorted(record.items())
        },
    }
    text = json.dumps(content, indent=1).encode()
    try:
        write_atomically(path, lambda file: file.write(text))
    except OSError:
        return False
    return True
