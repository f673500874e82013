"""How much of each explained object a detector still finds in other images: D-RISE's weights, and SODEx's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.polygons import joined_polygons, polygon_overlaps
from detxai_nb.types import Detections, Target

LEAST = 1e-6
"""Probabilities below it count as it where their logarithms are compared."""


def similarities(targets: Detections, found: Sequence[Detections]) -> Tensor:
    """Return how well each target is found in each image: D-RISE's weights.

    The largest over an image's detections of IoU of the boxes times cosine of the class probabilities times the
    detection's objectness. Objectness is left out of answers that report none. Class probabilities are the whole
    vector; of a detector that reports none, each score stands at its label and what is left to 1 is spread evenly over
    the other classes, as in the package vision-explanation-methods. A classifier's detections all have the whole image
    and one vector, so that all its classes get the same weights.

    Args:
        targets: the T objects that are explained.
        found: the detections in each of B images, boxes in the same frame.

    Returns:
        float32 ``[B,T]`` in 0..1; 0 if nothing is found.

    References:
        Petsiuk et al., D-RISE (CVPR 2021), sec. 3.
    """
    ours = F.normalize(class_vectors(targets), dim=1)
    theirs = F.normalize(torch.cat([class_vectors(d) for d in found]), dim=1)
    pair = _overlaps(targets, found) * (ours @ theirs.T).clamp(0, 1)
    return _largest(pair * torch.cat([_objectness(d) for d in found]), found)


def class_preferences(targets: Detections, found: Sequence[Detections], target: Target) -> Tensor:
    """Return how far each image's answer prefers one class to another for each target's box.

    The detection that finds the object best as either class is asked: the largest product of IoU, objectness and the
    sum of the two classes' probabilities. Its difference of the two classes' probabilities, or of their logarithms, is
    taken times that IoU. Objectness is the same for both classes: it counts in the difference of probabilities and
    cancels in that of logarithms.

    Args:
        targets: the T objects that are explained.
        found: the detections in each of B images, boxes in the same frame.
        target: a contrast, by "prob" or "log-prob".

    Returns:
        float32 ``[B,T]``; 0 if nothing overlaps.

    Raises:
        ValueError: if answers carry no class scores, or the target is no contrast.
    """
    labels, numbered = target.resolve(targets.labels, targets.names)
    against = numbered.against
    if not isinstance(against, int):
        raise ValueError(f"a preference is for one class rather than another; {target} names no other: set against")
    for one in (targets, *found):
        require_class_scores(one)
    scores = torch.cat([class_vectors(one) for one in found])
    mine, other = scores.T[labels], scores[:, against]
    overlaps, objectness = _overlaps(targets, found), torch.cat([_objectness(one) for one in found])
    if target.score == "prob":
        value = (mine - other) * objectness
    else:
        value = mine.clamp(min=LEAST).log() - other.clamp(min=LEAST).log()
    best, where = _best(overlaps * objectness * (mine + other), found)
    value = (overlaps * value).gather(1, where.clamp(max=max(value.shape[1] - 1, 0))) if value.shape[1] else best
    return torch.where(best > 0, value, 0).T


def require_class_scores(detections: Detections) -> None:
    """Raise an error if detections do not say the probability of every class.

    Args:
        detections: a detector's.

    Raises:
        ValueError: if there are some and they do not; the message says what is missing.
    """
    if detections.class_scores is None and len(detections):
        raise ValueError(
            "a contrast compares the probabilities that a detector gives two classes, and these detections carry no "
            "class_scores [N,C], only the score of their own class; let the detector report the probability of every "
            "class (wrap_predict takes class_scores), or explain a class alone"
        )


def _best(pair: Tensor, found: Sequence[Detections]) -> tuple[Tensor, Tensor]:
    """The largest of each answer's columns of ``pair`` ``[T,D]``, and its first column, ``[T,B]`` each."""
    best = _largest(pair, found).T
    if not pair.shape[1]:
        return best, torch.zeros_like(best, dtype=torch.int64)
    image = _answers(found).to(pair.device)
    column = torch.arange(pair.shape[1], device=pair.device)
    first = torch.where(pair == best[:, image], column, pair.shape[1])
    where = torch.full_like(best, pair.shape[1], dtype=torch.int64)
    return best, where.scatter_reduce(1, image.expand(len(pair), -1), first, "amin")


def _objectness(detections: Detections) -> Tensor:
    """float32 ``[N]``, ones where none is reported."""
    if detections.objectness is None:
        return torch.ones_like(detections.scores, dtype=torch.float32)
    return detections.objectness.float()


def class_overlaps(targets: Detections, found: Sequence[Detections]) -> Tensor:
    """Return how surely each target's box and class are found in each image: SODEx's score.

    The largest over an image's detections of IoU of the boxes times the score that the detection gives the target's own
    class: its class probability times its objectness. Objectness is left out if the detector reports none; if it
    reports no class probabilities, a detection of another class counts nothing.

    Args:
        targets: the T objects that are explained.
        found: the detections in each of B images, boxes in the same frame.

    Returns:
        float32 ``[B,T]`` in 0..1; 0 if nothing overlaps.
    """
    scores = torch.cat([_scores_of(targets.labels, detections) for detections in found], dim=1)
    return _largest(_overlaps(targets, found) * scores, found)


def _scores_of(labels: Tensor, detections: Detections) -> Tensor:
    """The scores ``[T,N]`` that the N detections give the classes ``labels``."""
    if detections.class_scores is None:
        return detections.scores.float() * (detections.labels == labels[:, None])
    return detections.class_scores.float().T[labels] * _objectness(detections)


def _overlaps(targets: Detections, found: Sequence[Detections]) -> Tensor:
    """IoU ``[T,D]`` of the targets with the detections of all answers in a row; 0 where both boxes are empty."""
    polygons = joined_polygons(found)
    if targets.polygons is not None and polygons is not None:
        return polygon_overlaps(targets.polygons, polygons).float()
    overlaps: Tensor = box_iou(targets.boxes.float(), torch.cat([d.boxes for d in found]).float())
    return overlaps.nan_to_num(0.0)


def _largest(pair: Tensor, found: Sequence[Detections]) -> Tensor:
    """The largest of each answer's columns of ``pair`` ``[T,D]``, as ``[B,T]``; 0 for an answer without any."""
    image = _answers(found).to(pair.device)
    best = pair.new_zeros(len(pair), len(found))
    return best.scatter_reduce(1, image.expand(len(pair), -1), pair, "amax").T


def _answers(found: Sequence[Detections]) -> Tensor:
    """int64 ``[D]`` on the CPU: to which answer each of all detections in a row belongs."""
    counts = torch.tensor([len(detections) for detections in found], device="cpu")
    return torch.arange(len(found), device="cpu").repeat_interleave(counts)


def class_vectors(detections: Detections) -> Tensor:
    """Return the probabilities of all classes.

    Args:
        detections: N detections.

    Returns:
        float32 ``[N,C]``: as reported, else made of label and score.
    """
    if detections.class_scores is not None:
        return detections.class_scores.float()
    scores, classes = detections.scores.float()[:, None], len(detections.names)
    rest = ((1 - scores) / max(classes - 1, 1)).expand(-1, classes)
    return rest.scatter(1, detections.labels[:, None], scores)
