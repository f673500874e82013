"""One exercise as a student has it: what is asked, what kind of answer is expected, hints, and the sealed truth."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detxai_nb.check.lesson import Lesson, as_lesson
from detxai_nb.files import as_path
from detxai_nb.names import nearest_names

FORMAT = 1
"""Of the files of exercises."""
FOLDER = Path(__file__).parent / "exercises"
"""The package's exercises: one file for each notebook that has some."""
EXERCISE_ID = re.compile(r"[A-Za-z0-9][\w-]{0,30}\.[1-9][0-9]{0,2}")
"""The notebook's number, a dot, and the exercise's: ``03.2``, ``01a.3``."""


@dataclass(frozen=True)
class Exercise:
    """One exercise, without its answer.

    Attributes:
        id: such as "03.2", the second of notebook 03.
        title: a few words.
        question: what is asked, in one or a few sentences.
        kind: "number", "choice", "order", "point", "box" or "code".
        difficulty: 1 (read off), 2 (think) or 3 (try out).
        minutes: how long it takes about.
        options: for "choice" and "order" by a short key what can be chosen.
        several: for "choice": whether several may be right at once.
        tolerance: for "number" how far off is still right, for "point" how many pixels outside the region.
        overlap: for "box" the least IoU with the right one.
        unit: for "number" what it is a number of, such as "pixels"; empty for none.
        hints: the first is shown after the second miss, one more after each further.
        test: for "code" the name of the test function; see ``code_test``.
        why: for "code" what is said after a right answer; for other kinds that is sealed.
        salt: of the sealed truths.
        sealed: the truths, each with the step of the grid of answers that it is sealed by.
        notebook: the file that asks.
    """

    id: str
    title: str
    question: str
    kind: str
    difficulty: int
    minutes: float
    options: Mapping[str, str] = field(default_factory=dict)
    several: bool = False
    tolerance: float = 0.0
    overlap: float = 0.5
    unit: str = ""
    hints: tuple[str, ...] = ()
    test: str = ""
    why: str = ""
    salt: str = ""
    sealed: tuple[tuple[float, tuple[str, ...]], ...] = ()
    notebook: str = ""

    def __str__(self) -> str:
        lines = [f"{self.id} {self.title} ({'*' * self.difficulty}, {self.minutes:g} min)", self.question]
        lines += [f"  {key}: {text}" for key, text in self.options.items()]
        return "\n".join(line for line in lines if line)


_ADDED: dict[str, Exercise] = {}
_ADDED_LESSONS: dict[str, Lesson] = {}


def add_exercises(path: str | os.PathLike[str]) -> list[str]:
    """Add the exercises of a file to those of the package, and its lesson, until Python ends.

    Args:
        path: a file that ``seal_exercises`` made, in JSON.

    Returns:
        The ids of its exercises. One that is there already is replaced.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no file of exercises.
    """
    found, lesson = _read(as_path(path, "a file of exercises"))
    _ADDED.update(found)
    if lesson is not None:
        _ADDED_LESSONS[lesson.number] = lesson
    return list(found)


def all_exercises() -> dict[str, Exercise]:
    """Return every exercise that there is, by its id.

    Returns:
        Those of the package in the order of the notebooks, then those that were added.

    Raises:
        ValueError: if a file of the package is damaged.
    """
    return {**{name: one for found, _ in _packaged() for name, one in found.items()}, **_ADDED}


def all_lessons() -> dict[str, Lesson]:
    """Return every lesson with goals, by the number of its notebook.

    Returns:
        Those of the package in the order of the notebooks, then those that were added.

    Raises:
        ValueError: if a file of the package is damaged.
    """
    return {**{one.number: one for _, one in _packaged() if one is not None}, **_ADDED_LESSONS}


def find_lesson(wanted: str) -> Lesson:
    """Return the lesson of a notebook.

    Args:
        wanted: its number, such as "03", or the name of the notebook.

    Returns:
        The lesson.

    Raises:
        TypeError: if it is no text.
        ValueError: if there is no such lesson; the message names all.
    """
    if not isinstance(wanted, str):
        example = f'"{wanted:02d}"' if isinstance(wanted, int) and not isinstance(wanted, bool) else '"03"'
        raise TypeError(f"a lesson is named by a text such as {example}, got {wanted!r}: put it in quotation marks")
    every = all_lessons()
    number = wanted.strip().partition("_")[0].casefold()
    if number not in every:
        raise ValueError(f"there is no lesson {_shown(wanted)}; there are {', '.join(every) or 'none'}")
    return every[number]


def find_exercise(wanted: str) -> Exercise:
    """Return the exercise of an id.

    Args:
        wanted: its id, such as "03.2".

    Returns:
        The exercise, without its answer.

    Raises:
        TypeError: if the id is no text.
        ValueError: if there is no such exercise; the message names those whose ids are nearest.
    """
    if not isinstance(wanted, str):
        example = f'"{wanted}"' if isinstance(wanted, float) else '"00.1"'
        raise TypeError(f"an exercise is named by a text such as {example}, got {wanted!r}: put it in quotation marks")
    every = all_exercises()
    known = {name.casefold(): name for name in every}
    if wanted.strip().casefold() in known:
        return every[known[wanted.strip().casefold()]]
    of_notebook = wanted.strip().partition(".")[0]
    near = [name for name in every if name.partition(".")[0] == of_notebook]
    near = near or list(nearest_names(wanted, list(every)))
    told = f"did you mean {' or '.join(map(repr, near[:4]))}?" if near else _which(every)
    raise ValueError(f"there is no exercise {_shown(wanted)}; {told} dx.check.progress() lists all")


def _shown(wanted: str) -> str:
    return repr(wanted[:40]) + ("..." if len(wanted) > 40 else "")


def _which(every: Iterable[str]) -> str:
    notebooks = sorted({name.partition(".")[0] for name in every})
    return f"there are exercises of the notebooks {', '.join(notebooks)};" if notebooks else "there are none;"


@functools.cache
def _packaged() -> tuple[tuple[dict[str, Exercise], Lesson | None], ...]:
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.json")))


def _read(path: Path) -> tuple[dict[str, Exercise], Lesson | None]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {FORMAT}")
        found = [as_exercise(one, str(content["notebook"])) for one in content["exercises"]]
        lesson = as_lesson(content)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file of exercises {path}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path} is no file of exercises, or a damaged one ({type(error).__name__}: {error}); make it again, or "
            "install detxai-nb again if it belongs to the package"
        ) from error
    return {one.id: one for one in found}, lesson


def as_exercise(content: Mapping[str, Any], notebook: str) -> Exercise:
    """Return an exercise of what its file holds.

    Args:
        content: the fields of ``Exercise`` by their names; what is left out is as there.
        notebook: the file that asks.

    Returns:
        The exercise.

    Raises:
        ValueError: if the id is none, a field is unknown, or a step is not above 0.
        KeyError, TypeError: if a field is missing or of another type.
    """
    values = dict(content)
    if not EXERCISE_ID.fullmatch(values["id"]):
        raise ValueError(f"an exercise's id is the notebook's number, a dot and a number, got {values['id']!r}")
    if unknown := set(values) - set(Exercise.__dataclass_fields__):
        raise ValueError(f"the exercise {values['id']} has unknown fields: {', '.join(sorted(unknown))}")
    values["hints"] = tuple(map(str, values.get("hints", ())))
    values["options"] = {str(key): str(text) for key, text in values.get("options", {}).items()}
    values["sealed"] = tuple((float(one["step"]), tuple(one["boxes"])) for one in values.get("sealed", ()))
    if values["kind"] in ("number", "point", "box") and not all(step > 0 for step, _ in values["sealed"]):
        raise ValueError(f"the exercise {values['id']} is sealed by a grid without a step")
    return Exercise(**{**values, "notebook": notebook})
