"""What the outputs of exported detectors mean: a decoder for each layout that people export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.wrapping.onnx.preparation import InputPreparation
from detxai_nb.names import nearest_names


@dataclass(frozen=True)
class OutputForm:
    """The form of one output for a single picture.

    Attributes:
        name: the output's name in the model.
        shape: without the batch axis; None for a side that the model leaves open.
        whole: whether its values are whole numbers.
    """

    name: str
    shape: tuple[int | None, ...]
    whole: bool = False

    def is_like(self, *sides: int | None, whole: bool = False) -> bool:
        """Return whether it may have this shape.

        Args:
            *sides: the shape; None for any side.
            whole: whether its values are whole numbers.

        Returns:
            False only if it certainly has another.
        """
        return (
            self.whole == whole
            and len(self.shape) == len(sides)
            and all(one is None or other is None or one == other for one, other in zip(self.shape, sides))
        )


Forms = Sequence[OutputForm]
Found = dict[str, Tensor]
"""Boxes ``[N,4]`` xyxy in input pixels, scores, labels, and what else ``wrap_predict`` takes."""


@dataclass(frozen=True)
class Decoder:
    """A layout of outputs.

    Attributes:
        name: what ``decode=`` calls it.
        form: its outputs in words, for messages.
        pick: from the forms of a model's outputs and the number of classes (None if unknown) to the names of the
            outputs that are read, or None if they do not fit.
        read: from these outputs of one picture and the input's (height, width) to the predictions.
        preparation: what is done to a picture, unless the caller says otherwise.
        nms_threshold: IoU above which a box of the same class is dropped; None where nothing is suppressed.
        max_detections: the most detections of a picture; None for all.
        default_size: (height, width) of the input of a model that leaves it open; None if there is no usual one.
        classes: from the outputs that are read to the number of classes, None where they do not say.
    """

    name: str
    form: str
    pick: Callable[[Forms, int | None], tuple[str, ...] | None]
    read: Callable[[Sequence[Tensor], tuple[int, int]], Found]
    preparation: InputPreparation
    nms_threshold: float | None = None
    max_detections: int | None = None
    default_size: tuple[int, int] | None = (640, 640)
    classes: Callable[[Forms], int | None] = lambda forms: None

    def __reduce__(self) -> tuple[Any, ...]:
        return find_decoder, (self.name,)


def _one_output(shape: Callable[[int | None], tuple[int | None, ...]], forms: Forms, classes: int | None) -> Any:
    """The first output of a shape that depends on the number of classes."""
    found = [form.name for form in forms if form.is_like(*shape(classes))]
    return tuple(found[:1]) or None


def _plus(classes: int | None, more: int) -> int | None:
    return None if classes is None else classes + more


def _column(axis: int, more: int, forms: Forms) -> int | None:
    """The number of classes that the length of an axis of the only output tells."""
    side = forms[0].shape[axis]
    return None if side is None else side - more


def _corners(boxes: Tensor) -> Tensor:
    """xyxy of centres, widths and heights."""
    centre, half = boxes[:, :2], boxes[:, 2:4] / 2
    return torch.cat([centre - half, centre + half], dim=1)


def _best_class(boxes: Tensor, classes: Tensor, objectness: Tensor | None = None) -> Found:
    """Each box with its best class; the score is its probability, times the objectness if there is one."""
    best, labels = classes.max(dim=1)
    found = {"boxes": boxes, "scores": best, "labels": labels, "class_scores": classes}
    return found if objectness is None else {**found, "scores": objectness * best, "objectness": objectness}


def _read_yolov5(outputs: Sequence[Tensor], size: tuple[int, int]) -> Found:
    rows = outputs[0]
    return _best_class(_corners(rows), rows[:, 5:], rows[:, 4])


def _read_yolov8(outputs: Sequence[Tensor], size: tuple[int, int]) -> Found:
    rows = outputs[0].T
    return _best_class(_corners(rows), rows[:, 4:])


def _read_yolo26(outputs: Sequence[Tensor], size: tuple[int, int]) -> Found:
    rows = outputs[0]
    # An export with NMS inside fills up with zeros.
    rows = rows[rows[:, 4] > 0]
    return {"boxes": rows[:, :4], "scores": rows[:, 4], "labels": rows[:, 5].round().long()}


STRIDES = ((8, 16, 32), (8, 16, 32, 64))
"""Those of a YOLO's levels, with and without a fourth."""


def cells_of(size: tuple[int, int], strides: Sequence[int]) -> int:
    """Return how many cells the levels of a network have together.

    Args:
        size: (height, width) of the input in pixels.
        strides: those of the levels.

    Returns:
        Their number.
    """
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def _read_yolox(outputs: Sequence[Tensor], size: tuple[int, int]) -> Found:
    rows = outputs[0]
    strides = next((one for one in STRIDES if cells_of(size, one) == len(rows)), None)
    if strides is None:
        raise ValueError(
            f"decode='yolox' expects a row for each cell of strides 8, 16, 32 (and 64), {cells_of(size, STRIDES[0])} "
            f"or {cells_of(size, STRIDES[1])} for an input of {size[1]}x{size[0]}; got {len(rows)}"
        )
    grid = []
    for stride in strides:
        y, x = torch.meshgrid(torch.arange(size[0] // stride), torch.arange(size[1] // stride), indexing="ij")
        grid.append(torch.stack([x, y, torch.full_like(x, stride)], dim=-1).reshape(-1, 3))
    cell = torch.cat(grid).to(rows)
    centre, sides = (rows[:, :2] + cell[:, :2]) * cell[:, 2:], rows[:, 2:4].exp() * cell[:, 2:]
    return _best_class(_corners(torch.cat([centre, sides], dim=1)), rows[:, 5:], rows[:, 4])


def _scaled(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """xyxy in input pixels of centres and sizes in 0..1."""
    return _corners(boxes) * boxes.new_tensor([size[1], size[0], size[1], size[0]])


def _read_detr(outputs: Sequence[Tensor], size: tuple[int, int]) -> Found:
    logits, boxes = outputs
    return _best_class(_scaled(boxes, size), logits.softmax(dim=1)[:, :-1])


def _read_pairs(least: int, outputs: Sequence[Tensor], size: tuple[int, int]) -> Found:
    """The best pairs of query and class, as many as queries and at least so many."""
    logits, boxes = outputs
    scores = logits.sigmoid()
    best, pair = scores.flatten().topk(min(max(len(scores), least), scores.numel()))
    queries, labels = pair // scores.shape[1], pair % scores.shape[1]
    return {
        "boxes": _scaled(boxes[queries], size),
        "scores": best,
        "labels": labels,
        "class_scores": scores[queries],
    }


def _read_ultralytics_rt_detr(outputs: Sequence[Tensor], size: tuple[int, int]) -> Found:
    rows = outputs[0]
    boxes, classes = _scaled(rows, size), rows[:, 4:]
    # With two classes both forms have six columns; probabilities are not all whole numbers.
    if classes.shape[1] == 2 and torch.equal(classes[:, 1], classes[:, 1].round()):
        return {"boxes": boxes, "scores": classes[:, 0], "labels": classes[:, 1].long()}
    return _best_class(boxes, classes)


def _read_d_fine(outputs: Sequence[Tensor], size: tuple[int, int]) -> Found:
    labels, boxes, scores = outputs
    return {"boxes": boxes, "scores": scores, "labels": labels}


def _logits_and_boxes(background: int, forms: Forms, classes: int | None) -> tuple[str, str] | None:
    """The output with a logit for each class (and for none of them), and the one with four numbers."""
    boxes = [form.name for form in forms if form.is_like(None, 4)]
    # Of two that may be boxes, as with four classes, the one that is called so, else the last.
    boxes.reverse()
    boxes.sort(key=lambda name: not ("box" in name.lower() or name == "dets"))
    logits = [form.name for form in forms if form.is_like(None, _plus(classes, background))]
    pairs = [(logit, box) for box in boxes for logit in logits if logit != box]
    return pairs[0] if pairs else None


def _pick_ultralytics_rt_detr(forms: Forms, classes: int | None) -> tuple[str] | None:
    sides = [6, _plus(classes, 4)]
    return next(((form.name,) for form in forms for side in sides if form.is_like(None, side)), None)


def _pick_d_fine(forms: Forms, classes: int | None) -> tuple[str, str, str] | None:
    labels = [form.name for form in forms if form.is_like(None, whole=True)]
    boxes = [form.name for form in forms if form.is_like(None, 4)]
    scores = [form.name for form in forms if form.is_like(None)]
    return (labels[0], boxes[0], scores[0]) if labels and boxes and scores else None


def _logits(background: int, forms: Forms) -> int | None:
    side = forms[0].shape[1]
    return None if side is None else side - background


_ULTRALYTICS = InputPreparation(fit="letterbox")
_YOLOX = InputPreparation(fit="corner", order="bgr", scale=255.0)
_IMAGENET = InputPreparation(fit="stretch", resampling="pillow", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
_UNIT = InputPreparation(fit="stretch", resampling="pillow")
_with_objectness = partial(_one_output, lambda classes: (None, _plus(classes, 5)))

_ALL = (
    Decoder(
        "yolov5",
        "[N, 5+C]: x, y, width, height in input pixels, objectness, class probabilities (YOLOv5, YOLOv7)",
        _with_objectness,
        _read_yolov5,
        _ULTRALYTICS,
        0.45,
        1000,
        classes=partial(_column, 1, 5),
    ),
    Decoder(
        "yolov8",
        "[4+C, N]: x, y, width, height in input pixels, class probabilities (Ultralytics' YOLOv8, 9, 11, 12, v5u)",
        partial(_one_output, lambda classes: (_plus(classes, 4), None)),
        _read_yolov8,
        _ULTRALYTICS,
        0.7,
        300,
        classes=partial(_column, 0, 4),
    ),
    Decoder(
        "yolo26",
        "[N, 6]: x1, y1, x2, y2 in input pixels, score, class (YOLO26, YOLOv10, exports with NMS inside)",
        partial(_one_output, lambda classes: (None, 6)),
        _read_yolo26,
        _ULTRALYTICS,
        None,
        300,
    ),
    Decoder(
        "yolox",
        "[N, 5+C]: x, y, log width, log height relative to the grid, objectness, class probabilities (YOLOX)",
        _with_objectness,
        _read_yolox,
        _YOLOX,
        0.65,
        100,
        classes=partial(_column, 1, 5),
    ),
    Decoder(
        "yolox-decoded",
        "as yolov5, of a YOLOX that was exported with --decode_in_inference",
        _with_objectness,
        _read_yolov5,
        _YOLOX,
        0.65,
        100,
        classes=partial(_column, 1, 5),
    ),
    Decoder(
        "detr",
        "logits [Q, C+1], the last for no object, and boxes [Q, 4], x, y, width, height in 0..1 (DETR, YOLOS, "
        "Table Transformer)",
        partial(_logits_and_boxes, 1),
        _read_detr,
        _IMAGENET,
        default_size=None,
        classes=partial(_logits, 1),
    ),
    Decoder(
        "deformable-detr",
        "logits [Q, C] and boxes [Q, 4] in 0..1 of a picture normalized by ImageNet's mean (Deformable and Conditional "
        "DETR, DAB-DETR, RF-DETR, LW-DETR)",
        partial(_logits_and_boxes, 0),
        partial(_read_pairs, 100),
        _IMAGENET,
        default_size=None,
        classes=partial(_logits, 0),
    ),
    Decoder(
        "rt-detr",
        "logits [Q, C] and boxes [Q, 4] in 0..1 of a picture in 0..1 (transformers' RT-DETR, D-FINE, DEIM)",
        partial(_logits_and_boxes, 0),
        partial(_read_pairs, 0),
        _UNIT,
        classes=partial(_logits, 0),
    ),
    Decoder(
        "ultralytics-rt-detr",
        "[Q, 6]: x, y, width, height in 0..1, score, class; from older versions [Q, 4+C] with class probabilities "
        "(Ultralytics' RT-DETR)",
        _pick_ultralytics_rt_detr,
        _read_ultralytics_rt_detr,
        InputPreparation(fit="stretch"),
        None,
        300,
    ),
    Decoder(
        "d-fine",
        "labels [Q], boxes [Q, 4] in input pixels and scores [Q], with an input orig_target_sizes (the official "
        "RT-DETR, D-FINE and DEIM)",
        _pick_d_fine,
        _read_d_fine,
        _UNIT,
    ),
)
DECODERS: Mapping[str, Decoder] = {decoder.name: decoder for decoder in _ALL}
"""The decoders by name."""
ALIASES = {
    **dict.fromkeys(("yolov7",), "yolov5"),
    **dict.fromkeys(("yolov9", "yolo11", "yolo12", "yolov5u"), "yolov8"),
    **dict.fromkeys(("yolov10", "yolov8-end2end", "end2end"), "yolo26"),
    **dict.fromkeys(("yolos", "table-transformer"), "detr"),
    **dict.fromkeys(("conditional-detr", "dab-detr", "rf-detr", "lw-detr"), "deformable-detr"),
    **dict.fromkeys(("deim",), "d-fine"),
}
"""Other names of the same layouts."""


def find_decoder(name: str) -> Decoder:
    """Return the decoder of a name.

    Args:
        name: one of ``DECODERS`` or ``ALIASES``.

    Returns:
        The decoder.

    Raises:
        TypeError: if it is no text.
        ValueError: for an unknown name; the message names the nearest.
    """
    if not isinstance(name, str):
        raise TypeError(
            "decode is the name of a decoder, or a function decode(outputs, input_size) -> boxes, scores, labels; got "
            f"{type(name).__name__}"
        )
    found = DECODERS.get(ALIASES.get(name, name))
    if found is None:
        near = nearest_names(name, [*DECODERS, *ALIASES])
        asked = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise ValueError(
            f"unknown decoder {name!r}; {asked}Known: {', '.join(DECODERS)}; of outputs of any other form hand in a "
            "function decode(outputs, input_size) -> boxes, scores, labels"
        )
    return found
