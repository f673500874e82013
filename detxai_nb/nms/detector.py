"""A rule of suppression in a detector: its predictions before suppression, and a ``detect`` that ends in the rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.detections import as_detections
from detxai_nb.detectors.base import as_score_threshold
from detxai_nb.detectors.trace.wrapped import WrappedDetector
from detxai_nb.doubts import warn_of_doubts
from detxai_nb.image import ImageSource, as_images
from detxai_nb.nms.rules import FeatureNms, GreedyNms, OdamNms, Suppression
from detxai_nb.nms.soft import SoftNms
from detxai_nb.nms.vectors import SHORT_EDGE, MapVectors, as_short_edge, layer_of_maps, vectors_of_trace
from detxai_nb.types import Detections, Detector, OpenDetector, Trace

Rule = Suppression | str
"""A rule with its settings, or the name of one with the papers' settings."""

RULES: dict[str, Callable[[], Suppression]] = {
    "nms": GreedyNms,
    "soft-nms": SoftNms,
    "feature-nms": FeatureNms,
    "odam-nms": OdamNms,
}
"""The rules by name."""


def candidates(detector: Detector, image: ImageSource, score_threshold: float = 0.05) -> Detections:
    """Return all predictions of a detector in an image before it suppresses any.

    Args:
        detector: one that suppresses: FCOS, RetinaNet, SSD, Faster R-CNN, YOLOX, and Ultralytics' YOLOs that are not
            end to end.
        image: what ``load_image`` takes.
        score_threshold: the lowest score of a prediction, 0..1.

    Returns:
        The predictions by falling score, hundreds to thousands; each can be explained like any other.

    Raises:
        TypeError: if the detector has no predictions before suppression: black boxes, and networks that give each
            object one prediction (DETRs, end-to-end YOLOs) or each class (image classifiers).
        ValueError: if the score threshold is not in 0..1.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> before, after = dx.nms.candidates(detector, image, 0.3), detector.detect([image], 0.3)[0]
        >>> len(before) > len(after)
        True
        >>> bool((dx.nms.remove_duplicates(before, dx.nms.GreedyNms(0.6)).boxes == after.boxes).all())
        True
    """
    read = _reader(detector)
    opened: Any = detector
    return read(opened.trace(image), as_score_threshold(score_threshold))


def remove_duplicates(
    detections: Detections, rule: Rule = "nms", vectors: MapVectors | Tensor | None = None
) -> Detections:
    """Apply a rule of suppression to the predictions of one image, those of each class by themselves.

    Args:
        detections: such as ``candidates`` returns.
        rule: a rule with its settings, or "nms", "soft-nms", "feature-nms" or "odam-nms" with the papers' settings.
        vectors: what the rule compares besides boxes: ``map_vectors`` of the same predictions for ODAM-NMS, feature
            vectors ``[N,D]`` for FeatureNMS.

    Returns:
        What is kept by falling score; of Soft-NMS with its lowered scores.

    Raises:
        TypeError: for what are no detections of one image, or no rule.
        ValueError: for an unknown name, vectors that the rule lacks or has no use for, and maps of other predictions.
    """
    detections, rule = as_detections(detections), find_rule(rule)
    if isinstance(vectors, MapVectors):
        vectors.require_of(detections)
        vectors = vectors.vectors
    kept = rule(detections.boxes, detections.scores, detections.labels, None, vectors)
    return replace(detections[kept.rows], scores=kept.scores)


def find_rule(rule: Rule) -> Suppression:
    """Return a rule by its name, or the rule itself.

    Args:
        rule: a rule, or one of the names in ``RULES``.

    Returns:
        The rule.

    Raises:
        TypeError: if it is neither a rule nor a text.
        ValueError: for an unknown name.
    """
    if isinstance(rule, str):
        if rule not in RULES:
            raise ValueError(f"unknown rule {rule!r}; known: {', '.join(RULES)}")
        return RULES[rule]()
    if isinstance(rule, type) or not callable(rule) or not hasattr(rule, "vectors_of"):
        raise TypeError(f"a rule is one of {', '.join(RULES)} or such as dx.nms.OdamNms(t_low=0.1), got {rule!r}")
    return rule


class NmsDetector(WrappedDetector):
    """A detector whose ``detect`` ends in a rule of suppression of your choice.

    All else is that of the detector inside: its detections are explained and evaluated as any other's. An image costs
    one forward pass, as in the detector itself, and for ODAM-NMS the heat maps of all predictions besides.

    The detections of Soft-NMS carry lowered scores, which are not the network's: ``explain`` refuses them, as it does
    all scores that were changed. Explain the same rows of ``candidates`` instead.

    Args:
        detector: one that suppresses, see ``candidates``.
        rule: a rule with its settings, or one of "nms", "soft-nms", "feature-nms" and "odam-nms".
        layer: whose heat maps ODAM-NMS compares, one of ``detector.layers``; None: "roi" where there is one, else the
            first.
        short_edge: the shorter side of these maps in cells.
        vectors: ``vectors(trace, detections)`` returns ``[N,D]``, what the rule compares in place of ODAM maps;
            FeatureNMS needs it: ``load_embedding``, or a function of your own.
        max_detections: the largest number of detections in an image; None: the detector's own.

    Raises:
        TypeError: if the detector has no predictions before suppression, or for what is no rule.
        ValueError: for an unknown rule or layer, FeatureNMS without vectors, or a number out of its range.

    References:
        Zhao & Chan, ODAM (ICLR 2023), sec. 3.3.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.nms.NmsDetector(dx.load_detector("tiny-fcos", device="cpu"), "odam-nms")
        >>> found = detector.detect([dx.data.scenes.Scenes(1, mode="crowd")[0].image])[0]
        >>> len(found) > 1
        True
    """

    def __init__(
        self,
        detector: OpenDetector,
        rule: Rule = "odam-nms",
        *,
        layer: str | None = None,
        short_edge: int = SHORT_EDGE,
        vectors: Callable[[Trace, Detections], Tensor] | None = None,
        max_detections: int | None = None,
    ) -> None:
        super().__init__(detector)
        _reader(detector)
        self.rule = find_rule(rule)
        if self.rule.vectors_of == FeatureNms.vectors_of and vectors is None:
            raise ValueError(
                "FeatureNMS compares the output of a head that was trained to give feature vectors, which "
                f"{type(detector).__name__} does not have; hand in vectors=dx.nms.load_embedding(path, detector), or a "
                "function (trace, detections) -> [N,D] of your own"
            )
        if layer is not None and layer not in detector.layers:
            raise ValueError(f"unknown layer {layer!r}; this detector's layers: {', '.join(detector.layers)}")
        if max_detections is not None and (isinstance(max_detections, bool) or not max_detections >= 1):
            raise ValueError(f"max_detections is a whole number of at least 1, got {max_detections!r}")
        self.layer, self.short_edge = layer, as_short_edge(short_edge)
        self.vectors = vectors
        self.max_detections = max_detections
        self.settings = {"rule": type(self.rule).__name__, **_settings(self.rule)}
        self.precision = "fp32"

    @property
    def identity(self) -> Any:
        """That of the detector with the rule and its settings; None if the detector has none."""
        inside = Capabilities(self.detector).identity
        if inside is None:
            return None
        own = {name: getattr(self, name) for name in ("settings", "layer", "short_edge", "vectors", "max_detections")}
        return {"detector": inside, **own}

    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Detect objects in images, one prediction of each as the rule has it.

        Args:
            images: anything that ``load_image`` reads, of any sizes.
            score_threshold: the lowest score of a prediction, and of a detection after Soft-NMS has lowered it, 0..1.

        Returns:
            The detections of each image by falling score; boxes are xyxy in pixels of the image.

        Raises:
            TypeError: if the images are no list, or the threshold is no number.
            ValueError: if the threshold is not in 0..1.
        """
        threshold, pixels = as_score_threshold(score_threshold), as_images(images)
        found = [self._detect(image, threshold) for image in pixels]
        warn_of_doubts(self, pixels)
        return found

    def _detect(self, image: Any, threshold: float) -> Detections:
        layer = layer_of_maps(self.detector.layers, self.layer) if self.rule.vectors_of else None
        trace = self.detector.trace(image, layer)
        before = _reader(self.detector)(trace, threshold)
        kept = remove_duplicates(before, self.rule, self._compared(trace, before))
        kept = kept[kept.scores >= threshold]
        most = getattr(self.detector, "max_detections", None) if self.max_detections is None else self.max_detections
        kept = kept[:most]
        return replace(kept, numbers=torch.arange(len(kept), device=kept.scores.device))

    def _compared(self, trace: Trace, before: Detections) -> MapVectors | Tensor | None:
        if not self.rule.vectors_of:
            return None
        if self.vectors is not None:
            return self.vectors(trace, before)
        return vectors_of_trace(trace, before, self.short_edge, getattr(self.detector, "norm_statistics", "exact"))


def _settings(rule: Suppression) -> dict[str, Any]:
    return asdict(rule) if hasattr(rule, "__dataclass_fields__") else dict(vars(rule))  # type: ignore[call-overload]


def _reader(detector: object) -> Callable[[Trace, float], Detections]:
    """The function of a detector that gives its predictions before suppression, or an error that says why not."""
    about = Capabilities(detector)
    read = about.candidates
    if read is None or not about.traceable:
        why = {
            "detr": "a DETR gives each object one prediction by itself and needs no suppression",
            "classifier": "an image classifier gives each class one prediction of the whole image",
        }.get(about.family or "", "what it returns is already suppressed; open its network by load_detector or wrap")
        raise TypeError(f"{type(detector).__name__} has no predictions before suppression: {why}")
    return read
