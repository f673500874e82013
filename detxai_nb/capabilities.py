"""What a detector can do besides detecting: the one place that knows what holds where it does not say."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from torch import Tensor, nn

from detxai_nb.image import ImageSource
from detxai_nb.types import PARTS, Detections, StagePatterns, Trace, TraceableDetector

LOGITS = "logits"
"""What an image classifier names in ``offers``: its outputs are classes and nothing else, and its trace knows which."""
RERUN = "rerun"
"""What a detector names in ``offers`` if its traces can run again: see ``detectors.trace.again``."""
ANY_SIZE = "any input size"
"""What a detector names in ``offers`` if its traces run again on inputs of other sizes, where origins mean the same."""

_READ_TOGETHER = ("detect", "_decode_trace")
"""The two methods of an adapter that decode the same outputs, of a picture and of an open pass."""


class Capabilities:
    """What a detector says about itself beyond ``names``, ``device`` and ``detect``.

    A perturbation method needs nothing of it, so a detector may lack any of these attributes: this is the one place
    that knows what then holds. They are read when asked for.

    Args:
        detector: any ``Detector``.

    Example:
        >>> from detxai_nb import wrap_predict
        >>> about = Capabilities(wrap_predict(lambda image: ([], [], []), ["cat"]))
        >>> about.traceable, about.layers, about.offers, about.precision
        (False, (), (), 'fp32')
    """

    def __init__(self, detector: object) -> None:
        self._detector = detector

    @property
    def traceable(self) -> bool:
        """Whether it is a white box (``TraceableDetector``)."""
        return isinstance(self._detector, TraceableDetector)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of its layers; none for a black box."""
        return tuple(getattr(self._detector, "layers", ()))

    @property
    def module(self) -> nn.Module | None:
        """Its network, or None if it has none or keeps it to itself."""
        found = getattr(self._detector, "module", None)
        return found if isinstance(found, nn.Module) else None

    def batch_on_cpu(self, pixels: int) -> int:
        """Return how many pictures are best given to it at once on the CPU.

        Small networks spend a part of their time on calls, which a batch shares: the bundled detectors take a fifth to
        a quarter less time a picture in batches of 4. Several large pictures at a time took longer each.

        Args:
            pixels: the number of pixels of a picture.

        Returns:
            What the detector says (``images_at_once``); by default 4 for a network of at most 8 million weights and
            pictures of at most 128K pixels, such as 320x256, else 1.
        """
        own = getattr(self._detector, "images_at_once", None)
        if isinstance(own, int):
            return own
        small = self.module is not None and sum(weight.numel() for weight in self.module.parameters()) <= 8_000_000
        return 4 if small and pixels <= 128 * 1024 else 1

    @property
    def family(self) -> str | None:
        """The name of its family, or None."""
        found: str | None = getattr(self._detector, "family", None)
        return found

    @property
    def title(self) -> str:
        """What people call it: the name by which it was loaded, else its family, else its class."""
        return str(getattr(self._detector, "_title", None) or self.family or type(self._detector).__name__)

    @property
    def offers(self) -> tuple[str, ...]:
        """What its traces give besides gradients."""
        return tuple(getattr(self._detector, "offers", ()))

    @property
    def targets(self) -> tuple[str, ...]:
        """The parts of a ``Target`` that it has; by default all."""
        return tuple(getattr(self._detector, "targets", PARTS))

    @property
    def side_unit(self) -> str:
        """The unit of its box sides as they are explained, such as "strides" or "input pixels"; "" if it says none."""
        return str(getattr(self._detector, "side_unit", ""))

    @property
    def precision(self) -> str:
        """The precision of its ``detect``; by default "fp32"."""
        return str(getattr(self._detector, "precision", "fp32"))

    @property
    def identity(self) -> Any:
        """What identifies it in a store, or None."""
        return getattr(self._detector, "identity", None)

    @property
    def doubts(self) -> Callable[[np.ndarray], str] | None:
        """A function from a picture to the reason why the answer means nothing there, or ""; None if it has none."""
        found: Callable[[np.ndarray], str] | None = getattr(self._detector, "doubts", None)
        return found

    @property
    def stage_patterns(self) -> StagePatterns:
        """Stages of its module for sanity checks; empty if it names none."""
        return tuple(getattr(self._detector, "stage_patterns", ()))

    @property
    def candidates(self) -> Callable[[Trace, float], Detections] | None:
        """A function from a trace and a score threshold to all predictions before suppression; None if it has none."""
        found: Callable[[Trace, float], Detections] | None = getattr(self._detector, "candidates", None)
        return found

    @property
    def detections_of(self) -> Callable[[Trace, float], Detections] | None:
        """A function from a trace and a score threshold to what ``detect`` gives for that image; None if it has none.

        A detector around another one, or one with a ``detect`` of its own, has none: it would be that of the other.
        """
        kind = type(self._detector)
        owners = {name: next((one for one in kind.__mro__ if name in vars(one)), None) for name in _READ_TOGETHER}
        if None in owners.values() or len(set(owners.values())) > 1 or "detect" in vars(self._detector):
            return None
        found: Callable[[Trace, float], Detections] | None = getattr(self._detector, "detections_of", None)
        return found

    @property
    def proposals(self) -> Callable[[Trace], Tensor] | None:
        """A function from a trace to the regions that a second stage looks at, ``[P,4]``; None if there is none."""
        found: Callable[[Trace], Tensor] | None = getattr(self._detector, "proposals", None)
        return found

    def holding(self, image: ImageSource, detections: Detections) -> AbstractContextManager[None]:
        """Keep what depends on the weights and is not explained, if it has any (see ``OpenDetector.holding``).

        Args:
            image: what ``load_image`` takes.
            detections: of this image.

        Returns:
            A context manager that does nothing for a detector without a ``holding`` of its own.
        """
        own = getattr(self._detector, "holding", None)
        found: AbstractContextManager[None] = nullcontext() if own is None else own(image, detections)
        return found
