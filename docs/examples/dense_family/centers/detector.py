"""The adapter of Centers: exact gradients of many predictions from small windows of the pyramid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from centers.network import STRIDES, Centers
from detxai_nb.detectors import Adapter, Entry, Family, resize_image
from detxai_nb.detectors.base import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    detecting,
    evaluating,
    gather_detections,
    to_tensor,
    tracing,
)
from detxai_nb.detectors.dense.branch import Branch
from detxai_nb.detectors.dense.head import DenseHead, head_layers
from detxai_nb.detectors.dense.stages import BACKBONE, NECK, open_stages
from detxai_nb.detectors.dense.trace import ORIGIN_FIELDS, OneStageTrace
from detxai_nb.detectors.trace.budget import check_layer
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.geometry import Placement
from detxai_nb.image import as_images, load_image
from detxai_nb.names import ClassNames, as_names
from detxai_nb.targets import class_values, sigmoid_scores
from detxai_nb.types import SIDES, Detections, Target


class CentersRule:
    """The explained scalars: a class's score or the difference of two, and the distance to each side in strides."""

    def needs(self, target: Target) -> tuple[str, ...]:
        """The branches of the head that the target is made of."""
        return ("box",) if target.part in SIDES else ("class",)

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The scalars ``[n]`` from the branches' outputs ``[n,K]`` at the cells ``at`` ``[n,2]``."""
        if target.part in SIDES:
            return outputs["box"][:, SIDES.index(target.part)].exp()
        scores = sigmoid_scores(outputs["class"], target.score)
        return class_values(lambda classes: scores.gather(1, classes[:, None])[:, 0], labels, target)


class CentersDetector(Adapter):
    """A Centers network opened for explanation; the whole image is resized to ``input_size`` (height, width)."""

    family = "centers"

    def __init__(
        self,
        module: Centers,
        names: ClassNames,
        *,
        input_size: tuple[int, int] = (256, 256),
        nms_threshold: float = 0.6,
        max_detections: int = 100,
    ) -> None:
        if not isinstance(module, Centers):
            raise TypeError(f"family 'centers' expects a Centers network, got {type(module).__name__}")
        if input_size[0] % 16 or input_size[1] % 16:
            raise ValueError(f"input_size is (height, width) in multiples of 16, got {input_size}")
        self.module = module
        self.names = as_names(names, module.classes, owner="this Centers")
        self.input_size = input_size
        self.nms_threshold = nms_threshold
        self.max_detections = max_detections

    @property
    def layers(self) -> tuple[str, ...]:
        """The pyramid, the backbone's stages, the activations of the head's towers."""
        return (NECK, BACKBONE, *(f"{BACKBONE}.{name}" for name in STRIDES), *head_layers([self._branches()]))

    @detecting
    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        """The best class of each cell with a probability >= ``score_threshold``, after class-wise suppression."""
        found = []
        with evaluating(self.module):
            for image in as_images(images):
                batch, placement = self._prepare(image)
                found.append(self._decode(self.module(batch), placement, score_threshold))
        return found

    @tracing
    def trace(self, image: Any, layer: str | None = None) -> OneStageTrace:
        """One forward pass of backbone and neck, kept open. ``layer``: one of ``layers``."""
        layer = check_layer(layer, self.layers)
        strides = {name: (float(stride), float(stride)) for name, stride in STRIDES.items()}
        with evaluating(self.module), torch.no_grad():
            batch, placement = self._prepare(image)
            stages = self.module.backbone(batch)
            opened = open_stages(layer, stages, strides, self.module.neck) if layer.startswith(BACKBONE) else None
            pyramid = self.module.neck(stages) if opened is None else opened.pyramid
        levels = [x[0].detach() for x in pyramid]
        head = DenseHead(self.module.head, [self._branches()] * len(levels), levels, CentersRule(), layer)
        return OneStageTrace(placement, layer, head.features, list(strides.values()), head, opened)

    def _branches(self) -> dict[str, Branch]:
        head = self.module.head
        return {
            "class": Branch.of(head.class_tower, [head.class_logits]),
            "box": Branch.of(head.box_tower, [head.distances]),
        }

    def _prepare(self, image: Any) -> tuple[Tensor, Placement]:
        dtype = next(self.module.parameters()).dtype
        pixels = to_tensor(load_image(image), self.device, dtype)
        return resize_image(pixels, self.input_size, IMAGENET_MEAN, IMAGENET_STD)

    def _decode(self, outputs: Sequence[tuple[Tensor, Tensor]], placement: Placement, threshold: float) -> Detections:
        scores = torch.cat([logits[0].flatten(1).T for logits, _ in outputs]).sigmoid()
        distances = torch.cat([box[0].flatten(1).T for _, box in outputs]).exp()
        origins = torch.cat([_cells(number, logits) for number, (logits, _) in enumerate(outputs)])
        stride = scores.new_tensor(list(STRIDES.values()))[origins[:, 0], None]
        centre = origins[:, [2, 1]] + 0.5
        boxes = torch.cat([centre - distances[:, :2], centre + distances[:, 2:]], dim=1) * stride
        best, label = scores.max(dim=1)
        rows = (best >= threshold).nonzero()[:, 0]
        rows = rows[batched_nms(boxes[rows], best[rows], label[rows], self.nms_threshold)[: self.max_detections]]
        return gather_detections(
            placement,
            boxes[rows],
            best[rows],
            label[rows],
            self.names,
            class_scores=scores[rows],
            origins=origins[rows],
            origin_fields=ORIGIN_FIELDS,
            highest_score=float(best.max()),
            score_threshold=threshold,
        )


def _cells(level: int, grid: Tensor) -> Tensor:
    """Level, row and column of every cell of a map ``[B,C,h,w]``, row by row."""
    height, width = grid.shape[2:]
    cell = torch.arange(height * width, device=grid.device)
    return torch.stack([torch.full_like(cell, level), cell // width, cell % width], dim=1)


def _build(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> CentersDetector:
    if weights is None or names is None:
        raise ValueError("centers-small needs weights='path' of a state dict and names=[...] of its classes")
    module = Centers(len(names))
    fit_weights(module, read_weights(weights), "centers-small")
    return CentersDetector(module, names, **settings)


FAMILY = Family(
    name="centers",
    adapter=CentersDetector,
    entries=(
        Entry(
            "centers-small", "centers", "your file: weights='...', names=[...]", "small anchor-free detector", _build
        ),
    ),
    stage_patterns=(
        ("outputs", r"head\.(class_logits|distances)\b"),
        ("head", r"head\."),
        ("neck", r"laterals\."),
    ),
)
