"""A miss in words: what its cause means, and what is known of its best candidate."""

from __future__ import annotations

from typing import Any

from detxai_nb.misses.causes import CAUSES


def cause_in_words(miss: Any) -> str:
    """Return why an object was missed.

    Args:
        miss: a row of ``MissReport.misses``.

    Returns:
        Such as "suppressed: a box of the right class that non-maximum suppression removed".
    """
    return f"{miss['cause']}: {CAUSES[miss['cause']]}"


def candidate_in_words(miss: Any) -> str:
    """Return what is known of the best candidate of a miss.

    Args:
        miss: a row of ``MissReport.misses``.

    Returns:
        Its IoU with the annotation, its score for that class, and what it was taken for instead, such as "IoU 0.61,
        score 0.21, taken for jug 0.55"; empty if there is no candidate.
    """
    if miss["iou"] != miss["iou"]:
        return ""
    said = f"IoU {miss['iou']:.2f}"
    if miss["score"] == miss["score"]:
        said += f", score {miss['score']:.2f}"
    if miss["predicted"] != miss["label"]:
        said += f", taken for {miss['predicted']} {miss['predicted_score']:.2f}"
    return said
