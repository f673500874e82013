"""What a NmsExplorer shows: a detector, a photograph and its predictions before suppression, up to a number."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from detxai_nb.detections import as_detections
from detxai_nb.image import ImageSource, load_image
from detxai_nb.nms.detector import candidates
from detxai_nb.subjects import require_places
from detxai_nb.types import Detections, Detector, Trace
from detxai_nb.widgets.shared.code import CodeRecipe
from detxai_nb.widgets.shared.inputs import WidgetInputs, open_detector

Vectors = Tensor | Callable[[Trace, Detections], Tensor]
"""Feature vectors ``[N,D]`` of predictions, or what computes them."""

GREATEST_MOST = 1000
"""A page holds two float32 numbers for each pair and 1 byte for each cell of a map: 8 MB and 3 MB of so many."""


@dataclass(frozen=True)
class CandidateRecipe(CodeRecipe):
    """Where predictions before suppression came from.

    Attributes:
        most: the greatest number of them that is taken, or None where none was left out.
    """

    most: int | None = None

    def _found(self) -> str | None:
        rows = "" if self.most is None else f"[:{self.most}]"
        if self.score_threshold is None:
            return f"detections{rows}" if rows else None
        return f"dx.nms.candidates(detector, image, {self.score_threshold!r}){rows}"


@dataclass(frozen=True, eq=False)
class CandidateInputs(WidgetInputs):
    """A detector, a photograph and its predictions before suppression, checked.

    Attributes:
        most: the greatest number of predictions.
        left_out: how many more there were, with lower scores.
        lowest_score: the lowest score threshold from which on these are all predictions there are, 0..1.
    """

    most: int
    left_out: int
    lowest_score: float

    @classmethod
    def of_candidates(
        cls,
        detector: Detector | str,
        image: ImageSource,
        detections: Detections | None,
        lowest_score: float,
        most: int,
    ) -> CandidateInputs:
        """Load and check what a widget was given.

        Args:
            detector: an object or the name of one.
            image: what ``load_image`` takes.
            detections: predictions of this image, or None for all that the detector has before suppression.
            lowest_score: the lowest score of a prediction, 0..1, if ``detections`` is None.
            most: the greatest number of predictions.

        Returns:
            The inputs.

        Raises:
            TypeError: if the first is no detector or has no predictions before suppression, the third are no
                Detections, or ``most`` is no whole number.
            ValueError: for an image classifier, if the third are of another image, the score is not in 0..1, or
                ``most`` not in 1..1000.
        """
        if isinstance(most, bool) or not isinstance(most, int):
            raise TypeError(f"most is a whole number of predictions, got {most!r}")
        if not 1 <= most <= GREATEST_MOST:
            raise ValueError(
                f"most lies between 1 and {GREATEST_MOST}, the number of predictions whose pairs a page can hold; "
                f"got {most}"
            )
        opened, pixels = open_detector(detector), np.asarray(load_image(image))
        require_places(
            opened,
            "NmsExplorer shows which of several boxes of an object are removed",
            "dx.widgets.Explorer(detector, image), which lists classes with their probabilities",
        )
        found = candidates(opened, pixels, lowest_score) if detections is None else as_detections(detections)
        plain = WidgetInputs.of(opened, pixels, found, lowest_score)
        recipe = CandidateRecipe(
            detector if isinstance(detector, str) else None,
            os.fspath(image) if isinstance(image, (str, os.PathLike)) else None,
            lowest_score if detections is None else None,
        )
        return cls._of(replace(plain, recipe=recipe), most)

    @classmethod
    def _of(cls, plain: WidgetInputs, most: int) -> CandidateInputs:
        found = plain.detections
        found = replace(found, boxes=_float32(found.boxes), scores=_float32(found.scores))
        kept, cut, lowest = found[:most], len(found) > most, found.score_threshold or 0.0
        if cut:
            # In whole hundredths, as the slider goes; above the best score that was left out.
            lowest = max(lowest, min(1.0, (math.floor(100 * float(found.scores[most])) + 1) / 100))
        recipe = replace(plain.recipe, most=most if cut else None)  # type: ignore[call-arg]
        return cls(plain.detector, plain.image, kept, recipe, most, len(found) - len(kept), lowest)

    def with_threshold(self, score_threshold: float) -> CandidateInputs:
        """Return the predictions of the same photograph with another threshold.

        Args:
            score_threshold: the lowest score of a prediction, 0..1.

        Returns:
            The inputs with these predictions.
        """
        found = candidates(self.detector, self.image, score_threshold)
        recipe = replace(self.recipe, score_threshold=score_threshold)
        return self._of(WidgetInputs(self.detector, self.image, found, recipe), self.most)

    @property
    def remark(self) -> str:
        """What was left out, in words; "" for nothing."""
        if not self.left_out:
            return ""
        return (
            f"The {len(self.detections)} best predictions are here; {self.left_out} more with scores up to "
            f"{float(self.detections.scores[-1]):.3f} are left out, so the score threshold is at least "
            f"{self.lowest_score:g}. most= takes up to {GREATEST_MOST}."
        )


def feature_vectors(inputs: CandidateInputs, vectors: Vectors | None) -> Tensor | None:
    """Return the feature vectors of the predictions, which FeatureNMS compares.

    Args:
        inputs: N predictions.
        vectors: ``[M,D]``, of at least these N, by falling score, or ``vectors(trace, detections)``, which returns
            such; None for none.

    Returns:
        ``[N,D]`` on the device of the scores, or None.

    Raises:
        TypeError: if there is no tensor.
        ValueError: for another number of rows, or values that are not finite.
    """
    if vectors is None:
        return None
    found, there = inputs.detections, len(inputs.detections) + inputs.left_out
    given = vectors if isinstance(vectors, Tensor) or not callable(vectors) else vectors(_trace(inputs), found)
    if not isinstance(given, Tensor):
        raise TypeError(f"vectors is a tensor [N,D] or vectors(trace, detections) -> [N,D], got {vectors!r}")
    if given.ndim != 2 or len(given) not in (len(found), there):
        raise ValueError(
            f"expected vectors [{there},D], a row for each of {there} predictions, got {list(given.shape)}"
        )
    own = _float32(given.detach()[: len(found)]).to(found.scores.device)
    if not bool(torch.isfinite(own).all()):
        raise ValueError("the feature vectors hold NaN or infinity")
    return own


def _trace(inputs: CandidateInputs) -> Trace:
    opened: object = inputs.detector
    found: Trace = opened.trace(inputs.image)  # type: ignore[attr-defined]
    return found


def _float32(values: Tensor) -> Tensor:
    """In the type in which the browser decides; rules take any."""
    return values.float()
