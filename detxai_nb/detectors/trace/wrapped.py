"""A detector around another one: what it does not do otherwise is that of the one inside."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from detxai_nb.capabilities import Capabilities
from detxai_nb.image import ImageSource
from detxai_nb.module_use import exclusive
from detxai_nb.types import Detections, OpenDetector, StagePatterns, Trace


class WrappedDetector:
    """All of an open detector but its ``detect``, which a subclass brings.

    Args:
        detector: the one inside, whose settings are read and set there.
    """

    def __init__(self, detector: OpenDetector) -> None:
        self.detector = detector

    def __getattr__(self, name: str) -> Any:
        if name == "detector":
            raise AttributeError(name)
        return getattr(self.detector, name)

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the detector."""
        return self.detector.names

    @property
    def device(self) -> torch.device:
        """That of the detector."""
        return self.detector.device

    @property
    def layers(self) -> tuple[str, ...]:
        """Those of the detector."""
        return self.detector.layers

    @property
    def module(self) -> nn.Module:
        """That of the detector."""
        return self.detector.module

    @property
    def family(self) -> str:
        """That of the detector."""
        return self.detector.family

    @property
    def offers(self) -> tuple[str, ...]:
        """Those of the detector."""
        return Capabilities(self.detector).offers

    @property
    def targets(self) -> tuple[str, ...]:
        """Those of the detector."""
        return Capabilities(self.detector).targets

    @property
    def identity(self) -> Any:
        """That of the detector."""
        return Capabilities(self.detector).identity

    @property
    def stage_patterns(self) -> StagePatterns:
        """Those of the detector."""
        return Capabilities(self.detector).stage_patterns

    def holding(self, image: ImageSource, detections: Detections) -> AbstractContextManager[None]:
        """Keep what the detector holds (see ``OpenDetector.holding``).

        Args:
            image: what ``load_image`` takes.
            detections: of this image.

        Returns:
            The detector's own context manager.
        """
        return Capabilities(self.detector).holding(image, detections)

    @exclusive("module")
    def trace(self, image: ImageSource, layer: str | None = None) -> Trace:
        """Return the detector's own trace, in float32.

        Args:
            image: what ``load_image`` takes.
            layer: one of ``layers``; None for the first.

        Returns:
            The trace.
        """
        return self.detector.trace(image, layer)
