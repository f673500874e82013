"""AP50, Jaccard index, miss rate and recall of detections in scenes, also of scenes drawn with replacement.

The figures are those of ``average_precision``, ``jaccard_index``, ``log_average_miss_rate`` and ``crowd_recall``,
computed for many draws of scenes at once: a draw gives each of S scenes a weight, how often it was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from detxai_nb.evaluation.suppression.outcomes import Objects, Outcomes
from detxai_nb.metrics.crowd_detection import JI_THRESHOLDS, REFERENCE_FPPI

RECALLS = np.linspace(0.0, 1.0, 101)
"""The recalls at which COCO reads a precision."""
FIGURES = {"AP50": True, "JI": True, "MR": False, "recall": True}
"""The figures and whether higher is better."""


def draws_of_scenes(scenes: int, resamples: int, seed: int = 0) -> np.ndarray:
    """Draw scenes with replacement.

    Args:
        scenes: S, their number.
        resamples: R, the number of draws.
        seed: of the random numbers.

    Returns:
        int ``[R,S]``, how often each scene is in each draw.
    """
    return np.random.default_rng(seed).multinomial(scenes, np.full(scenes, 1 / scenes), resamples)


def measured(found: Outcomes, objects: Objects, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Compute all figures.

    Args:
        found: the detections in S scenes.
        objects: in the same scenes.
        weights: ``[R,S]``; None for each scene once.

    Returns:
        ``[R]`` for each of ``FIGURES`` (the recall is that of all detections), "confidence", the lowest score threshold
        of the best Jaccard index, and at that "crowd_found" and "sparse_found", the objects found, "crowd" and
        "sparse", the recalls, and "found", the recall of all objects.
    """
    weights = np.ones((1, len(objects.total))) if weights is None else weights.astype(float)
    index, confidence = _jaccard(found, objects, weights)
    hits = found.hit & (found.score >= confidence[:, None].astype(np.float32))
    drawn = weights[:, found.scene]
    crowd_found = (drawn * (hits & found.crowded)).sum(axis=1)
    sparse_found = (drawn * (hits & ~found.crowded)).sum(axis=1)
    total, crowd = weights @ objects.total, weights @ objects.crowded
    return {
        "AP50": _average_precision(found, objects, weights),
        "JI": index,
        "MR": _miss_rate(found, objects, weights),
        "recall": _share((drawn * found.hit).sum(axis=1), total),
        "confidence": confidence,
        "crowd_found": crowd_found,
        "sparse_found": sparse_found,
        "crowd": _share(crowd_found, crowd),
        "sparse": _share(sparse_found, total - crowd),
        "found": _share(crowd_found + sparse_found, total),
    }


def _average_precision(found: Outcomes, objects: Objects, weights: np.ndarray) -> np.ndarray:
    """COCO's AP at IoU 0.5, the mean over annotated classes."""
    values = []
    for rows, there in _classes(found, objects, weights):
        drawn = weights[:, found.scene[rows]]
        right = np.cumsum(drawn * found.hit[rows], axis=1)
        wrong = np.cumsum(drawn * ~found.hit[rows], axis=1)
        recall = right / np.where(there > 0, there, np.nan)[:, None]
        precision = right / (right + wrong + np.spacing(1))
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        # Beyond the last recall that is reached the precision is 0.
        precision = np.concatenate([precision, np.zeros((len(weights), 1))], axis=1)
        at = [np.searchsorted(one, RECALLS, side="left") for one in recall]
        means = np.array([one[where].mean() for one, where in zip(precision, at)])
        values.append(np.where(there > 0, means, np.nan))
    return _mean_of_classes(values, weights)


def _miss_rate(found: Outcomes, objects: Objects, weights: np.ndarray) -> np.ndarray:
    """The log-average miss rate, the mean over annotated classes."""
    values, scenes = [], weights.sum(axis=1)
    for rows, there in _classes(found, objects, weights):
        scores, drawn = found.score[rows], weights[:, found.scene[rows]]
        last = np.append(np.diff(scores) != 0, True)[: len(scores)]
        false = (np.cumsum(drawn * ~found.hit[rows], axis=1) / scenes[:, None])[:, last]
        missed = 1 - (np.cumsum(drawn * found.hit[rows], axis=1) / np.where(there > 0, there, np.nan)[:, None])[:, last]
        missed = np.concatenate([missed, np.ones((len(weights), 1))], axis=1)
        at = np.stack([np.searchsorted(one, REFERENCE_FPPI, side="right") - 1 for one in false])
        # Where no number of false positives is that small, everything is missed: the last column.
        rates = np.take_along_axis(missed, at % missed.shape[1], axis=1)
        means = np.exp(np.log(np.maximum(rates, 1e-10)).mean(axis=1))
        values.append(np.where(there > 0, means, np.nan))
    return _mean_of_classes(values, weights)


def _jaccard(found: Outcomes, objects: Objects, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best Jaccard index and the lowest score threshold at which it is reached."""
    scenes, total = len(objects.total), objects.total
    begin = np.searchsorted(found.scene, np.arange(scenes))
    curve = []
    for threshold in JI_THRESHOLDS:
        enough = found.score >= np.float32(threshold)
        counts = np.bincount(found.scene[enough], minlength=scenes)
        last = np.where(counts > 0, begin + counts - 1, 0)
        pairs = np.where(counts > 0, found.pairs[last] if len(found.pairs) else 0, 0)
        together = counts + total - pairs
        value = np.divide(pairs, together, out=np.zeros(scenes), where=together > 0)
        curve.append(_share(weights @ value, weights @ (together > 0).astype(float), 0.0))
    stacked = np.stack(curve)
    best = stacked.argmax(axis=0)
    index = np.where(weights @ total > 0, stacked.max(axis=0), np.nan)
    return index, np.array(JI_THRESHOLDS)[best]


def _classes(found: Outcomes, objects: Objects, weights: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each annotated class its detections by falling score, and the number of its objects ``[R]``."""
    order = np.argsort(-found.score, kind="stable")
    there = weights @ objects.of_class
    for label in np.flatnonzero(objects.of_class.sum(axis=0)):
        yield order[found.label[order] == label], there[:, label]


def _mean_of_classes(values: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    if not values:
        return np.full(len(weights), np.nan)
    stacked = np.stack(values)
    known = ~np.isnan(stacked)
    return _share(np.where(known, stacked, 0).sum(axis=0), known.sum(axis=0))


def _share(part: np.ndarray, whole: np.ndarray, otherwise: float = float("nan")) -> np.ndarray:
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    found: np.ndarray = np.divide(part, whole, out=np.full(part.shape, otherwise), where=whole > 0)
    return found
