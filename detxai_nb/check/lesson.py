"""One lesson: a notebook with exercises, what a reader can do after it, and how long it takes about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GOALS = 3
"""How many goals the card of a lesson names."""


@dataclass(frozen=True)
class Lesson:
    """A notebook whose card names goals and minutes.

    Attributes:
        number: what the notebook's name begins with, such as "03".
        notebook: its file.
        goals: three, each such that "you can ..." goes on with it.
        minutes: how long the card says that it takes.
    """

    number: str
    notebook: str
    goals: tuple[str, ...]
    minutes: int


def as_lesson(content: Mapping[str, Any]) -> Lesson | None:
    """Return the lesson that a file of exercises belongs to.

    Args:
        content: of the file, with ``notebook`` and, where it is a lesson, ``goals`` and ``minutes``.

    Returns:
        The lesson; None if the file names neither goals nor minutes.

    Raises:
        ValueError: if they are not three texts and a whole number above 0.

    Example:
        >>> as_lesson({"notebook": "07_one.ipynb", "goals": ["see", "hear", "tell"], "minutes": 40}).number
        '07'
    """
    goals, minutes = content.get("goals"), content.get("minutes")
    if goals is None and minutes is None:
        return None
    if not isinstance(goals, list) or len(goals) != GOALS or not all(isinstance(one, str) and one for one in goals):
        raise ValueError(f'the goals of a lesson are {GOALS} texts, as goals = ["...", "...", "..."], got {goals!r}')
    if not isinstance(minutes, int) or isinstance(minutes, bool) or minutes < 1:
        raise ValueError(f"the minutes of a lesson are those of its card, as minutes = 60, got {minutes!r}")
    notebook = str(content["notebook"])
    return Lesson(notebook.partition("_")[0], notebook, tuple(goals), minutes)
