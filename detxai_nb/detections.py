"""One door for detections: those of one image, by this detector, and its own nearest to boxes from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.detection_rows import as_boxes, as_labels
from detxai_nb.float32 import exact_mode, in_full_float32
from detxai_nb.image import ImageSource, load_image
from detxai_nb.names import any_class_number, as_names
from detxai_nb.types import Detections, Detector, Target, Trace, TraceableDetector

__all__ = ["accepting_changes", "are_classes", "as_detections", "from_boxes", "of_classes", "require_own"]

CLASS_ORIGIN = ("class",)
"""The fields of the origins of a classifier's predictions."""

_ROUNDING = {"fp32": (0.01, 0.1)}
_HALF_ROUNDING = (0.02, 0.3)
"""How far a score may be off by rounding: a number, and a difference of logits (times p(1-p), as sigmoid does). Twenty
thousand times what batches change in float32, and above bfloat16's 0.02 and 0.11 with the bundled models."""
_SAME_SHAPE = 0.9
"""IoU above which a box is the one that a detector gave, rounded or cut."""
_SAME_BOX, _SAME_SCORE = 0.5, 0.1
"""IoU and score within which a black box, which may be random, has found the same again."""


def as_detections(detections: Any) -> Detections:
    """Return the detections of one image, if that is what they are.

    Args:
        detections: anything.

    Returns:
        The same ``Detections``.

    Raises:
        TypeError: for anything else, such as the list that ``detect`` returns; the message says what to do.
    """
    if isinstance(detections, Detections):
        return detections
    expected = "detections are what detector.detect([image])[0] returns for one image, one Detections"
    if isinstance(detections, (list, tuple)) and detections and isinstance(detections[0], Detections):
        many = f"{len(detections)} Detections, one for each image"
        raise TypeError(f"{expected}; got a {type(detections).__name__} of {many}: take one, such as detections[0]")
    raise TypeError(
        f"{expected}; got {type(detections).__name__}. For boxes from elsewhere: "
        "dx.detections.from_boxes(detector, image, boxes)"
    )


def are_classes(detections: Detections) -> bool:
    """Return whether each detection is a class of the whole image, as classifiers give, so that its box is no place.

    Args:
        detections: those of one image.

    Returns:
        True for the predictions of a classifier.
    """
    return detections.origin_fields == CLASS_ORIGIN


def require_own(detector: Detector, image: np.ndarray, detections: Detections, trace: Trace | None = None) -> None:
    """Raise an error unless these are this detector's own predictions in this image, as far as can be told.

    Names, boxes and, by one forward pass, scores are compared with what the detections claim. A white box is asked for
    the score at each one's origin; a black box whether it finds the same box again, if the detections say that they
    come from a detector (boxes put together by hand claim nothing). What rounding, batches and half precision change is
    no difference. Detections that do not say which boxes the detector gave are compared with what it finds now.

    Inside ``accepting_changes`` nothing is compared.

    Args:
        detector: any detector.
        image: RGB uint8 ``[H,W,3]``.
        detections: at least one, of an image of this size.
        trace: an open pass of this image, of any layer, which saves another one; None for none.

    Raises:
        ValueError: if names, a box or a score differ; the message says what was claimed and what was found.
    """
    if _accepting.get():
        return
    if tuple(detections.names) != tuple(detector.names):
        raise ValueError(
            f"these detections are of another detector: their classes are {_listed(detections.names)}, this "
            f"{_kind(detector)} has {_listed(detector.names)}; {_remedy(detections)}"
        )
    if trace is None and (detections.origins is None or not isinstance(detector, TraceableDetector)):
        if detections.score_threshold is not None:
            _require_found_again(detector, image, detections)
        return

    @exact_mode
    def ask() -> Tensor:
        opened = cast(TraceableDetector, detector).trace(image) if trace is None else trace
        return opened.scalars(detections.to(detector.device), Target()).detach().double().cpu()

    there = in_full_float32(detector.device, ask)
    claimed = detections.scores.detach().double().cpu()
    least, logits = _ROUNDING.get(Capabilities(detector).precision, _HALF_ROUNDING)
    slope = torch.maximum(claimed * (1 - claimed), there * (1 - there))
    _refuse_where(~((claimed - there).abs() <= least + logits * slope), detector, detections, claimed, there)
    own = detections.found_boxes
    _require_boxes(detections, _boxes_now(detector, image, detections) if own is None else own)


def _boxes_now(detector: Detector, image: np.ndarray, detections: Detections) -> Tensor:
    """The boxes ``[N,4]`` of the predictions with these origins; NaN for those that the detector does not report."""
    least = max(0.0, float(detections.scores.min()) - _SAME_SCORE)
    found = detector.detect([image], least)[0]
    there = torch.full_like(detections.boxes, torch.nan, device="cpu")
    if found.origins is not None and detections.origins is not None:
        rows = [(*origin, label) for origin, label in zip(found.origins.tolist(), found.labels.tolist())]
        known = {row: number for number, row in enumerate(rows)}
        wanted = zip(detections.origins.tolist(), detections.labels.tolist())
        for row, (origin, label) in enumerate(wanted):
            if (number := known.get((*origin, label))) is not None:
                there[row] = found.boxes[number].to(there)
    return there


def _require_boxes(detections: Detections, own: Tensor) -> None:
    """Raise an error where a box is not the one that the detector gave, but for rounding."""
    claimed, own = detections.boxes.detach().double().cpu(), own.detach().double().cpu()
    overlaps = torch.stack([_iou_with(box, other[None])[0] for box, other in zip(claimed, own)])
    moved = (claimed - own).abs().amax(dim=1)
    wrong = ~((overlaps >= _SAME_SHAPE) | (moved <= 1)) & torch.isfinite(own).all(dim=1)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        said, found = (", ".join(f"{side:.1f}" for side in boxes[row].tolist()) for boxes in (claimed, own))
        raise ValueError(
            f"the boxes of these detections were changed: {int(wrong.sum())} of {len(wrong)} are not where the "
            f"detector found them; detection {row} ({detections.label_names()[row]}) claims ({said}), and that "
            f"prediction has the box ({found}). Rows are picked, sorted and repeated by index, detections[[2, 0]]; "
            "for boxes of your own take this detector's predictions nearest to them: "
            "dx.detections.from_boxes(detector, image, boxes)"
        )


_accepting: ContextVar[bool] = ContextVar("accepting_changes", default=False)


@contextmanager
def accepting_changes() -> Iterator[None]:
    """Explain detections inside the block whatever the detector or the picture has become since they were found.

    The way round ``require_own`` for sanity checks, whose weights are random and whose pictures may be noisy.
    ``sanity.randomized`` is inside it. Other threads are not.

    Yields:
        Nothing.
    """
    before = _accepting.set(True)
    try:
        yield
    finally:
        _accepting.reset(before)


def _require_found_again(detector: Detector, image: np.ndarray, detections: Detections) -> None:
    """Raise an error unless a black box finds boxes, classes and scores again in this image."""
    claimed = detections.scores.detach().double().cpu()
    found = detector.detect([image], max(0.0, float(claimed.min()) - _SAME_SCORE))[0]
    there = torch.zeros_like(claimed)
    for row, box in enumerate(detections.boxes.detach().double()):
        same = (_iou_with(box, found.boxes) >= _SAME_BOX) & (found.labels == int(detections.labels[row]))
        scores = found.scores[same].double().cpu()
        if len(scores):
            there[row] = scores[(scores - claimed[row]).abs().argmin()]
    _refuse_where(~((claimed - there).abs() <= _SAME_SCORE), detector, detections, claimed, there)


def _refuse_where(wrong: Tensor, detector: Detector, detections: Detections, claimed: Tensor, there: Tensor) -> None:
    if not bool(wrong.any()):
        return
    row = int(wrong.nonzero()[0])
    raise ValueError(
        f"these are no predictions of this {_kind(detector)} in this image: {int(wrong.sum())} of {len(wrong)} scores "
        f"differ; detection {row} ({detections.label_names()[row]}) claims {float(claimed[row]):.3f}, and the same "
        f"prediction has {float(there[row]):.3f} here. They come from another picture, detector, input size or tile, "
        f"or were changed since (for another class: Target(label=...)); {_remedy(detections)}"
    )


_OF_CLASSES = "dx.detections.of_classes(detector, image, names)"


def _remedy(detections: Detections) -> str:
    """What to do with predictions of another detector or image."""
    if are_classes(detections):
        return f"classify this image with this classifier, or take its own predictions by name: {_OF_CLASSES}"
    return (
        "detect in this image with this detector, or take its own predictions nearest to the boxes: "
        "dx.detections.from_boxes(detector, image, detections)"
    )


def _kind(detector: Detector) -> str:
    return type(detector).__name__


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more


def from_boxes(
    detector: Detector,
    image: ImageSource,
    boxes: Any,
    labels: Any = None,
    *,
    score_threshold: float = 0.0,
) -> Detections:
    """Find the detector's own prediction nearest to each box: what to explain for boxes from elsewhere.

    A detector can only be explained where it predicted something itself. For boxes of a tile that was moved into the
    whole image, of another detector, another input size, an annotation file or a tracker, this is the prediction in
    THIS image by THIS detector that overlaps each of them most. ``iou`` of the result says how much: near 1 it is the
    same prediction, below 0.5 it is hardly one of the same object.

    Args:
        detector: any detector.
        image: what ``load_image`` takes.
        boxes: ``[N,4]``, xyxy in pixels of the image, as a tensor, an array or lists; or ``Detections``, whose classes
            are then taken by name unless ``labels`` says otherwise.
        labels: the class of each box, as N indices into ``detector.names`` or N names: only predictions of that class
            count. None: predictions of any class.
        score_threshold: the lowest score of a prediction that counts, 0..1. Only what the detector reports counts: what
            its own suppression drops, or its largest number of detections, is not there.

    Returns:
        N detections with boxes, scores and origins of the detector's own predictions, in the order of the boxes, and
        ``iou`` ``[N]``. Two boxes may have the same prediction.

    Raises:
        TypeError: if the boxes or labels are no numbers or names.
        ValueError: if the boxes have another shape, are empty, not finite, turned or outside the image, a label is
            unknown, or no prediction overlaps a box; for an image classifier, whose predictions have no places.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> own = detector.detect([image])[0][:1]
        >>> found = dx.detections.from_boxes(detector, image, own.boxes + 1)
        >>> found.label_names() == own.label_names(), bool(found.iou > 0.8)
        (True, True)
    """
    pixels = load_image(image)
    height, width = pixels.shape[:2]
    if isinstance(boxes, Detections):
        boxes.require_image(height, width)
        boxes, labels = boxes.boxes, boxes.label_names() if labels is None else labels
    wanted = as_boxes(boxes, height, width)
    classes = None if labels is None else as_labels(labels, len(wanted), as_names(detector.names))
    found = detector.detect([pixels], score_threshold)[0]
    if are_classes(found):
        raise ValueError(
            f"the predictions of a {_kind(detector)} are classes of the whole image, which no box is near to; take "
            f"those of some classes: {_OF_CLASSES}"
        )
    rows, overlaps = [], []
    for row, box in enumerate(wanted):
        overlap = _iou_with(box, found.boxes)
        if classes is not None:
            overlap = torch.where(found.labels == classes[row], overlap, 0.0)
        if not len(overlap) or not bool(overlap.max() > 0):
            corners = ", ".join(f"{side:.1f}" for side in box.tolist())
            kind = "" if classes is None else f" of the class {detector.names[classes[row]]!r}"
            raise ValueError(
                f"box {row}, ({corners}), overlaps no prediction{kind} that this detector reports in this image above "
                f"the score {score_threshold:g} ({len(found)} in all): there is nothing of its own to explain there; "
                "leave the box out, or explain it on the image and at the size in which it was found"
            )
        rows.append(int(overlap.argmax()))
        overlaps.append(overlap[rows[-1]])
    return replace(found[rows], iou=torch.stack(overlaps), numbers=None)


def of_classes(detector: Detector, image: ImageSource, classes: Any) -> Detections:
    """Return a classifier's predictions of some classes in an image, however small their probabilities.

    Args:
        detector: an image classifier.
        image: what ``load_image`` takes.
        classes: the name or number of a class, or a list of them.

    Returns:
        A detection for each, in the order of ``classes``, with the probability and the origin that the classifier gives
        it.

    Raises:
        TypeError: if a class is neither a text nor a whole number, or they have no order, as those of a set.
        ValueError: for a class that there is not, naming those that are most like it, or whose probability is no
            number; for a detector, whose predictions have places.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-resnet", device="cpu")
        >>> scene = dx.data.scenes.make(1, mode="single")
        >>> dx.detections.of_classes(detector, scene.image, ["mug", "jug"]).label_names()
        ['mug', 'jug']
    """
    names = as_names(detector.names)
    wanted = classes.tolist() if isinstance(classes, (Tensor, np.ndarray, np.generic)) else classes
    if isinstance(wanted, (str, int, float)):
        wanted = [wanted]
    if isinstance(wanted, (bytes, set, frozenset)) or not isinstance(wanted, Iterable):
        raise TypeError(f"classes are the name or number of a class, or a list of them; got {classes!r}")
    listed = list(wanted)
    found = detector.detect([load_image(image)], 0.0)[0]
    if not are_classes(found):
        raise ValueError(
            f"a {_kind(detector)} predicts objects in places, not the classes of an image; take what detect returns, "
            "or from_boxes"
        )
    numbers = [any_class_number(one, names, "this classifier") for one in listed]
    rows = {label: row for row, label in enumerate(found.labels.tolist())}
    if missing := [names[number] for number in numbers if number not in rows]:
        raise ValueError(
            f"the network gives no number (NaN) as the probability of {missing[0]!r} in this image; its weights hold "
            "NaN, or its activations overflow"
        )
    return found[[rows[number] for number in numbers]]


def _iou_with(box: Tensor, boxes: Tensor) -> Tensor:
    """IoU ``[N]`` of one box ``[4]`` with boxes ``[N,4]``."""
    box, others = box.to(boxes.device), boxes.to(torch.float64)
    sides = torch.minimum(box[2:], others[:, 2:]) - torch.maximum(box[:2], others[:, :2])
    both = sides.clamp(min=0).prod(dim=1)
    areas = (others[:, 2:] - others[:, :2]).prod(dim=1) + (box[2:] - box[:2]).prod()
    return (both / (areas - both)).to(boxes.dtype)
