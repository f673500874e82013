"""What the user's own inference finds: read in any form, and compared with what the detector finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.arrays import plain_array
from detxai_nb.detection_rows import as_labels
from detxai_nb.doctor.pairs import pair_detections
from detxai_nb.types import Detections

_FIELDS = ("boxes", "scores", "labels")


@dataclass(frozen=True)
class Agreement:
    """How far what a detector finds is from what was expected.

    Attributes:
        expected: how many detections were expected.
        missing: how many of them the detector does not find.
        more: how many it finds besides, with a score above the lowest expected one.
        score: the largest difference of a score.
        box: the largest difference of a box side, as a share of the picture's longer side.
    """

    expected: int
    missing: int
    more: int
    score: float
    box: float

    def within(self, tolerance: float) -> bool:
        """Say whether nothing is missing or additional and all differences are small.

        Args:
            tolerance: of scores, and of box sides as a share of the picture's longer side.

        Returns:
            Whether that is so.
        """
        return not self.missing and not self.more and max(self.score, self.box) <= tolerance


def compare_answers(found: Detections, expected: Detections, size: tuple[int, ...]) -> Agreement:
    """Compare what a detector finds in a picture with what was expected.

    Args:
        found: of the detector, from low scores on.
        expected: of the user's own inference.
        size: (height, width) of the picture.

    Returns:
        How far they are apart.
    """
    pairs = pair_detections(expected, found)
    rows, others = [i for i, _ in pairs], [j for _, j in pairs]
    apart = (expected.scores[rows] - found.scores[others]).abs()
    sides = (expected.boxes[rows] - found.boxes[others]).abs() / max(size[:2])
    # One that is expected just above the lowest expected score may fall just below it.
    lowest = float(expected.scores.min()) + 1e-3 if len(expected) else 1.0
    more = [j for j in range(len(found)) if j not in set(others) and float(found.scores[j]) > lowest]
    largest = [float(one.max()) if one.numel() else 0.0 for one in (apart, sides)]
    return Agreement(len(expected), len(expected) - len(pairs), len(more), largest[0], largest[1])


def score_distance(found: Detections, expected: Detections) -> float:
    """Return how far scores are from the expected ones, whatever boxes and labels are.

    Args:
        found: of the detector, from low scores on.
        expected: of the user's own inference, N detections.

    Returns:
        The sum of the differences of the N highest scores, the highest with the highest and so on.
    """
    count = len(expected)
    own, theirs = (torch.zeros(count), torch.zeros(count))
    for into, scores in ((own, found.scores), (theirs, expected.scores)):
        highest = scores.sort(descending=True).values[:count]
        into[: len(highest)] = highest
    return float((own - theirs).abs().sum())


def as_expected(expected: Any, pictures: Sequence[np.ndarray], names: Sequence[str]) -> tuple[Detections | None, ...]:
    """Return what was handed in as expected answers, one for each picture.

    Args:
        expected: None, or for one picture ``Detections``, (boxes, scores, labels) or a dict with these names; for
            several pictures a list of such, or of None for pictures of which nothing is known.
        pictures: uint8 RGB ``[H,W,3]`` each.
        names: the detector's class names; labels are their numbers, or names. ``Detections`` with other names are taken
            by what they call each object, if the detector has a class of every such name.

    Returns:
        Detections or None for each picture.

    Raises:
        TypeError: for what has another form.
        ValueError: for another number of answers, or tensors that do not fit together.
    """
    if expected is None:
        return (None,) * len(pictures)
    single = isinstance(expected, (Detections, Mapping)) or _is_answer(expected)
    given = [expected] if single else list(expected)
    if len(given) != len(pictures):
        raise ValueError(
            f"expected holds {len(given)} answers for {len(pictures)} pictures; hand in a list with one for each, or "
            "None where nothing is known"
        )
    return tuple(None if one is None else _as_detections(one, names) for one in given)


def _is_answer(value: Any) -> bool:
    """Whether a tuple or list is (boxes, scores, labels), not a list with one answer for each of three pictures."""
    if not isinstance(value, (tuple, list)) or len(value) != len(_FIELDS):
        return False
    return not all(one is None or isinstance(one, (Detections, Mapping)) or _has_boxes(one) for one in value)


def _has_boxes(value: Any) -> bool:
    """Whether the first of three things is a list of boxes."""
    if not isinstance(value, (tuple, list)) or len(value) != len(_FIELDS):
        return False
    boxes = value[0]
    if not isinstance(boxes, (tuple, list)):
        return getattr(boxes, "ndim", None) == 2
    return not boxes or (hasattr(boxes[0], "__len__") and len(boxes[0]) == 4)


def _as_detections(given: Any, names: Sequence[str]) -> Detections:
    if isinstance(given, Detections):
        return _counted_as(names, given.to("cpu"))
    if isinstance(given, Mapping):
        lacking = [name for name in _FIELDS if name not in given]
        if lacking:
            raise TypeError(f"an expected answer as a dict has boxes, scores and labels; it lacks {lacking[0]!r}")
        given = tuple(given[name] for name in _FIELDS)
    if not _is_answer(given):
        raise TypeError(
            "an expected answer is Detections, (boxes, scores, labels) or a dict with these names; got a "
            f"{type(given).__name__}"
        )
    boxes, scores = (_numbers(name, value) for name, value in zip(_FIELDS[:2], given))
    labels = torch.tensor(as_labels(given[2], scores.numel(), names), dtype=torch.int64)
    return Detections(boxes.reshape(-1, 4), scores.reshape(-1), labels, tuple(names))


def _counted_as(names: Sequence[str], given: Detections) -> Detections:
    """The same detections with labels that are numbers of ``names``, where these have all classes that were found.

    Detections bring names of their own, and what an object is called is the answer, not its number.
    """
    if given.names == tuple(names):
        return given
    # Of two classes of one name the first.
    numbers = {name: len(names) - 1 - i for i, name in enumerate(reversed(names))}
    called = given.label_names()
    if not set(called) <= set(numbers):
        return given
    labels = torch.tensor([numbers[name] for name in called], dtype=torch.int64)
    return replace(given, labels=labels, names=tuple(names), class_scores=None)


def _numbers(name: str, value: Any) -> Tensor:
    try:
        found = value if isinstance(value, Tensor) else torch.from_numpy(plain_array(np.array(value), name))
        return found.detach().to("cpu", torch.float32)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the {name} of an expected answer are numbers, got {type(value).__name__}") from error
