"""How well a detector finds the objects of a crowd: log-average miss rate, Jaccard index, recall."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detxai_nb.metrics.detection import coco_rows, coco_truth

REFERENCE_FPPI = np.array([10.0 ** (step / 4) for step in range(-8, 1)])
"""False positives an image at which the miss rate is read. NumPy's own powers are not exact: on some machines its
``logspace`` gives less than 0.1, and one false alarm in ten images would count as more."""
JI_THRESHOLDS = tuple(round(step * 0.05, 2) for step in range(20))
"""Score thresholds of which the Jaccard index takes the best."""
_HIT, _FALSE, _IGNORED = 1, 0, -1


def log_average_miss_rate(dataset: Sequence[Any], results: Sequence[Any], iou: float = 0.5) -> dict[str, Any]:
    """Compute the log-average miss rate MR^-2: how many objects are missed while false alarms are rare.

    In each image the detections of a class, by falling score, take the free annotation of highest IoU. One that has
    none and lies in a region to ignore (a crowd annotation of its class) counts neither way. The miss rate is read at 9
    numbers of false positives an image from 0.01 to 1, evenly spaced in the logarithm, each time at the largest number
    that is not above; where there is none, everything is missed. Detections of one score enter together.

    Args:
        dataset: Samples, as for ``average_precision``.
        results: one object for each sample, as for ``average_precision``.
        iou: the least IoU of a hit, and the least share of a detection's own area in a region to ignore, exclusive.

    Returns:
        ``MR``, the geometric mean of the 9 miss rates in 0..1, averaged over annotated classes, lower is better, NaN if
        nothing is annotated; ``per_class`` (name to MR); ``miss_rates`` (name to the 9 values); the counts ``images``
        and ``objects`` (without regions to ignore).

    Raises:
        ValueError: if the results do not fit the dataset, or ``iou`` is not in 0..1.

    References:
        Dollar et al., "Pedestrian Detection: An Evaluation of the State of the Art" (TPAMI 2012); ODAM (ICLR 2023),
        tables 5 and 8. CrowdHuman's published code reads each rate at the first number that is not below.
    """
    images, names = _images(dataset, results, iou)
    outcomes = [one.outcomes(iou) for one in images]
    rates = {}
    for label, name in enumerate(names):
        objects = sum(one.objects_of(label) for one in images)
        if objects:
            scores = np.concatenate([one.scores[one.labels == label] for one in images])
            kinds = np.concatenate([found[one.labels == label] for found, one in zip(outcomes, images)])
            rates[name] = _miss_rates(scores, kinds, objects, len(images))
    per_class = {name: float(np.exp(np.log(np.maximum(values, 1e-10)).mean())) for name, values in rates.items()}
    return {
        "MR": float(np.mean(list(per_class.values()))) if per_class else float("nan"),
        "per_class": per_class,
        "miss_rates": {name: values.tolist() for name, values in rates.items()},
        "images": len(images),
        "objects": sum(one.objects for one in images),
    }


def jaccard_index(
    dataset: Sequence[Any], results: Sequence[Any], iou: float = 0.5, thresholds: Sequence[float] = JI_THRESHOLDS
) -> dict[str, Any]:
    """Compute the Jaccard index: how much the set of detections and the set of objects have in common.

    In each image as many pairs of a detection and an annotation of its class are formed as can be, each taken once, and
    the index is pairs / (detections + annotations - pairs). Unpaired detections in a region to ignore do not count. The
    mean over images with an annotation or a detection is taken at each score threshold, and the best is the result.

    Args:
        dataset: Samples, as for ``average_precision``.
        results: one object for each sample, as for ``average_precision``.
        iou: the least IoU of a pair, and the least share of a detection's own area in a region to ignore, exclusive.
        thresholds: score thresholds to try, 0..1.

    Returns:
        ``JI`` in 0..1, higher is better, NaN if there are no annotations; ``threshold``, the lowest at which it is
        reached; ``curve`` (threshold to index); ``images``, ``objects``.

    Raises:
        ValueError: if the results do not fit the dataset, ``iou`` is not in 0..1, or there is no threshold in 0..1.

    References:
        Chu et al., "Detection in Crowded Scenes: One Proposal, Multiple Predictions" (CVPR 2020), whose published code
        maximizes the sum of the pairs' IoU; here it is their number.
    """
    images, _ = _images(dataset, results, iou)
    if not len(thresholds) or not all(0 <= threshold <= 1 for threshold in thresholds):
        raise ValueError(f"thresholds are scores from 0 to 1, at least one; got {list(thresholds)}")
    objects = sum(one.objects for one in images)
    curve = {}
    for threshold in thresholds:
        values = [value for one in images if (value := one.above(threshold).jaccard(iou)) is not None]
        curve[float(threshold)] = float(np.mean(values)) if values else 0.0
    best = max(curve, key=lambda threshold: (curve[threshold], -threshold))
    return {
        "JI": curve[best] if objects else float("nan"),
        "threshold": best,
        "curve": curve,
        "images": len(images),
        "objects": objects,
    }


def crowd_recall(
    dataset: Sequence[Any],
    results: Sequence[Any],
    score_threshold: float,
    iou: float = 0.5,
    crowd_iou: float = 0.5,
) -> dict[str, Any]:
    """Compute how many of the crowded and of the other objects are found at a score threshold.

    An object is of the crowd set if its box has an IoU above ``crowd_iou`` with that of another object of the image, of
    any class; all others are of the sparse set. Regions to ignore are of neither. Detections are matched as for
    ``log_average_miss_rate``.

    Args:
        dataset: Samples, as for ``average_precision``.
        results: one object for each sample, as for ``average_precision``.
        score_threshold: detections below it do not count, 0..1; the papers take the one of the best Jaccard index.
        iou: the least IoU of a hit, exclusive.
        crowd_iou: the IoU above which two objects crowd each other.

    Returns:
        ``crowd`` and ``sparse``, recalls in 0..1, NaN for a set without objects; ``crowd_found``, ``crowd_objects``,
        ``sparse_found`` and ``sparse_objects``, the counts.

    Raises:
        ValueError: if the results do not fit the dataset, or a number is not in 0..1.

    References:
        Chu et al. (CVPR 2020); ODAM (ICLR 2023), tables 7 and 9.
    """
    images, _ = _images(dataset, results, iou)
    for name, value in (("score_threshold", score_threshold), ("crowd_iou", crowd_iou)):
        _require_fraction(name, value)
    found: list[np.ndarray] = [np.zeros(0, bool)]
    crowded: list[np.ndarray] = [np.zeros(0, bool)]
    for one in images:
        seen = one.above(score_threshold)
        hit = np.zeros(len(one.truth), bool)
        taken = seen.taken(iou)
        hit[taken[taken >= 0]] = True
        overlaps = _overlaps(one.truth, one.truth)
        np.fill_diagonal(overlaps, 0)
        overlaps[:, one.ignore] = 0
        found.append(hit[~one.ignore])
        crowded.append((overlaps[~one.ignore] > crowd_iou).any(axis=1))
    hits, crowd = np.concatenate(found), np.concatenate(crowded)
    about: dict[str, Any] = {}
    for name, members in (("crowd", crowd), ("sparse", ~crowd)):
        count, there = int((hits & members).sum()), int(members.sum())
        about |= {name: count / there if there else float("nan"), f"{name}_found": count, f"{name}_objects": there}
    return about


@dataclass(frozen=True, eq=False)
class _Image:
    """One image's annotations and detections, these by falling score.

    Attributes:
        truth, truth_labels, ignore: ``[M,4]`` xyxy, ``[M]``, bool ``[M]``.
        boxes, labels, scores: ``[N,4]`` xyxy, ``[N]``, ``[N]``.
    """

    truth: np.ndarray
    truth_labels: np.ndarray
    ignore: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    @property
    def objects(self) -> int:
        return int((~self.ignore).sum())

    def objects_of(self, label: int) -> int:
        return int((~self.ignore & (self.truth_labels == label)).sum())

    def above(self, threshold: float) -> _Image:
        """The same with the detections of at least this score."""
        # In float32, as detectors compare their scores with a threshold: 0.7 is at least 0.7.
        keep = self.scores.astype(np.float32) >= np.float32(threshold)
        return _Image(
            self.truth, self.truth_labels, self.ignore, self.boxes[keep], self.labels[keep], self.scores[keep]
        )

    def pairs(self, iou: float) -> np.ndarray:
        """``[N,M]``: the IoU of detections with annotations of their class that it is above ``iou`` with, else 0."""
        overlaps = _overlaps(self.boxes, self.truth)
        allowed = (self.labels[:, None] == self.truth_labels) & ~self.ignore & (overlaps > iou)
        return np.where(allowed, overlaps, 0.0)

    def ignorable(self, iou: float) -> np.ndarray:
        """bool ``[N]``: more than ``iou`` of the detection lies in a region of its class to ignore."""
        inside = _overlaps(self.boxes, self.truth, own=True)
        found: np.ndarray = (inside > iou) & (self.labels[:, None] == self.truth_labels) & self.ignore
        return np.asarray(found.any(axis=1))

    def taken(self, iou: float) -> np.ndarray:
        """The annotation ``[N]`` that each detection takes, by falling score; -1 for none."""
        overlaps, found = self.pairs(iou), np.full(len(self.boxes), -1)
        for row in range(len(found)) if len(self.truth) else ():
            best = int(overlaps[row].argmax())
            if overlaps[row, best] > 0:
                found[row], overlaps[:, best] = best, 0.0
        return found

    def outcomes(self, iou: float) -> np.ndarray:
        """``[N]``: hit, false, or ignored."""
        return np.where(self.taken(iou) >= 0, _HIT, np.where(self.ignorable(iou), _IGNORED, _FALSE))

    def jaccard(self, iou: float) -> float | None:
        """The image's index; None without annotations and detections."""
        partner, _ = most_pairs(self.pairs(iou) > 0)
        pairs = int((partner >= 0).sum())
        counted = pairs + int(((partner < 0) & ~self.ignorable(iou)).sum())
        together = counted + self.objects - pairs
        return pairs / together if together else None


def _images(dataset: Sequence[Any], results: Sequence[Any], iou: float) -> tuple[list[_Image], tuple[str, ...]]:
    _require_fraction("iou", iou)
    if len(results) != len(dataset):
        raise ValueError(f"expected one result for each of the {len(dataset)} images, got {len(results)}")
    truth, names, ids = coco_truth(dataset, sizes=False)
    annotated: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in truth["images"]}
    for one in truth["annotations"]:
        annotated[one["image_id"]].append(one)
    return list(_read(annotated, results, names, ids)), names


def _read(
    annotated: dict[int, list[dict[str, Any]]], results: Sequence[Any], names: tuple[str, ...], ids: tuple[int, ...]
) -> Iterator[_Image]:
    for (image, there), result in zip(annotated.items(), results):
        rows = coco_rows(image, result, ids, names)
        scores = np.array([row["score"] for row in rows], float)
        if not np.isfinite(scores).all():
            raise ValueError(f"the scores of result {image - 1} are not all numbers (NaN or infinity)")
        order = np.argsort(-scores, kind="stable")
        yield _Image(
            _corners(there),
            np.array([one["category_id"] - 1 for one in there], int),
            np.array([one["iscrowd"] for one in there], bool),
            _corners(rows)[order],
            np.array([row["category_id"] - 1 for row in rows], int)[order],
            scores[order],
        )


def _corners(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    boxes = np.array([row["bbox"] for row in rows], float).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _overlaps(first: np.ndarray, second: np.ndarray, own: bool = False) -> np.ndarray:
    """``[A,B]``: IoU, or with ``own`` the share of the first box's area; 0 where there is no area."""
    low = np.maximum(first[:, None, :2], second[:, :2])
    high = np.minimum(first[:, None, 2:], second[:, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    whole = np.broadcast_to(areas[0][:, None], shared.shape) if own else areas[0][:, None] + areas[1] - shared
    found: np.ndarray = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return found


def _miss_rates(scores: np.ndarray, kinds: np.ndarray, objects: int, images: int) -> np.ndarray:
    """The miss rate at each of ``REFERENCE_FPPI``."""
    order = np.argsort(-scores, kind="stable")
    scores, kinds = scores[order], kinds[order]
    last = np.append(np.diff(scores) != 0, True)[: len(scores)]
    false = np.cumsum(kinds == _FALSE)[last] / images
    missed = 1 - np.cumsum(kinds == _HIT)[last] / objects
    at = np.searchsorted(false, REFERENCE_FPPI, side="right") - 1
    return np.where(at >= 0, np.append(missed, 1.0)[at], 1.0)


def most_pairs(allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Form as many pairs of a row and a column as can be, each taken once; by augmenting paths.

    Args:
        allowed: bool ``[N,M]``, which rows may go with which columns.

    Returns:
        The column of each row, ``[N]``, -1 for none; and how many pairs the first row, the first two, and so on can
        form, ``[N]``.
    """
    rows = np.full(allowed.shape[1], -1)

    def place(row: int, seen: set[int]) -> bool:
        for column in np.flatnonzero(allowed[row]).tolist():
            if column not in seen:
                seen.add(column)
                if rows[column] < 0 or place(int(rows[column]), seen):
                    rows[column] = row
                    return True
        return False

    # A path that adds a row keeps all rows before it, and none is found later for a row that had none.
    grown = [place(row, set()) for row in range(len(allowed))]
    found = np.full(len(allowed), -1)
    found[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    return found, np.cumsum(grown, dtype=int)


def _require_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is a number from 0 to 1, got {value!r}")
