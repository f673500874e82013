"""How a perturbation path is handed to the browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.detections import are_classes
from detxai_nb.metrics.perturbation_path import PerturbationPath
from detxai_nb.subjects import FIRST_CLASSES
from detxai_nb.types import Detections
from detxai_nb.widgets.shared.serialize import class_colors

MOST_SAMPLES = 1_500_000
_MOST_ANSWERS = 60


def path_payload(path: PerturbationPath, detections: Detections) -> dict[str, Any]:
    """Return what the browser needs to make every picture itself, and the detections in each.

    Of a photograph with more than 1.5 million pixels only every n-th row and column is sent.

    Args:
        path: the pictures and the scores.
        detections: those in the unchanged image.

    Returns:
        Plain values; "changes" (uint8) and "filling" (uint8, or one colour) as bytes, rows first.
    """
    height, width = path.changes.shape
    sampling = 1
    while height * width / sampling**2 > MOST_SAMPLES:
        sampling += 1
    rows, columns = slice(sampling // 2, None, sampling), slice(sampling // 2, None, sampling)
    changes, filling = path.changes[rows, columns], path.filling[rows, columns]
    flat = bool((filling == filling[0, 0]).all())
    pictures = [shown_answers(path, step, detections) for step in range(len(path.counts))]
    return {
        "shape": list(changes.shape),
        "changes": np.ascontiguousarray(changes).tobytes(),
        "filling": bytes(filling[0, 0]) if flat else np.ascontiguousarray(filling).tobytes(),
        "deleting": path.plan.schedule.mode == "deletion",
        "counts": list(path.counts),
        "relative": _listed(path.relative),
        "others": _listed(others_of(path, detections)),
        "scores": path.scores[:, path.index].tolist(),
        "ious": path.ious[:, path.index].tolist(),
        "area": _listed(torch.tensor([path.area], device="cpu"))[0],
        "ties": path.ties,
        "least": _least(detections),
        "answers": [answers for answers, _ in pictures],
        "matches": [match for _, match in pictures],
    }


def others_of(path: PerturbationPath, detections: Detections) -> Tensor:
    """Return the mean of the other objects' scores over their original scores, in each picture.

    Args:
        path: the pictures and the scores.
        detections: those in the unchanged image.

    Returns:
        ``[K]``; NaN where there are none, and of classes: probabilities add up to 1, and one that was next to nothing
        becomes any multiple of that.
    """
    return torch.full_like(path.others, torch.nan) if are_classes(detections) else path.others


def shown_answers(path: PerturbationPath, step: int, detections: Detections) -> tuple[list[dict[str, Any]], int | None]:
    """Return the detections in a picture that are shown, and which of them is the object.

    A detection that scores less than those in the unchanged image had to is left out, unless it is the object; at most
    60 are shown, by falling score. Of classes the most probable ones are shown.

    Args:
        path: the pictures and the scores.
        step: the picture, from 0.
        detections: those in the unchanged image.

    Returns:
        "name", "score", "box" (xyxy in pixels) and "color" of each, of the object also its "number"; of a class its
        "label" in place of both; and the object's index among them, None if it is not found again.
    """
    answer, match = path.answers[step], path.match(step, detections)
    classes = are_classes(detections)
    least, most = (0.0, FIRST_CLASSES) if classes else (_least(detections), _MOST_ANSWERS)
    enough = [row for row, score in enumerate(answer.scores.tolist()) if score >= least][:most]
    rows = enough if match is None or match in enough else [*enough, match]
    labels, scores, boxes = answer.labels.tolist(), answer.scores.tolist(), answer.boxes.tolist()
    if classes:
        each = [{"score": scores[r], "box": boxes[r], "label": labels[r]} for r in rows]
        named = [{"name": _title(detections.names, one["label"]), **one} for one in each]
        return named, None if match is None else rows.index(match)
    colors = class_colors(labels, class_colors(detections.labels.tolist()))
    told: list[dict[str, Any]] = [
        {"name": str(detections.names[labels[r]]), "score": scores[r], "box": boxes[r], "color": colors[labels[r]]}
        for r in rows
    ]
    if match is not None:
        told[rows.index(match)]["number"] = path.index
    return told, None if match is None else rows.index(match)


def _title(names: Sequence[str], label: int) -> str:
    """The name of a class, with its number where several have it."""
    return f"{names[label]} ({label})" if names.count(names[label]) > 1 else str(names[label])


def _least(detections: Detections) -> float:
    """The least score of the detections in the unchanged image."""
    return 0.3 if detections.score_threshold is None else float(detections.score_threshold)


def _listed(values: Tensor) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
