"""How alike the heat maps of predictions of one object are, and those of different objects that overlap."""

from __future__ import annotations

from typing import Any

import numpy as np

from detxai_nb.evaluation.suppression.outcomes import ComparedScene

KINDS = ("same object", "different objects")
"""Of a pair of predictions."""
IOU_EDGES = np.round(np.linspace(0, 1, 11), 1)
"""Bins of the IoU of the two predicted boxes."""
BINS = 50
"""Bins of the correlation, from 0 to 1."""
LEAST_SCORE = 0.1
"""The lowest score of the predictions, as in figure 4 of the ODAM paper."""


class CorrelationCounts:
    """Counts of the pairs of predictions in scenes by their IoU and by the correlation of their heat maps.

    Taken are predictions with a score of at least 0.1 that are of an object (the one of their class with the highest
    IoU above 0.5), and pairs whose boxes overlap.

    Attributes:
        pairs: int ``[2,10,50]``: of one object and of different ones, by bins of IoU and of correlation.
        sums: ``[2,10]``, the sums of their correlations.
    """

    def __init__(self) -> None:
        self.pairs = np.zeros((len(KINDS), len(IOU_EDGES) - 1, BINS), np.int64)
        self.sums = np.zeros(self.pairs.shape[:2])

    def add(self, scene: ComparedScene) -> None:
        """Count the pairs of a scene.

        Args:
            scene: its predictions and objects.
        """
        objects = scene.objects()
        rows = np.flatnonzero((scene.candidates.scores >= np.float32(LEAST_SCORE)) & (objects >= 0))
        first, second = (rows[places] for places in np.triu_indices(len(rows), 1))
        iou, alike = scene.iou.numpy()[first, second], scene.alike.numpy()[first, second]
        # Both are right about the class, so that correlations are kept where scenes hold one class.
        overlap = (iou > 0) & (scene.candidates.labels[first] == scene.candidates.labels[second])
        different = (objects[first] != objects[second])[overlap].astype(int)
        across = np.minimum((iou[overlap] * 10).astype(int), len(IOU_EDGES) - 2)
        along = np.clip((alike[overlap] * BINS).astype(int), 0, BINS - 1)
        np.add.at(self.pairs, (different, across, along), 1)
        np.add.at(self.sums, (different, across), alike[overlap].astype(float))

    def rows(self) -> list[dict[str, Any]]:
        """Return the counts as rows.

        Returns:
            For each kind and bin of IoU: "kind", "iou" (its lower edge), "pairs", "mean" (of the correlation; NaN
            without pairs) and "histogram" (the pairs in 50 bins of the correlation).
        """
        found = []
        for number, kind in enumerate(KINDS):
            for place, edge in enumerate(IOU_EDGES[:-1].tolist()):
                count = int(self.pairs[number, place].sum())
                mean = float(self.sums[number, place] / count) if count else float("nan")
                histogram = self.pairs[number, place].tolist()
                found.append({"kind": kind, "iou": edge, "pairs": count, "mean": mean, "histogram": histogram})
        return found
