"""What torchvision's dense detectors (FCOS, RetinaNet, SSD) share: transform, backbone, anchors, batches, trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from detxai_nb.detectors.base import batches_of_one_shape, evaluating, gather_detections, to_tensor
from detxai_nb.detectors.dense.anchors import AnchorGrid
from detxai_nb.detectors.dense.backbone_layers import PYRAMID, OpenBackbone
from detxai_nb.detectors.dense.head import Branches, DenseHead, Rule, head_layers
from detxai_nb.detectors.dense.stages import NECK
from detxai_nb.detectors.dense.trace import ANCHOR_FIELDS, ORIGIN_FIELDS, OneStageTrace, PreparedPyramid
from detxai_nb.detectors.trace.budget import check_layer
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.image import FloatImage, ImageSource, as_images, load_image
from detxai_nb.module_use import exclusive
from detxai_nb.types import Detections

StatedStride = Callable[[tuple[int, int], int, Tensor], tuple[float, float]]
"""Returns the stride (y, x) of the map ``[...,h,w]`` with that number of an input of (height, width) pixels."""


@dataclass(frozen=True, eq=False)
class DenseOutput:
    """The raw outputs of a head for one image.

    Attributes:
        outputs: ``[M,K]`` for the M anchors of ``grid``, by torchvision's names ("cls_logits", "bbox_regression").
        grid: the anchors of the image.
        placement: how the image lies in the network's input.
    """

    outputs: Mapping[str, Tensor]
    grid: AnchorGrid
    placement: Placement


class DenseModule:
    """A torchvision-like dense detector: a module with ``transform``, ``backbone``, ``anchor_generator`` and ``head``.

    Args:
        module: the detector's module.
        anchored: whether a cell has several anchors, so that origins name one.
        chain: for ``OpenBackbone``.
        stride: returns the stride (y, x) of a level of the pyramid, for a detector that states it; None to measure it
            by the shapes that the backbone makes.
    """

    def __init__(
        self,
        module: Any,
        anchored: bool = True,
        chain: Mapping[str, nn.Module] | None = None,
        stride: StatedStride | None = None,
    ) -> None:
        self.module = module
        self.backbone = OpenBackbone(module.backbone, chain)
        self._anchored = anchored
        self._stride = stride

    @property
    def device(self) -> torch.device:
        """The device of the module's weights."""
        weight: Tensor = next(self.module.parameters())
        return weight.device

    def layers(self, branches: Branches) -> tuple[str, ...]:
        """Return the names of the layers that can be explained.

        They are the pyramid, the layers before it, and the activations of the head's branches.

        Args:
            branches: the head's branches.

        Returns:
            Their names, "neck" first.
        """
        return (NECK, *self.backbone.layers, *head_layers(branches))

    def prepare(self, pixels: Sequence[np.ndarray | FloatImage]) -> tuple[Tensor, Placement]:
        """Return images as the module's own transform makes them.

        Args:
            pixels: images of one shape, uint8 ``[H,W,3]`` or ``FloatImage``.

        Returns:
            The network's input ``[B,3,h,w]``, and how each image lies in it.
        """
        dtype = next(self.module.parameters()).dtype
        images, _ = self.module.transform([to_tensor(p, self.device, dtype) / 255 for p in pixels])
        rows, columns, *_ = pixels[0].shape
        height, width = images.tensors.shape[-2:]
        return images.tensors, Placement((rows, columns), tuple(images.image_sizes[0]), (height, width))

    def anchors(self, batch: Tensor, placement: Placement, pyramid: Sequence[Tensor]) -> AnchorGrid:
        """Return the anchors of one image of the batch.

        Args:
            batch: the network's input ``[B,3,H,W]``.
            placement: how each image lies in it.
            pyramid: the levels ``[B,C,h,w]``, the finest first.

        Returns:
            The anchors, the same for every image of the batch.
        """
        counts = self.module.anchor_generator.num_anchors_per_location()
        boxes = self.module.anchor_generator(ImageList(batch[:1], [placement.resized]), list(pyramid))[0]
        return AnchorGrid(boxes, tuple((*level.shape[-2:], count) for level, count in zip(pyramid, counts)))

    @torch.no_grad()
    def detect(self, images: Sequence[ImageSource], decode: Callable[[DenseOutput], Detections]) -> list[Detections]:
        """Run the detector on images and decode the outputs of its head.

        Args:
            images: anything that ``load_image`` reads, of any sizes.
            decode: returns the detections of one image from the head's outputs.

        Returns:
            The detections of each image.
        """
        pixels = as_images(images)
        found: list[Detections | None] = [None] * len(pixels)
        with evaluating(self.module):
            for rows in batches_of_one_shape([p.shape[:2] for p in pixels]):
                for row, output in zip(rows, self._outputs([pixels[row] for row in rows])):
                    found[row] = decode(output)
        return [d for d in found if d is not None]

    def _outputs(self, pixels: Sequence[np.ndarray | FloatImage]) -> Iterator[DenseOutput]:
        batch, placement = self.prepare(pixels)
        pyramid = self.backbone.pyramid(batch)
        outputs = self.module.head(list(pyramid))
        grid = self.anchors(batch, placement, pyramid)
        for i in range(len(batch)):
            yield DenseOutput({name: output[i] for name, output in outputs.items()}, grid, placement)

    @torch.no_grad()
    def output_of(self, trace: OneStageTrace) -> DenseOutput:
        """Return the raw outputs of the head for the image of an open trace, on the pyramid that it holds.

        Args:
            trace: of this module, at any layer.

        Returns:
            What ``detect`` decodes.
        """
        pyramid = [level[None] for level in trace.pyramid]
        outputs = self.module.head(pyramid)
        grid = self.anchors(trace.input, trace.placement, pyramid)
        return DenseOutput({name: output[0] for name, output in outputs.items()}, grid, trace.placement)

    def report(
        self,
        output: DenseOutput,
        boxes: Tensor,
        scores: Tensor,
        picked: tuple[Tensor, Tensor],
        names: tuple[str, ...],
        threshold: float,
        background: bool = False,
    ) -> Detections:
        """Return the detections of the picked anchors and classes.

        Args:
            output: the head's outputs for the image.
            boxes: ``[M,4]``, xyxy in input pixels, of every anchor.
            scores: ``[M,C]`` in 0..1, of every anchor and class.
            picked: anchor and class of each detection, int64 ``[n]`` each.
            names: the name of each class.
            threshold: the score threshold, for the record.
            background: whether the first class is the background; then it does not count for the highest score.

        Returns:
            Detections in pixels of the image, with class scores and origins.
        """
        anchor, label = picked
        fields = ANCHOR_FIELDS if self._anchored else ORIGIN_FIELDS
        return gather_detections(
            output.placement,
            boxes[anchor],
            scores[anchor, label],
            label,
            names,
            class_scores=scores[anchor],
            origins=output.grid.origins(anchor)[:, : len(fields)],
            origin_fields=fields,
            highest_score=float(scores[:, int(background) :].max()),
            score_threshold=threshold,
        )

    def trace(
        self,
        image: ImageSource,
        layer: str | None,
        branches: Branches,
        rule: Callable[[AnchorGrid], Rule],
        fixed: int = 0,
    ) -> OneStageTrace:
        """Run backbone and neck once and keep the pass open for explanation.

        Args:
            image: anything that ``load_image`` reads.
            layer: one of ``layers``; None means the pyramid.
            branches: the branches of the head, one set for each level or one for all.
            rule: returns the family's rule for the anchors of the image.
            fixed: on this many of the finest levels group normalisation treats its statistics as constants.

        Returns:
            The trace.

        Raises:
            ValueError: if the layer is unknown; the message lists the known ones.
        """
        layer = check_layer(layer, self.layers(branches))
        with evaluating(self.module), torch.no_grad():
            batch, placement = self.prepare([load_image(image)])
        return self._open(batch, placement, layer, branches, rule, fixed)

    @exclusive("module")
    @exact_mode
    def _open(
        self,
        batch: Tensor,
        placement: Placement,
        layer: str,
        branches: Branches,
        rule: Callable[[AnchorGrid], Rule],
        fixed: int,
    ) -> OneStageTrace:
        """The trace of an input ``[1,3,h,w]``."""
        stages = None
        with evaluating(self.module):
            if layer in self.backbone.layers:
                stages = self.backbone.open(layer, batch, self._strides)
                pyramid = [level.detach() for level in stages.pyramid]
            else:
                with torch.no_grad():
                    pyramid = self.backbone.pyramid(batch)
            grid = self.anchors(batch, placement, pyramid)
            strides = self._strides(PYRAMID, batch, pyramid)
        each = branches if len(branches) > 1 else list(branches) * len(pyramid)
        head = DenseHead(self.module.head, each, [x[0] for x in pyramid], rule(grid), layer, fixed)
        anchors = [extent[2] for extent in grid.extents] if self._anchored else None
        again = PreparedPyramid(
            batch,
            black=lambda: self.prepare([np.zeros((*placement.image_size, 3), dtype=np.uint8)])[0],
            reopen=lambda other: self._open(other, placement, layer, branches, rule, fixed),
            pyramid=self.backbone.pyramid,
            module=self.module,
        )
        return OneStageTrace(placement, layer, head.features, strides, head, stages, anchors, again)

    def _strides(self, what: str, batch: Tensor, maps: Sequence[Tensor]) -> Sequence[tuple[float, float]]:
        """The stride of each map of the backbone: as the detector states it, else measured."""
        if self._stride is None:
            return self.backbone.strides(what, batch, maps)
        height, width = batch.shape[2:]
        return [self._stride((height, width), number, grid) for number, grid in enumerate(maps)]
