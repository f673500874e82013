"""How well a detector detects: COCO's average precision, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.sample import Sample

AREAS: dict[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""COCO's sizes of objects: lowest and highest area in square pixels."""


def average_precision(
    dataset: Sequence[Any], results: Sequence[Any], area: str | tuple[float, float] | None = None
) -> dict[str, Any]:
    """Compute COCO's average precision of boxes.

    Args:
        dataset: Samples (a CocoDataset, Scenes or a list). A CocoDataset is measured against its file's own
            annotations, with their areas, crowd marks and category ids.
        results: one object for each sample with ``boxes`` [N,4] (xyxy, pixels of the original image), ``scores`` [N]
            and ``labels`` [N], such as Detections. A result with ``names`` of its own, like Detections, is matched with
            the dataset's classes by name, and classes that the dataset does not have are left out; labels without names
            are indices into the dataset's names.
        area: only annotations of that size: "small", "medium", "large" or (lowest, highest) in square pixels; by
            default all.

    Returns:
        ``AP`` (mean over IoU 0.50:0.05:0.95), ``AP50``, ``AP75``, ``AR100`` (mean recall with at most 100 detections an
        image), all in 0..1, higher is better, and NaN if nothing is annotated; ``per_class`` and ``per_class_50`` (name
        to AP and to AP50, classes without annotations left out); the counts ``images`` and ``objects`` (not crowd, of
        the given area).

    Raises:
        ValueError: if the results do not fit the dataset or the area is unknown.

    References:
        Lin et al., COCO (2014); pycocotools' COCOeval with its default settings.
    """
    if len(results) != len(dataset):
        raise ValueError(f"expected one result for each of the {len(dataset)} images, got {len(results)}")
    low, high = _area(area)
    truth, names, category_ids = coco_truth(dataset, sizes=area is not None)
    images = [image["id"] for image in truth["images"]]
    rows = [row for image, result in zip(images, results) for row in coco_rows(image, result, category_ids, names)]
    precision, recall = _evaluate(truth, rows, (low, high))
    counted = [
        annotation
        for annotation in truth["annotations"]
        if not annotation["iscrowd"] and low <= annotation["area"] <= high
    ]
    annotated = {name: number for number, name in enumerate(names) if (precision[:, :, number] > -1).any()}
    return {
        "AP": _mean(precision),
        "AP50": _mean(precision[0]),
        "AP75": _mean(precision[5]),
        "AR100": _mean(recall),
        "per_class": {name: _mean(precision[:, :, number]) for name, number in annotated.items()},
        "per_class_50": {name: _mean(precision[0, :, number]) for name, number in annotated.items()},
        "images": len(images),
        "objects": len(counted),
    }


def _area(area: str | tuple[float, float] | None) -> tuple[float, float]:
    if area is None:
        return AREAS["all"]
    if isinstance(area, str):
        if area not in AREAS:
            raise ValueError(f"unknown area {area!r}; known: {', '.join(AREAS)}, or (lowest, highest) in square pixels")
        return AREAS[area]
    low, high = area
    if not 0 <= low < high:
        raise ValueError(f"area is (lowest, highest) in square pixels with 0 <= lowest < highest, got {area}")
    return float(low), float(high)


def coco_truth(dataset: Sequence[Any], sizes: bool = True) -> tuple[dict[str, Any], tuple[str, ...], tuple[int, ...]]:
    """Return the annotations of a dataset as pycocotools wants them.

    Args:
        dataset: Samples, as for ``average_precision``.
        sizes: whether the areas of objects matter. If not, no mask is decoded: an area is that of the box.

    Returns:
        The content of a COCO file with images 1, 2, and so on; the class names; and the category id of each label.
    """
    names: tuple[str, ...] = dataset.names if isinstance(dataset, CocoDataset) else ()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, len(dataset) + 1):
        if isinstance(dataset, CocoDataset):
            found = dataset.ground_truth(number - 1)
        else:
            sample = dataset[number - 1]
            names, found = sample.names, _of_sample(sample, sizes and getattr(dataset, "has_masks", True))
        images.append({"id": number})
        for one in found:
            label = one.pop("label")
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": label + 1, **one})
    ids = tuple(range(1, len(names) + 1))
    categories = [{"id": number, "name": name} for number, name in zip(ids, names)]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}, names, ids


def _of_sample(sample: Sample, masks: bool) -> list[dict[str, Any]]:
    """The annotations of a sample; an object's area is that of its mask, or else of its box."""
    return [
        {
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "label": label,
            "area": int(sample.masks_of([row]).sum()) if masks else (box[2] - box[0]) * (box[3] - box[1]),
            "iscrowd": int(crowd),
        }
        for row, (box, label, crowd) in enumerate(zip(sample.boxes.tolist(), sample.labels.tolist(), sample.crowd))
    ]


def coco_rows(image: int, result: Any, category_ids: tuple[int, ...], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return one image's detections as COCO results.

    Args:
        image: its id.
        result: with boxes, scores and labels, as for ``average_precision``.
        category_ids: of each label of the dataset.
        names: of the dataset's classes.

    Returns:
        A dict for each detection of a class that the dataset has.

    Raises:
        ValueError: if the result's arrays or its classes do not fit.
    """
    boxes, scores, labels = (_array(getattr(result, name)) for name in ("boxes", "scores", "labels"))
    if boxes.shape != (len(scores), 4) or labels.shape != scores.shape:
        raise ValueError(
            f"expected boxes [N,4], scores [N] and labels [N], got {boxes.shape}, {scores.shape} and {labels.shape}"
        )
    labels = labels.astype(int)
    own = tuple(getattr(result, "names", names))
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(own):
        raise ValueError(f"labels are 0 to {len(own) - 1} in this dataset, got {labels.min()} to {labels.max()}")
    if own != names:
        number = {name: index for index, name in enumerate(names)}
        if not number.keys() & set(own):
            raise ValueError(
                f"the detector's classes ({', '.join(own[:4])}, ...) and the dataset's ({', '.join(names[:4])}, ...) "
                "have no name in common"
            )
        table = np.array([number.get(name, -1) for name in own])
        known = table[labels] >= 0
        boxes, scores, labels = boxes[known], scores[known], table[labels[known]]
    return [
        {
            "image_id": image,
            "category_id": category_ids[label],
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": score,
        }
        for box, score, label in zip(boxes.tolist(), scores.tolist(), labels.tolist())
    ]


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _evaluate(
    truth: dict[str, Any], rows: list[dict[str, Any]], area: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Precision [10 IoUs, 101 recalls, K classes] and recall [10, K]; -1 where a class has no annotation."""
    with contextlib.redirect_stdout(io.StringIO()):
        annotated = COCO()
        annotated.dataset = truth
        annotated.createIndex()
        found = annotated.loadRes(rows) if rows else COCO()
        evaluation = COCOeval(annotated, found, "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [list(area)], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][..., 0, -1], evaluation.eval["recall"][..., 0, -1]


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else float("nan")
