"""Faults as adapters have them, planted into detectors of three families, and the check that has to find each."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import box_convert

import detxai_nb as dx
from detxai_nb.image import load_image
from detxai_nb.types import Detections
from detxai_nb.windows import GradientChunk

FAMILIES = ("tiny-fcos", "tiny-faster-rcnn", "tiny-detr")


@functools.cache
def healthy(name: str) -> Any:
    """A bundled detector on the CPU."""
    return dx.load_detector(name, device="cpu")


class Changed:
    """A detector around another one, which changes what that is handed, what it answers, or its trace."""

    def __init__(
        self,
        own: Any,
        *,
        see: Callable[[np.ndarray], np.ndarray] = lambda image: image,
        answer: Callable[[Detections, np.ndarray], Detections] = lambda found, image: found,
        trace: Callable[[Any, np.ndarray], Any] = lambda trace, image: trace,
        names: Sequence[str] | None = None,
    ) -> None:
        self.own, self._see, self._answer, self._trace = own, see, answer, trace
        self.names = own.names if names is None else tuple(names)
        self.device, self.layers = own.device, own.layers

    def __getattr__(self, name: str) -> Any:
        if name == "own":
            raise AttributeError(name)
        return getattr(self.own, name)

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        """What the other one finds, changed; thresholds apply to the changed scores."""
        pixels = [np.asarray(load_image(image)) for image in images]
        answers = self.own.detect([self._see(image) for image in pixels], 0.0)
        found = [replace(self._answer(one, image), names=self.names) for one, image in zip(answers, pixels)]
        return [one[one.scores >= score_threshold] for one in found]

    def trace(self, image: Any, layer: str | None = None) -> Any:
        """The trace of the other one, changed."""
        pixels = np.asarray(load_image(image))
        return self._trace(self.own.trace(self._see(pixels), layer), pixels)


def bgr(name: str) -> Any:
    """Red for blue."""
    return Changed(healthy(name), see=lambda image: np.ascontiguousarray(image[..., ::-1]))


def not_normalised(name: str) -> Any:
    """Values in 0..1, mean and standard deviation left out."""
    if name == "tiny-detr":
        return dx.load_detector(name, device="cpu", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    own = copy.deepcopy(healthy(name))
    own.module.transform.image_mean, own.module.transform.image_std = [0.0] * 3, [1.0] * 3
    return own


def _boxes(name: str, change: Callable[[Tensor, np.ndarray], Tensor]) -> Any:
    def answer(found: Detections, image: np.ndarray) -> Detections:
        return replace(found, boxes=change(found.boxes, image), found_boxes=None)

    return Changed(healthy(name), answer=answer)


def input_boxes(name: str) -> Any:
    """Boxes in pixels of the network's input."""

    @functools.cache
    def placement(size: tuple[int, int]) -> Any:
        return healthy(name).trace(np.zeros((*size, 3), np.uint8)).placement

    return _boxes(name, lambda boxes, image: placement(image.shape[:2]).boxes_to_input(boxes))


def centre_boxes(name: str) -> Any:
    """Boxes as centre and size."""
    return _boxes(name, lambda boxes, _: box_convert(boxes, "xyxy", "cxcywh"))


def size_boxes(name: str) -> Any:
    """Boxes as corner and size."""
    return _boxes(name, lambda boxes, _: box_convert(boxes, "xyxy", "xywh"))


def unit_boxes(name: str) -> Any:
    """Boxes in 0..1."""
    return _boxes(name, lambda boxes, image: boxes / boxes.new_tensor([image.shape[1], image.shape[0]] * 2))


def shifted_names(name: str) -> Any:
    """Names counted from another class than labels."""
    names = healthy(name).names
    return Changed(healthy(name), names=[*names[-1:], *names[:-1]])


def _scores(name: str, change: Callable[[Tensor], Tensor]) -> Any:
    """Class scores changed, and the scores of each detection's class with them."""

    def answer(found: Detections, _: np.ndarray) -> Detections:
        if found.class_scores is None:
            raise AssertionError("the bundled detectors report class scores")
        classes = change(found.class_scores)
        scores = classes.gather(1, found.labels[:, None])[:, 0]
        order = scores.argsort(descending=True, stable=True)
        return replace(found, scores=scores, class_scores=classes)[order]

    return Changed(healthy(name), answer=answer)


def sigmoid_twice(name: str) -> Any:
    """The sigmoid of probabilities."""
    return _scores(name, torch.sigmoid)


def softmax_twice(name: str) -> Any:
    """The softmax of probabilities."""
    return _scores(name, lambda classes: classes.softmax(1))


def logits(name: str) -> Any:
    """Logits for scores."""
    return _scores(name, lambda classes: classes.clamp(1e-6, 1 - 1e-6).logit())


def _backbone(module: nn.Module) -> nn.Module:
    return next(part for path, part in module.named_modules() if path.endswith(("backbone", "backbone.body")))


def dropout(name: str) -> Any:
    """Functional dropout that nobody switched off."""
    own = copy.deepcopy(healthy(name))
    norm = next(part for part in own.module.modules() if isinstance(part, nn.BatchNorm2d))
    norm.register_forward_hook(lambda part, args, output: F.dropout(output, 0.1, training=True))
    return own


def training_norms(name: str) -> Any:
    """Batch norms in training mode."""
    own = copy.deepcopy(healthy(name))

    def train(part: nn.Module, _: Any) -> None:
        part.training = True

    for part in own.module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.register_forward_pre_hook(train)
    return own


def half_precision(name: str) -> Any:
    """A backbone under autocast, with an output that is float32 again."""
    own = copy.deepcopy(healthy(name))
    part = next(part for part in own.module.modules() if isinstance(part, nn.Sequential) and len(part) > 1)
    forward = part.forward

    def in_half(*args: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return forward(*args).float()

    part.forward = in_half  # type: ignore[method-assign]
    return own


def _with_score(name: str, change: Callable[[Tensor], Tensor]) -> Any:
    """The same module through ``wrap_module``, with a function on the score that is explained."""
    own = healthy(name)
    if name == "tiny-detr":

        def predict_queries(module: nn.Module, image: np.ndarray) -> Any:
            batch, _ = own._prepare([image])
            found = module(pixel_values=batch)
            scores, labels = found.logits[0].sigmoid().max(dim=1)
            scale = torch.tensor([image.shape[1], image.shape[0]] * 2)
            boxes = box_convert(found.pred_boxes[0], "cxcywh", "xyxy") * scale
            return boxes.detach(), scores.detach(), labels, range(len(scores))

        def score_of_query(outputs: Any, origin: int, label: int) -> Tensor:
            return change(outputs.logits[0, origin, label].sigmoid())

        layer = {"backbone": "model.backbone"}
        return dx.wrap_module(
            own.module, predict=predict_queries, score=score_of_query, layer=layer, names=own.names, fixed_origins=True
        )

    def predict(module: nn.Module, image: np.ndarray) -> Any:
        found = module([torch.from_numpy(image).permute(2, 0, 1) / 255])[0]
        return found["boxes"].detach(), found["scores"].detach(), found["labels"], range(len(found["scores"]))

    def score(outputs: Any, origin: int, label: int) -> Tensor:
        return change(outputs[0]["scores"][origin])

    return dx.wrap_module(own.module, predict=predict, score=score, layer="backbone", names=own.names)


def own_module(name: str) -> Any:
    """The same module through ``wrap_module``, without a fault."""
    return _with_score(name, lambda score: score)


def stopped_gradient(name: str) -> Any:
    """A half of the score's graph is cut."""
    return _with_score(name, lambda score: score.detach() / 2 + score / 2)


def detached(name: str) -> Any:
    """The score has no graph."""
    return _with_score(name, lambda score: score.detach() + 0 * score)


class _Trace:
    """A trace around another one, with other grids and gradients on whole levels."""

    products = property()

    def __init__(self, own: Any, change: Callable[[Tensor], Tensor], cells: tuple[int, int] = (0, 0)) -> None:
        self.own, self._change = own, change
        self.placement, self.layer = own.placement, own.layer
        self.levels = tuple(
            replace(
                level,
                features=change(level.features),
                shift=tuple(begin + n * stride for begin, n, stride in zip(level.shift, cells, level.stride)),
            )
            for level in own.levels
        )

    def __getattr__(self, name: str) -> Any:
        if name in ("own", "products"):
            raise AttributeError(name)
        return getattr(self.own, name)

    def chunks(self, detections: Detections, target: Any) -> Any:
        """Gradients of the other trace, changed."""
        for level, rows, gradient in self.own.gradients(detections, target):
            yield GradientChunk(level, rows, self._change(gradient), shift=self.levels[level].shift)


def shifted_maps(name: str) -> Any:
    """Maps three cells too far down and two to the right."""
    return Changed(healthy(name), trace=lambda trace, _: _Trace(trace, lambda grid: grid, (3, 2)))


def mirrored_maps(name: str) -> Any:
    """Maps turned left to right."""
    return Changed(healthy(name), trace=lambda trace, _: _Trace(trace, lambda grid: grid.flip(-1)))


class _Edges(_Trace):
    """A trace whose grids are the picture's edges, with gradients of 1."""

    def __init__(self, own: Any, image: np.ndarray) -> None:
        super().__init__(own, lambda grid: grid)
        grey = torch.from_numpy(image).float().mean(2)
        edges = F.pad((grey.diff(dim=0)[:, 1:].abs() + grey.diff(dim=1)[1:].abs()), (1, 0, 1, 0))[None, None]
        self.levels = tuple(
            replace(level, features=F.interpolate(edges, level.features.shape[1:], mode="area")[0].contiguous())
            for level in self.levels
        )

    def chunks(self, detections: Detections, target: Any) -> Any:
        """Ones on the level of each detection."""
        for level, rows, gradient in self.own.gradients(detections, target):
            yield GradientChunk(level, rows, torch.ones_like(gradient[:, :1]))


def maps_of_edges(name: str) -> Any:
    """Maps that show the picture's edges whatever the weights are."""
    layer = "encoder" if name == "tiny-detr" else "neck"
    own = healthy(name)
    layer = layer if layer in own.layers else own.layers[0]
    return Changed(own, trace=lambda trace, image: _Edges(trace, image))


@dataclass(frozen=True)
class Fault:
    """A planted fault.

    Attributes:
        plant: makes a detector with the fault from the name of a bundled one.
        check: the check that has to find it.
        told: what the doctor is told besides the pictures: "", "expected" or "samples".
    """

    plant: Callable[[str], Any]
    check: str
    told: str = ""


FAULTS = {
    "bgr": Fault(bgr, "colours", "expected"),
    "not normalised": Fault(not_normalised, "normalisation"),
    "boxes in input pixels": Fault(input_boxes, "boxes"),
    "boxes as centre and size": Fault(centre_boxes, "boxes"),
    "boxes as corner and size": Fault(size_boxes, "boxes"),
    "boxes in 0..1": Fault(unit_boxes, "boxes"),
    "names shifted": Fault(shifted_names, "names", "samples"),
    "sigmoid twice": Fault(sigmoid_twice, "scores"),
    "softmax twice": Fault(softmax_twice, "scores"),
    "logits": Fault(logits, "scores"),
    "dropout": Fault(dropout, "repeatable"),
    "norms in training mode": Fault(training_norms, "repeatable"),
    "half precision": Fault(half_precision, "precision"),
    "gradient halved": Fault(stopped_gradient, "gradient"),
    "score detached": Fault(detached, "maps"),
    "maps shifted": Fault(shifted_maps, "place"),
    "maps mirrored": Fault(mirrored_maps, "place"),
    "maps of edges": Fault(maps_of_edges, "weights"),
}


def examined(name: str, fault: str, samples: Sequence[Any], checks: Any = None) -> dx.doctor.DoctorReport:
    """The report on a detector with a fault.

    Args:
        name: one of ``FAMILIES``.
        fault: one of ``FAULTS``.
        samples: annotated scenes.
        checks: as ``dx.doctor`` takes them.
    """
    planted = FAULTS[fault]
    pictures = [sample.image for sample in samples]
    expected = healthy(name).detect(pictures, 0.3) if planted.told == "expected" else None
    given = list(samples) if planted.told == "samples" else pictures
    return dx.doctor(planted.plant(name), given, expected=expected, checks=checks)
