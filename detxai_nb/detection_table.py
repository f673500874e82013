"""The table of an image's detections that a notebook shows."""

from __future__ import annotations

from detxai_nb.detections import are_classes
from detxai_nb.html_tables import html_block, html_table
from detxai_nb.subjects import CLASSES, OBJECTS, class_titles
from detxai_nb.types import Detections

LONGEST = 60
"""Rows of a table; how many there are besides is said below it."""


def detections_html(detections: Detections) -> str:
    """Return the detections as a table: number, label, score and box, and the corners and the IoU if there are any.

    Args:
        detections: those of one image; of a classifier the boxes are left out.

    Returns:
        HTML in which all names are texts.
    """
    subject = CLASSES if are_classes(detections) else OBJECTS
    size = detections.image_size
    place = "" if size is None else f" in {size[1]} x {size[0]} pixels"
    if not len(detections):
        best = detections.highest_score
        told = "" if best is None else f"; the highest score was {best:.3f}"
        return html_block(f"nothing detected{place}{told}", "")
    shown = detections[:LONGEST]
    numbers = range(len(shown)) if shown.numbers is None else shown.numbers.tolist()
    scores = [subject.score_in_words(score) for score in shown.scores.tolist()]
    columns: dict[str, list[str]] = {
        "number": [str(number) for number in numbers],
        subject.one if subject.whole else "label": class_titles(shown),
        subject.score: scores,
    }
    if not subject.whole:
        columns["box (x1, y1, x2, y2)"] = [", ".join(f"{side:.1f}" for side in box) for box in shown.boxes.tolist()]
        if shown.polygons is not None:
            columns["corners (x y)"] = [
                ", ".join(f"{x:.1f} {y:.1f}" for x, y in corners) for corners in shown.polygons.tolist()
            ]
    if shown.iou is not None:
        columns["IoU"] = [f"{iou:.2f}" for iou in shown.iou.tolist()]
    table = html_table(list(columns), list(zip(*columns.values())), {"number", subject.score, "IoU"})
    return html_block(f"{subject.counted(len(detections))}{place}", table, len(detections) - len(shown))
