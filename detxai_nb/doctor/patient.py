"""What is examined: a detector, some pictures, what it finds in them, and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from torch import nn

from detxai_nb.capabilities import Capabilities
from detxai_nb.data.sample import Sample
from detxai_nb.detections import are_classes
from detxai_nb.doctor.entry import NetworkEntry, find_entry
from detxai_nb.doctor.result import NotChecked
from detxai_nb.types import Detections, Detector, TraceableDetector

CONFIDENT = 0.3
"""The score from which a detection counts as one that the detector is sure of."""
SLACK = 1e-3
"""How far a probability may lie outside 0..1, by rounding."""
HALF = 50.0
"""How many times more scores may differ where ``detect`` runs in half precision, as it was asked to."""
LOWEST = 0.05
"""The score below which nothing is looked at where detections of two pictures are compared."""


@dataclass(frozen=True, eq=False)
class Patient:
    """A detector with the pictures that it is examined on.

    Attributes:
        detector: any detector.
        pictures: uint8 RGB ``[H,W,3]`` each.
        samples: for each picture its annotations, or None.
        expected: for each picture what the user's own inference finds in it, or None.
        about: what the detector says of itself.
    """

    detector: Detector
    pictures: tuple[np.ndarray, ...]
    samples: tuple[Sample | None, ...]
    expected: tuple[Detections | None, ...]
    about: Capabilities = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "about", Capabilities(self.detector))

    @property
    def names(self) -> tuple[str, ...]:
        """The class names of the detector."""
        return tuple(self.detector.names)

    @property
    def module(self) -> nn.Module | None:
        """Its network, or None for a black box."""
        return self.about.module

    def detect(self, pictures: Sequence[np.ndarray], threshold: float = LOWEST) -> list[Detections]:
        """Return what the detector finds in pictures.

        Args:
            pictures: uint8 RGB ``[H,W,3]`` each.
            threshold: the lowest score.

        Returns:
            The detections of each picture, on the CPU.
        """
        found: Any = self.detector.detect(list(pictures), threshold)
        return [one.to("cpu") for one in found]

    @cached_property
    def everything(self) -> tuple[Detections, ...]:
        """All that the detector reports in each picture, whatever the score; each picture was detected in alone."""
        return tuple(self.detect([picture], 0.0)[0] for picture in self.pictures)

    @cached_property
    def found(self) -> tuple[Detections, ...]:
        """What it finds in each picture from the score ``LOWEST`` on."""
        return tuple(one[one.scores >= LOWEST] for one in self.everything)

    @cached_property
    def entry(self) -> NetworkEntry | None:
        """Where pictures enter the network; None for a black box, or if that cannot be seen."""
        if self.module is None:
            return None
        return find_entry(self.module, lambda picture: self.detector.detect([picture], LOWEST), self.pictures[0])

    @cached_property
    def classifies(self) -> bool:
        """Whether its predictions are classes of the whole picture."""
        return any(are_classes(one) for one in self.everything)

    def require_boxes(self) -> None:
        """Raise ``NotChecked`` for a classifier.

        Raises:
            NotChecked: saying why.
        """
        if self.classifies:
            raise NotChecked("an image classifier predicts classes of the whole picture, which has no place")

    @property
    def rounding(self) -> float:
        """How many times more than in float32 scores may differ by rounding: 1, or more where detect runs in half."""
        return 1.0 if self.about.precision == "fp32" else HALF

    def require_probabilities(self) -> None:
        """Raise ``NotChecked`` if scores say nothing of how sure the detector is.

        Raises:
            NotChecked: if some lie outside 0..1.
        """
        ends = [float(value) for one in self.everything if len(one) for value in (one.scores.min(), one.scores.max())]
        if ends and (min(ends) < -SLACK or max(ends) > 1 + SLACK):
            raise NotChecked(
                "scores are no probabilities, so that objects cannot be told from the rest", "mend them first"
            )

    def white_box(self) -> TraceableDetector:
        """Return the detector as one that can be looked into.

        Returns:
            The detector.

        Raises:
            NotChecked: for a black box.
        """
        if not isinstance(self.detector, TraceableDetector) or not self.about.layers:
            raise NotChecked(
                "a black box has no gradients and no maps of its own",
                "open the network itself with dx.wrap, dx.wrap_module or an adapter",
            )
        return self.detector

    def confident(self, number: int, most: int = 4) -> Detections:
        """Return the detections of a picture that the detector is most sure of.

        Args:
            number: of the picture.
            most: how many at most.

        Returns:
            Those from the score ``CONFIDENT`` on; if there is none the best one from ``LOWEST`` on, if there is any.
        """
        found = self.found[number]
        sure = int((found.scores >= CONFIDENT).sum())
        return found[: min(most, max(1, sure))]

    def richest(self) -> int:
        """Return the number of the picture with the most evidence.

        Returns:
            The number.

        Raises:
            NotChecked: if nothing is found in any picture.
        """
        totals = [float(one.scores.sum()) for one in self.found]
        best = max(range(len(totals)), key=totals.__getitem__)
        if not len(self.found[best]):
            raise NotChecked("nothing is found in these pictures, so that there is nothing to explain")
        return best
