"""What a class says of the lessons, from the progress files that were handed in."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from detxai_nb.check.exercise import all_lessons
from detxai_nb.check.lesson_feedback import LessonFeedback, read_feedback
from detxai_nb.check.record import FORMAT, RECORD_FILE
from detxai_nb.files import as_path

if TYPE_CHECKING:
    import pandas

LARGEST = 200_000
"""Bytes of the largest progress file that is read; one of all notebooks has some kB."""
DEEPEST = 4
"""How many folders below the named one are looked through."""
SURE = 4
"""From this answer on somebody counts as sure of a goal."""


@dataclass(frozen=True)
class ClassFeedback:
    """What a class says of the lessons.

    Attributes:
        answers: by the number of each lesson what was said of it, in no order that tells who said it.
        files: how many progress files were read.
        silent: how many of them answer no questionnaire.
        refused: by file, or file and lesson, why it was not taken.
    """

    answers: Mapping[str, tuple[LessonFeedback, ...]] = field(default_factory=dict)
    files: int = 0
    silent: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def goals(self) -> pandas.DataFrame:
        """A row for each goal: how many answered, the median, and the share of answers 4 or 5."""
        import pandas as pd

        rows = []
        for number, answers in self.answers.items():
            lesson = all_lessons()[number]
            for place, goal in enumerate(lesson.goals):
                sure = [one.goals[place] for one in answers]
                rows.append([lesson.notebook, goal, len(sure), statistics.median(sure), _share(sure)])
        return pd.DataFrame(rows, columns=["notebook", "goal", "n", "median", "share 4 or 5"])

    @property
    def minutes(self) -> pandas.DataFrame:
        """A row for each notebook: how many answered, the median, shortest and longest, and what the card says."""
        import pandas as pd

        rows = []
        for number, answers in self.answers.items():
            lesson, took = all_lessons()[number], [one.minutes for one in answers]
            rows.append([lesson.notebook, len(took), statistics.median(took), min(took), max(took), lesson.minutes])
        return pd.DataFrame(rows, columns=["notebook", "n", "median", "shortest", "longest", "card"])

    @property
    def unclear(self) -> dict[str, list[str]]:
        """By notebook what stayed unclear, in alphabetical order."""
        said = {number: sorted(one.unclear for one in some if one.unclear) for number, some in self.answers.items()}
        return {all_lessons()[number].notebook: texts for number, texts in said.items() if texts}

    def __repr__(self) -> str:
        said = [f"{self.files} progress files, {self.silent} without an answer"]
        said += [f"refused: {name} ({why})" for name, why in self.refused.items()]
        if self.answers:
            said += ["", self.goals.to_string(index=False), "", self.minutes.to_string(index=False)]
        for notebook, texts in self.unclear.items():
            said += ["", f"unclear in {notebook}:", *(f"- {one}" for one in texts)]
        return "\n".join(said)


def class_feedback(folder: str | os.PathLike[str]) -> ClassFeedback:
    """Put together what a class answered to the questionnaires of the lessons.

    Hand in is the file ``.detxai-nb-progress.json`` of each student's working folder. It holds no name, so the names of
    folders and files are the only ones, and they are not in the result. Each file counts once: of a student's file
    handed in twice remove one.

    Args:
        folder: with a folder for each student that holds the file, or with the files under names of their own that end
            in ".json".

    Returns:
        The answers as tables. A file that is a link, larger than 200 kB, damaged, or of other values than the
        questionnaire takes is listed as refused and changes nothing; so is an answer to a lesson that there is not.

    Raises:
        FileNotFoundError: if there is no such folder.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import detxai_nb as dx
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for student, sure in {"one": [5, 4, 2], "two": [4, 4, 3]}.items():
        ...         (Path(folder) / student).mkdir()
        ...         said = dx.check.feedback("00", goals=sure, minutes=50, folder=Path(folder) / student)
        ...     heard = dx.check.class_feedback(folder)
        >>> heard.goals["median"].tolist(), heard.goals["share 4 or 5"].tolist(), heard.minutes["median"].tolist()
        ([4.5, 4.0, 2.5], [1.0, 1.0, 0.0], [50.0])
    """
    where = as_path(folder, "a folder of progress files")
    if not where.is_dir():
        raise FileNotFoundError(f"there is no folder {where} with progress files; name the one they were put into")
    found: list[tuple[str, LessonFeedback]] = []
    refused: dict[str, str] = {}
    files = silent = 0

    def closed(error: OSError) -> None:
        refused[_named(Path(error.filename), where)] = _short(error)

    for path in _handed_in(where, closed):
        name = _named(path, where)
        try:
            answers, strange = _read(path)
        except (ValueError, TypeError, OSError, RecursionError) as error:
            refused[name] = _short(error)
            continue
        files, silent = files + 1, silent + (not answers and not strange)
        found += answers
        refused |= {f"{name}, lesson {lesson}": why for lesson, why in strange.items()}
    by_lesson = {number: [one for lesson, one in found if lesson == number] for number in all_lessons()}
    ordered = {number: tuple(sorted(some, key=_by_content)) for number, some in by_lesson.items() if some}
    return ClassFeedback(ordered, files, silent, refused)


def _handed_in(where: Path, closed: Callable[[OSError], None]) -> Iterator[Path]:
    """Progress files by their own name in folders, and every .json that lies in the named folder itself."""
    for folder, folders, names in os.walk(where, onerror=closed):
        here = Path(folder)
        depth = len(here.relative_to(where).parts)
        folders[:] = sorted(folders) if depth < DEEPEST else []
        yield from (here / name for name in sorted(names) if name == RECORD_FILE or (not depth and _is_json(name)))


def _is_json(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")


def _read(path: Path) -> tuple[list[tuple[str, LessonFeedback]], dict[str, str]]:
    """The answers of one file, and by lesson why one is not taken."""
    from detxai_nb.survey.plain import read_limited

    if path.is_symlink():
        raise ValueError("it is a link, and a file was expected")
    content = json.loads(read_limited(path, "the progress", LARGEST).decode("utf-8"))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"it is no progress file of format {FORMAT}")
    said = content.get("feedback", {})
    if not isinstance(said, dict):
        raise ValueError("its feedback is not kept by lesson")
    known, answers, strange = all_lessons(), [], {}
    for lesson, fields in said.items():
        if lesson not in known:
            strange[repr(lesson[:20])] = "there is no such lesson"
            continue
        answers.append((lesson, read_feedback(fields)))
    return answers, strange


def _named(path: Path, where: Path) -> str:
    return repr(str(path.relative_to(where)))[1:-1]


def _short(error: BaseException) -> str:
    from detxai_nb.survey.plain import printable

    return printable("its lists are nested too deeply" if isinstance(error, RecursionError) else str(error), 200)


def _share(sure: list[int]) -> float:
    return sum(one >= SURE for one in sure) / len(sure)


def _by_content(one: LessonFeedback) -> tuple[tuple[int, ...], float, str]:
    return one.goals, one.minutes, one.unclear
