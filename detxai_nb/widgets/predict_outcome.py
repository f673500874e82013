"""A prediction beside the truth, and beside what others said: in words and in numbers."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detxai_nb.check import Exercise, Verdict
from detxai_nb.check.answers import KINDS


@dataclass(frozen=True)
class PredictionOutcome:
    """What a prediction comes to.

    Attributes:
        words: both in a sentence.
        right: whether the prediction is right; None where that was not asked.
        truth: what ``read_truth`` returns; None where it stays sealed.
        hints: of an exercise.
        others: answers of others, in the form of the prediction.
        others_words: what others said, in a sentence; empty without any.
        counts: for "choice" and "order" a number by option: how many chose it, or its mean place among others.
        again: whether another try is possible.
    """

    words: str
    right: bool | None
    truth: Mapping[str, Any] | None = None
    hints: tuple[str, ...] = ()
    others: tuple[Any, ...] = ()
    others_words: str = ""
    counts: Mapping[str, float] | None = None
    again: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Return the same as plain values for a page.

        Returns:
            A dictionary that JSON can hold.
        """
        lists = {"hints": list(self.hints), "others": list(self.others)}
        return {**vars(self), **lists, "truth": self.truth or {}, "counts": dict(self.counts or {})}


def read_truth(exercise: Exercise, truth: Any) -> dict[str, Any]:
    """Read the right answer to a question.

    Args:
        exercise: the question.
        truth: as an author writes it; a point may also be (x, y).

    Returns:
        By the form of the truth ("value", "chosen", "order", "point", "box", "circle", "polygon") what it is.

    Raises:
        TypeError, ValueError: if it is no answer to this question.
    """
    kind = KINDS[exercise.kind]
    if exercise.kind == "point" and not isinstance(truth, Mapping):
        return {"point": kind.take(truth, exercise), "tolerance": exercise.tolerance}
    return kind.truth(truth, exercise)


def compare_prediction(
    exercise: Exercise, prediction: Any, truth: Any, others: Sequence[Any], verdict: Verdict | None = None
) -> PredictionOutcome:
    """Set a prediction beside the truth and beside what others said.

    Args:
        exercise: the question.
        prediction: in the form that its kind takes.
        truth: as for ``read_truth``; None if it is sealed.
        others: answers in the form of the prediction.
        verdict: of ``dx.check``, if it was asked.

    Returns:
        The outcome.

    Raises:
        TypeError, ValueError: if the truth is no answer to this question.
    """
    known = None if truth is None else read_truth(exercise, truth)
    words, right = ("", None) if known is None else _compared(exercise, prediction, known)
    hints: tuple[str, ...] = ()
    if verdict is not None:
        words, right, hints = f"{verdict.words} {words}".strip(), verdict.right, verdict.hints
    sealed = verdict is not None and not verdict.right and known is None
    if verdict is not None and verdict.right and known is None and exercise.kind in ("choice", "order"):
        known = {"chosen" if exercise.kind == "choice" else "order": list(prediction)}
    said, counts = _said_by(exercise, others)
    return PredictionOutcome(words, right, known, hints, tuple(others), said, counts, again=sealed)


def _compared(exercise: Exercise, prediction: Any, truth: Mapping[str, Any]) -> tuple[str, bool | None]:
    kinds: dict[str, Callable[[Exercise, Any, Mapping[str, Any]], tuple[str, bool | None]]] = {
        "number": _number,
        "choice": _choice,
        "order": _order,
        "point": _point,
        "box": _box,
    }
    return kinds[exercise.kind](exercise, prediction, truth)


def _number(exercise: Exercise, prediction: float, truth: Mapping[str, Any]) -> tuple[str, bool | None]:
    value, unit = truth["value"], f" {exercise.unit}" if exercise.unit else ""
    right = KINDS["number"].fits(prediction, truth) if exercise.tolerance or prediction == value else None
    off = "" if prediction == value else f", so you are off by {_short(abs(prediction - value))}"
    return f"You said {_short(prediction)}{unit}; it is {_short(value)}{off}.", right


def _choice(exercise: Exercise, prediction: list[str], truth: Mapping[str, Any]) -> tuple[str, bool | None]:
    right = KINDS["choice"].fits(prediction, truth)
    return f"You said {_texts(exercise, prediction)}; it is {_texts(exercise, truth['chosen'])}.", right


def _order(exercise: Exercise, prediction: list[str], truth: Mapping[str, Any]) -> tuple[str, bool | None]:
    order = truth["order"]
    pairs = list(itertools.combinations(order, 2))
    kept = sum(prediction.index(first) < prediction.index(second) for first, second in pairs)
    words = f"The order is {_texts(exercise, order)}. You have {kept} of {len(pairs)} pairs in the right order."
    return words, prediction == order


def _point(exercise: Exercise, prediction: list[float], truth: Mapping[str, Any]) -> tuple[str, bool | None]:
    if "point" in truth:
        far = math.dist(prediction, truth["point"])
        right = far <= exercise.tolerance + 1e-9 if exercise.tolerance else None
        return f"Your point is {_short(far)} pixels from the right one.", right
    right = KINDS["point"].fits(prediction, truth)
    return f"Your point is {'' if right else 'not '}inside the region.", right


def _box(exercise: Exercise, prediction: list[float], truth: Mapping[str, Any]) -> tuple[str, bool | None]:
    box = truth["box"]
    sides = [max(0.0, min(prediction[n + 2], box[n + 2]) - max(prediction[n], box[n])) for n in (0, 1)]
    both = sides[0] * sides[1]
    areas = sum((one[2] - one[0]) * (one[3] - one[1]) for one in (prediction, box))
    right = KINDS["box"].fits(prediction, truth)
    return f"Your box and the right one overlap by an IoU of {both / (areas - both):.2f}.", right


def _said_by(exercise: Exercise, others: Sequence[Any]) -> tuple[str, dict[str, float] | None]:
    """What others said in a sentence, and by option how often or at which place."""
    if not others:
        return "", None
    who = f"{len(others)} {'other' if len(others) == 1 else 'others'}"
    if exercise.kind == "number":
        ordered = sorted(others)
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        return f"{who} said {_short(ordered[0])} to {_short(ordered[-1])}, in the middle {_short(middle)}.", None
    if exercise.kind == "choice":
        chosen = Counter(key for one in others for key in one)
        return f"What {who} said stands beside the options.", {key: float(chosen[key]) for key in exercise.options}
    if exercise.kind == "order":
        places = {key: sum(one.index(key) + 1 for one in others) / len(others) for key in exercise.options}
        return f"The mean places of {who} stand beside the options.", places
    what = "points" if exercise.kind == "point" else "boxes"
    return f"The white {what} are those of {who}.", None


def _texts(exercise: Exercise, keys: Sequence[str]) -> str:
    return ", ".join(exercise.options[key] for key in keys)


def _short(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
