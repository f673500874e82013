"""All predictions of a scene before suppression with what the rules compare, in a compact form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.data import scenes
from detxai_nb.detectors.base import as_score_threshold
from detxai_nb.nms.similarity import box_overlaps
from detxai_nb.nms.vectors import SHORT_EDGE, as_short_edge, layer_of_maps, vectors_of_trace
from detxai_nb.types import Detections, OpenDetector, Trace

UNSEEN_SEED = 7
"""The seed of the scenes: neither trainings nor the figures on the models' cards have seen them."""
LEAST_CORRELATION = 0.05
"""Of pairs that do not overlap, correlations up to this are kept as 0: no useful rule asks for them."""


@dataclass(frozen=True)
class PassSettings:
    """What is kept of which scenes.

    Attributes:
        seed, mode, width, height: of the scenes, as in ``scenes.make``.
        score_threshold: the lowest score of a prediction, 0..1.
        most: the greatest number of predictions of a scene; those with the highest scores are kept.
        short_edge: the shorter side of the compared maps in cells.
        norm_statistics: what the gradients of FCOS do with the statistics of group normalisation, "fixed" (as in the
            training of the bundled models) or "exact", which takes about eight times as long.

    Raises:
        TypeError: for a value of another type.
        ValueError: for one out of its range, or an unknown mode.
    """

    seed: int = UNSEEN_SEED
    mode: str = "one-class-crowd"
    width: int = 320
    height: int = 256
    score_threshold: float = 0.05
    most: int = 400
    short_edge: int = SHORT_EDGE
    norm_statistics: str = "fixed"

    def __post_init__(self) -> None:
        as_score_threshold(self.score_threshold)
        as_short_edge(self.short_edge)
        if isinstance(self.most, bool) or not isinstance(self.most, int):
            raise TypeError(f"most is a whole number of predictions, got {self.most!r}")
        if self.most < 1:
            raise ValueError(f"most is at least 1 prediction of a scene, got {self.most}")
        if self.norm_statistics not in ("exact", "fixed"):
            raise ValueError(f"norm_statistics is exact or fixed, got {self.norm_statistics!r}")
        # Also checks the rest.
        self.scenes(1)

    def scenes(self, count: int) -> scenes.Scenes:
        """Return the scenes.

        Args:
            count: their number.

        Returns:
            The dataset.
        """
        return scenes.Scenes(count, seed=self.seed, mode=self.mode, width=self.width, height=self.height)


@dataclass(frozen=True, eq=False)
class SceneCandidates:
    """The N predictions of a scene before suppression, by falling score.

    Correlations are kept of pairs of one class whose boxes overlap, and of others above ``LEAST_CORRELATION``.

    Attributes:
        boxes: float32 ``[N,4]``, xyxy.
        scores: float32 ``[N]``.
        labels: int64 ``[N]``, the class as the scenes number them.
        found: how many there were before the limit.
        bits: uint8, for each pair i < j, by i and then j, whether its correlation is kept; eight in a byte.
        values: float32, the kept correlations in this order.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    found: int
    bits: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.scores)

    def correlation(self) -> Tensor:
        """Return the correlation of the heat maps of each pair.

        Returns:
            float32 ``[N,N]``; only above the diagonal, all else is 0.
        """
        found = np.zeros((len(self), len(self)), np.float32)
        rows, columns = np.triu_indices(len(self), 1)
        kept = np.unpackbits(self.bits, count=len(rows)).astype(bool)
        found[rows[kept], columns[kept]] = self.values
        return torch.from_numpy(found)

    @classmethod
    def of(cls, found: int, boxes: Tensor, scores: Tensor, labels: Tensor, correlation: Tensor) -> SceneCandidates:
        """Keep what the rules can ask for.

        Args:
            found: how many predictions there were before the limit.
            boxes, scores, labels: as in the attributes, float32, float32 and int64.
            correlation: float32 ``[N,N]``.

        Returns:
            The predictions.
        """
        compared = (box_overlaps(boxes, boxes) > 0) | (correlation > LEAST_CORRELATION)
        wanted = ((labels[:, None] == labels) & compared).numpy()
        above = np.triu_indices(len(scores), 1)
        kept = wanted[above]
        values = correlation.numpy()[above][kept]
        return cls(boxes.numpy(), scores.numpy(), labels.numpy(), found, np.packbits(kept), values)


class OpenScene:
    """One pass of a detector over a scene, from which all that is kept is computed.

    Args:
        detector: one with predictions before suppression.
        image: of the scene.
        settings: threshold, limit and maps.

    Raises:
        TypeError: if the detector has no predictions before suppression.
    """

    def __init__(self, detector: OpenDetector, image: np.ndarray, settings: PassSettings) -> None:
        self._settings = settings
        self._trace = detector.trace(image, layer_of_maps(detector.layers, None))
        read = Capabilities(detector).candidates
        if read is None:
            raise TypeError(f"{type(detector).__name__} has no predictions before suppression")
        every = read(self._trace, settings.score_threshold)
        self._found, self._best = len(every), every[: settings.most]

    def compared(self) -> dict[str, np.ndarray]:
        """Compute the correlations of the maps.

        Returns:
            What ``SceneCandidates`` holds, by its names.

        Raises:
            ValueError: if the detector predicts a class that scenes do not have.
        """
        best = self._best
        maps = vectors_of_trace(self._trace, best, self._settings.short_edge, self._settings.norm_statistics)
        correlation = maps.correlation().float().cpu()
        boxes, scores = best.boxes.float().cpu(), best.scores.float().cpu()
        kept = SceneCandidates.of(self._found, boxes, scores, _labels(best), correlation)
        return {field.name: np.asarray(getattr(kept, field.name)) for field in fields(kept)}

    def features(self, embedding: Callable[[Trace, Detections], Tensor]) -> dict[str, np.ndarray]:
        """Compute the feature vectors of the predictions.

        Args:
            embedding: a trained head.

        Returns:
            "vectors", float32 ``[N,D]``.
        """
        return {"vectors": embedding(self._trace, self._best).float().cpu().numpy()}


def _labels(found: Detections) -> Tensor:
    """The classes as the scenes number them."""
    number = {name: label for label, name in enumerate(scenes.NAMES)}
    names = found.label_names()
    if unknown := sorted(set(names) - set(number)):
        raise ValueError(f"the scenes know the classes {', '.join(scenes.NAMES)}; this detector predicts {unknown[0]}")
    return torch.tensor([number[name] for name in names], dtype=torch.int64)
