"""From an author's exercises, with the answers in clear, to the file that students have, where they are sealed."""

from __future__ import annotations

import json
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detxai_nb.check.answers import KINDS
from detxai_nb.check.code_tests import CODE_TESTS
from detxai_nb.check.exercise import FORMAT, Exercise, as_exercise
from detxai_nb.check.lesson import as_lesson
from detxai_nb.check.sealing import fraction, seal

KINDS_OF_EXERCISES = (*KINDS, "code")
_AUTHORS_OWN = ("answer", "also", "remarks", "wrong", "solution")
_NEEDED = ("id", "title", "question", "kind", "difficulty", "minutes")


def read_authored(path: Path) -> dict[str, Any]:
    """Read an author's file of exercises.

    Args:
        path: a file in TOML: ``notebook``, for a lesson ``goals`` (three texts) and ``minutes`` as its card says them,
            and an ``[[exercises]]`` for each, with the fields of ``Exercise`` but for ``salt`` and ``sealed``, and
            besides ``answer`` (the right one), ``also`` (a list of others that are right), ``why`` (said after a right
            answer), ``remarks`` (a list of ``{answer, say}`` for wrong answers that many give) and ``wrong`` (a list of
            wrong answers, which tests try).

    Returns:
        Its content.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no TOML, or names no notebook or exercises.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no file in TOML: {error}") from error
    if not isinstance(content.get("notebook"), str) or not isinstance(content.get("exercises"), list):
        raise ValueError(f'{path} needs a line notebook = "..." and an [[exercises]] for each exercise')
    return content


def seal_exercises(authored: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what students have of an author's exercises.

    Args:
        authored: what ``read_authored`` returned.
        known: what this function returned before. An exercise that has not changed keeps its salt, so that the file
            stays the same; any other gets a new one.

    Returns:
        The content of the students' file, for JSON.

    Raises:
        ValueError: if an exercise lacks something, has an unknown field or kind, no answer, or a wrong answer that is
            right; if two have one id; or if the goals are not three, or without minutes.
        TypeError: if an answer is of another type than its kind.
    """
    before = {one["id"]: one for one in (known or {}).get("exercises", ()) if isinstance(one, dict) and "id" in one}
    sealed: dict[str, Any] = {}
    for number, own in enumerate(authored["exercises"], 1):
        name = str(own.get("id", f"number {number}"))
        if missing := [key for key in _NEEDED if key not in own]:
            raise ValueError(f"the exercise {name} lacks {', '.join(missing)}")
        if name in sealed:
            raise ValueError(f"there are two exercises {name}")
        try:
            old = before.get(name, {}).get("salt")
            content = _sealed(own, old) if old else None
            sealed[name] = content if content and content == before[name] else _sealed(own, secrets.token_hex(8))
        except (ValueError, TypeError) as error:
            raise type(error)(f"the exercise {name}: {error}") from error
    lesson = as_lesson(authored)
    card = {} if lesson is None else {"goals": list(lesson.goals), "minutes": lesson.minutes}
    return {"format": FORMAT, "notebook": str(authored["notebook"]), **card, "exercises": list(sealed.values())}


def sealed_text(content: Mapping[str, Any]) -> str:
    """Return the students' file.

    Args:
        content: what ``seal_exercises`` returned.

    Returns:
        Its text, the same for the same content.
    """
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _sealed(own: Mapping[str, Any], salt: str) -> dict[str, Any]:
    public = {key: value for key, value in own.items() if key not in (*_AUTHORS_OWN, "why")}
    exercise = as_exercise({**public, "salt": salt}, "")
    if exercise.kind not in KINDS_OF_EXERCISES:
        raise ValueError(f"there is no kind {exercise.kind!r}, but {', '.join(KINDS_OF_EXERCISES)}")
    if exercise.difficulty not in (1, 2, 3):
        raise ValueError(f"its difficulty is 1, 2 or 3, got {exercise.difficulty!r}")
    if exercise.kind == "code":
        if exercise.test not in CODE_TESTS:
            raise ValueError(f"there is no test of code {exercise.test!r}; there are {', '.join(CODE_TESTS)}")
        return {**public, "why": str(own.get("why", "")), "salt": salt}
    if exercise.kind in ("choice", "order") and len(exercise.options) < 2:
        raise ValueError('it needs at least two options, as {a = "...", b = "..."}')
    if "answer" not in own:
        raise ValueError("it has no answer")
    _try_wrong_ones(own, exercise)
    boxes = [_boxes(one, exercise, True, str(own.get("why", ""))) for one in (own["answer"], *own.get("also", ()))]
    boxes += [_boxes(one["answer"], exercise, False, str(one["say"])) for one in own.get("remarks", ())]
    return {**public, "salt": salt, "sealed": boxes}


def _boxes(answer: Any, exercise: Exercise, right: bool, say: str) -> dict[str, Any]:
    kind = KINDS[exercise.kind]
    truth = kind.truth(answer, exercise)
    step, places = kind.places(truth, fraction(exercise.salt))
    content = {"right": right, "truth": truth, "say": say}
    return {"step": step, "boxes": [seal(content, place, exercise.salt) for place in places]}


def _try_wrong_ones(own: Mapping[str, Any], exercise: Exercise) -> None:
    """Refuse wrong answers that are right, and remarks that would never be read."""
    kind = KINDS[exercise.kind]
    truths = [kind.truth(one, exercise) for one in (own["answer"], *own.get("also", ()))]
    remarks = [] if exercise.kind == "point" else [one["answer"] for one in own.get("remarks", ())]
    for one in (*own.get("wrong", ()), *remarks):
        if any(kind.fits(kind.take(one, exercise), truth) for truth in truths):
            raise ValueError(f"{one!r} counts as wrong, and is right")
