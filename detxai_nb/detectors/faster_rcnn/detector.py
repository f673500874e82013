"""The Faster R-CNN adapter: torchvision's on any backbone, with masks or keypoints too, and the bundled one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign, clip_boxes_to_image, remove_small_boxes
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool, LastLevelP6P7

from detxai_nb.capabilities import RERUN
from detxai_nb.detectors.base import (
    Adapter,
    batches_of_one_shape,
    detecting,
    evaluating,
    gather_detections,
    to_tensor,
    tracing,
)
from detxai_nb.detectors.dense.backbone_layers import BEFORE, Place, capture_parts, pyramid_above
from detxai_nb.detectors.dense.stages import BACKBONE, NECK
from detxai_nb.detectors.dense.trace import ANCHOR_FIELDS
from detxai_nb.detectors.faster_rcnn.layers import BeforeNeck, BeforePyramid, LayerBelow, PooledMaps
from detxai_nb.detectors.faster_rcnn.pooling import Pooling, with_scales
from detxai_nb.detectors.faster_rcnn.proposals import AnchorProposals, propose
from detxai_nb.detectors.faster_rcnn.pyramid_transpose import PyramidTranspose, is_linear
from detxai_nb.detectors.faster_rcnn.trace import ROI, PreparedRegions, RoiTrace
from detxai_nb.detectors.trace.budget import check_layer
from detxai_nb.detectors.trace.candidates import Suppressing, survivors
from detxai_nb.detectors.trace.strides import measure_strides
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement, sampler_shift
from detxai_nb.image import ImageSource, as_images, load_image
from detxai_nb.module_use import alone, exclusive
from detxai_nb.names import BACKGROUND, ClassNames, as_names
from detxai_nb.types import Detections, Level

_MIN_SIDE = 1e-2
"""torchvision drops boxes with a side shorter than this, in input pixels."""
_ADDED_LEVELS = {LastLevelMaxPool: {"pool"}, LastLevelP6P7: {"p6", "p7"}}
"""Names of the levels that torchvision's pyramid adds to those of the stages."""


class FasterRcnnDetector(Suppressing, Adapter):
    """A white-box adapter for torchvision's Faster R-CNN.

    The module is used as it is, in evaluation mode, and never changed. A detection's origin is the anchor that its
    proposal came from.

    Grids are drawn where RoIAlign reads them. It reads cell ``i`` of a pyramid map of stride ``s`` at input coordinate
    ``i * s``, so the maps of "neck" begin half a cell before the input, and so do those of the layers before the
    pyramid, which keeps cells in their places: they all begin half a cell OF THE POOLED MAP before it (one cell of a
    coarser stage is copied into several of a finer pyramid level). "roi" lies in the region itself.

    Args:
        module: a ``torchvision.models.detection.FasterRCNN`` with any backbone. Mask R-CNN and Keypoint R-CNN are
            subclasses of it: their boxes are found and explained, and the branches beside them never run.
        names: a name for each class output, the background first (torchvision's COCO models have 91 outputs). The
            background is never reported.
        nms_threshold: IoU above which class-wise NMS drops a box; by default the module's own.
        max_detections: the largest number of detections in an image; by default the module's own.

    Raises:
        TypeError: if the module is no ``FasterRCNN`` or its box pooling no ``MultiScaleRoIAlign``.
        ValueError: if the number of names differs from that of class outputs.
    """

    family = "faster_rcnn"
    side_unit = "input pixels"
    offers = ("regions", RERUN)

    def __init__(
        self,
        module: FasterRCNN,
        names: ClassNames,
        *,
        nms_threshold: float | None = None,
        max_detections: int | None = None,
    ) -> None:
        if not isinstance(module, FasterRCNN):
            raise TypeError(
                f"family 'faster_rcnn' expects a torchvision FasterRCNN module, got {type(module).__name__}"
            )
        heads = module.roi_heads
        if not isinstance(heads.box_roi_pool, MultiScaleRoIAlign):
            raise TypeError(
                "family 'faster_rcnn' expects a MultiScaleRoIAlign as roi_heads.box_roi_pool, "
                f"got {type(heads.box_roi_pool).__name__}"
            )
        outputs = _class_outputs(heads.box_predictor)
        self.module = module
        self.names = as_names(names, outputs, owner="this Faster R-CNN", zero=BACKGROUND)
        self.nms_threshold = heads.nms_thresh if nms_threshold is None else nms_threshold
        self.max_detections = heads.detections_per_img if max_detections is None else max_detections
        self._held: dict[tuple[int, ...], Tensor] = {}

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that can be explained.

        "neck": the map that each prediction's region is pooled from. "roi": the pooled region itself. With a feature
        pyramid also "backbone" (the stage of the same stride) and each stage by its name; with torchvision's own
        pyramid also "neck.before", its lateral outputs before the top-down sum.
        """
        stages = self._stage_keys()
        before = (BEFORE,) if stages and self._transposable() else ()
        return (NECK, *before, ROI, *((BACKBONE,) if stages else ()), *(f"{BACKBONE}.{name}" for name in stages))

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Detect objects with the module's own post-processing.

        Args:
            images: pictures in any form that ``load_image`` reads, of any sizes.
            score_threshold: the lowest class probability that is reported, in 0..1.

        Returns:
            The detections of each image after class-wise NMS, boxes xyxy in its own pixels.
        """
        pixels = as_images(images)
        found: list[Detections | None] = [None] * len(pixels)
        with evaluating(self.module):
            for rows in batches_of_one_shape([p.shape[:2] for p in pixels]):
                batch, placement = self._prepare([pixels[row] for row in rows])
                pyramid = _by_name(self.module.backbone(batch))
                for row, detections in zip(rows, self._decode(batch, placement, score_threshold, pyramid)):
                    found[row] = detections
        return [d for d in found if d is not None]

    @tracing
    @torch.no_grad()
    def trace(self, image: ImageSource, layer: str | None = None) -> RoiTrace:
        """Run backbone and neck on an image once and keep the result open for gradients.

        The proposal network and the box head run later, and only on the predictions that are explained.

        Args:
            image: a picture in any form that ``load_image`` reads.
            layer: one of ``layers``; by default the first.

        Returns:
            The trace of this image.

        Raises:
            ValueError: if there is no such layer.
        """
        layer = check_layer(layer, self.layers)
        batch, placement = self._prepare([load_image(image)])
        return self._open_trace(batch, placement, layer)

    @exclusive("module")
    @exact_mode
    @torch.no_grad()
    def _open_trace(
        self, batch: Tensor, placement: Placement, layer: str, proposals: AnchorProposals | None = None
    ) -> RoiTrace:
        """The trace of an input ``[1,3,h,w]``, with proposals of its own or those of another input."""
        with evaluating(self.module):
            if layer in (NECK, ROI):
                pyramid = _by_name(self.module.backbone(batch))
                pooling = Pooling(self._pool(batch, pyramid), pyramid, placement.resized)
                levels = (
                    Level(f"{NECK}.{key}", x[0], stride, shift=sampler_shift(stride))
                    for (key, x), stride in zip(pooling.features.items(), pooling.strides)
                )
                below: LayerBelow | None = PooledMaps(tuple(levels)) if layer == NECK else None
            else:
                pyramid, pooling, below = self._before_neck(layer, batch, placement)
        maps = list(pyramid.values())
        if proposals is None:
            images = ImageList(batch, [placement.resized])
            proposals = AnchorProposals(self.module.rpn, images, maps, placement.resized, self._held)
        chosen, size = proposals, placement.image_size
        again = PreparedRegions(
            batch,
            black=lambda: self._prepare([np.zeros((*size, 3), dtype=np.uint8)])[0],
            reopen=lambda other: self._open_trace(other, placement, layer, chosen),
            pyramid=lambda inputs: _by_name(self.module.backbone(inputs)),
            above=self._above(batch),
            levels={name: level.detach() for name, level in pyramid.items()},
        )
        return RoiTrace(placement, layer, self.module, proposals, pooling, below, again)

    @contextmanager
    def holding(self, image: ImageSource, detections: Detections) -> Iterator[None]:
        """Hold the proposals of these detections fixed in every trace of this image inside a ``with`` block.

        Proposals are computed from the weights. With them held, the same regions are explained while the weights
        change, as in a sanity check by randomization. After the block they are computed again.

        Args:
            image: the picture that the detections are of.
            detections: what this detector's ``detect`` returned for it.
        """
        before = self._held
        regions = self.trace(image).regions(detections)
        boxes = torch.cat([part.proposals for part in regions]) if len(detections) else detections.boxes
        origins = [] if detections.origins is None else detections.origins.tolist()
        try:
            self._held = dict(zip(map(tuple, origins), boxes.detach().clone()))
            yield
        finally:
            self._held = before

    def _prepare(self, pixels: Sequence[Any]) -> tuple[Tensor, Placement]:
        """Images of one shape after the module's own transform, ``[B,3,h,w]``."""
        dtype = next(self.module.parameters()).dtype
        images, _ = self.module.transform([to_tensor(p, self.device, dtype) / 255 for p in pixels])
        height, width = images.tensors.shape[-2:]
        return images.tensors, Placement(tuple(pixels[0].shape[:2]), tuple(images.image_sizes[0]), (height, width))

    def _stage_keys(self) -> dict[str, str]:
        """The backbone's stages, each with the key of its output; empty if it has no body or no pyramid."""
        backbone = self.module.backbone
        if not hasattr(backbone, "body") or not hasattr(backbone, "fpn"):
            return {}
        return dict(getattr(backbone.body, "return_layers", {}))

    def _transposable(self) -> bool:
        """Whether the backbone ends in torchvision's own pyramid and no level that it adds to the stages' is pooled."""
        fpn, pooled = self.module.backbone.fpn, self.module.roi_heads.box_roi_pool.featmap_names
        alone = {name for name, _ in self.module.backbone.named_children()} == {"body", "fpn"}
        if not alone or not is_linear(fpn):
            return False
        extra = fpn.extra_blocks
        return extra is None or (type(extra) in _ADDED_LEVELS and not _ADDED_LEVELS[type(extra)].intersection(pooled))

    def _before_neck(
        self, layer: str, batch: Tensor, placement: Placement
    ) -> tuple[dict[str, Tensor], Pooling, LayerBelow]:
        """The pyramid, its pooling, and a layer before the pyramid."""
        if self._transposable():
            fpn, body = self.module.backbone.fpn, self.module.backbone.body(batch)
            pyramid = fpn(body)
            pooling = Pooling(self._pool(batch, pyramid), pyramid, placement.resized)
            numbers = [list(body).index(key) for key in pooling.features]
            transpose, stages = PyramidTranspose(fpn, list(body.values())), self._stages(batch, body)
            return pyramid, pooling, BeforePyramid(layer, transpose, stages, numbers, pooling.strides)
        leaves, opened = self._open(batch)
        pyramid = {key: x.detach() for key, x in opened.items()}
        pooling = Pooling(self._pool(batch, pyramid), pyramid, placement.resized)
        pooled = [opened[key] for key in pooling.features]
        stages = self._stages(batch, leaves)
        return pyramid, pooling, BeforeNeck(layer, stages, list(leaves.values()), pooled, pooling.strides)

    def _above(self, batch: Tensor) -> Callable[[str, Tensor], dict[str, Tensor]]:
        """A function that computes the pyramid again for other versions of a stage or lateral output, by its name."""
        backbone = self.module.backbone
        places: dict[str, Place] = {f"{BACKBONE}.{name}": (backbone.body, key) for key, name in self._keys().items()}
        if places and self._transposable():
            places |= {f"{BEFORE}.{i}": (block, None) for i, block in enumerate(backbone.fpn.inner_blocks)}
        names: list[str] = []

        def run(inputs: Tensor) -> list[Tensor]:
            found = _by_name(backbone(inputs))
            names[:] = found
            return list(found.values())

        above = pyramid_above(backbone, run, batch, places)

        def by_name(name: str, maps: Tensor) -> dict[str, Tensor]:
            levels = above(name, maps)
            return dict(zip(names, levels))

        return by_name

    def _keys(self) -> dict[str, str]:
        """The stages' names by the keys of the body's outputs."""
        return {key: name for name, key in self._stage_keys().items()}

    def _pool(self, batch: Tensor, pyramid: Mapping[str, Tensor]) -> MultiScaleRoIAlign:
        """A copy of the pooling with the scales of the network itself.

        torchvision's module guesses them from the first picture that it ever sees (padded height over height), and
        remembers them: a very wide picture gets others, and all pictures after it. Here they are those that it guesses
        without padding, from the strides that the backbone has for any picture.
        """
        backbone, pool = self.module.backbone, copy(self.module.roi_heads.box_roi_pool)
        maps = {name: x for name, x in pyramid.items() if name in pool.featmap_names}
        if not maps:
            return pool  # Pooling says what is missing.
        strides = measure_strides(backbone, "pooled", lambda blank: _by_name(backbone(blank)), batch, maps)
        return with_scales(pool, [stride[0] for stride in strides.values()])

    def _stages(self, batch: Tensor, maps: Mapping[str, Tensor]) -> list[Level]:
        """The backbone's stages ``[1,C,h,w]``, by the keys of the body's outputs, as levels."""
        body, names = self.module.backbone.body, self._keys()
        strides = measure_strides(self.module.backbone, "stages", lambda blank: body(blank), batch, maps)
        return [Level(f"{BACKBONE}.{names[key]}", x.detach()[0], strides[key]) for key, x in maps.items()]

    def _open(self, batch: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The body's maps as leaves, and the backbone's outputs computed from them with a graph."""
        keys: list[str] = []

        def run() -> list[Tensor]:
            found = _by_name(self.module.backbone(batch))
            keys.extend(found)
            return list(found.values())

        leaves, opened = capture_parts(run, {"": self.module.backbone.body})
        return leaves, dict(zip(keys, opened))

    def proposals(self, trace: RoiTrace) -> Tensor:
        """Return the region proposals of the image of an open trace: all that the box head looks at.

        Args:
            trace: an open pass of this detector, at any layer.

        Returns:
            ``[P,4]``, xyxy in pixels of the image, clipped to it, the highest objectness first.

        Raises:
            ValueError: if the trace is of another detector.
        """
        module: Any = self.module
        if getattr(trace, "network", None) is not module:
            raise ValueError(f"expected what trace(image) of this {type(self).__name__} returns, got another's")
        size, rpn = trace.placement.resized, self.module.rpn

        def run() -> Tensor:
            images = ImageList(trace.input, [size])
            boxes, _ = next(propose(rpn, images, list(trace.pyramid.values()), size))
            return trace.placement.boxes_to_image(boxes, clip=True)

        found: Tensor = alone(module, exact_mode(torch.no_grad()(run)))
        return found

    def _decode_trace(self, trace: RoiTrace, threshold: float) -> Detections:
        return next(self._decode(trace.input, trace.placement, threshold, trace.pyramid))

    def _decode(
        self, batch: Tensor, placement: Placement, threshold: float, pyramid: dict[str, Tensor]
    ) -> Iterator[Detections]:
        """Apply the module's own post-processing and keep the anchor that each detection came from."""
        heads, size = self.module.roi_heads, placement.resized
        images = ImageList(batch, [size] * len(batch))
        proposals, origins = zip(*propose(self.module.rpn, images, list(pyramid.values()), size))
        pooled = self._pool(batch, pyramid)(pyramid, list(proposals), images.image_sizes)
        logits, deltas = heads.box_predictor(heads.box_head(pooled))
        counts = [len(p) for p in proposals]
        scores = logits.softmax(dim=1)
        boxes = clip_boxes_to_image(heads.box_coder.decode(deltas, list(proposals)).reshape(*scores.shape, 4), size)
        for i, (own_boxes, own_scores) in enumerate(zip(boxes.split(counts), scores.split(counts))):
            region, label = self._kept(own_boxes, own_scores, threshold)
            yield gather_detections(
                placement,
                own_boxes[region, label],
                own_scores[region, label],
                label,
                self.names,
                class_scores=own_scores[region],
                origins=origins[i][region],
                origin_fields=ANCHOR_FIELDS,
                highest_score=float(own_scores[:, 1:].max()) if own_scores.numel() else 0.0,
                score_threshold=threshold,
            )

    def _kept(self, boxes: Tensor, scores: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Region and class of the reported detections, out of boxes ``[P,K,4]`` and scores ``[P,K]``."""
        region, label = (scores[:, 1:] >= threshold).nonzero().unbind(1)
        label = label + 1
        keep = remove_small_boxes(boxes[region, label], _MIN_SIDE)
        region, label = region[keep], label[keep]
        found = (boxes[region, label], scores[region, label], label)
        keep = survivors(*found, self.nms_threshold, self.max_detections)
        return region[keep], label[keep]


def _by_name(features: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A backbone's outputs by name; a single map is called "0", as in torchvision."""
    return {"0": features} if isinstance(features, Tensor) else dict(features)


def _class_outputs(predictor: Any) -> int | None:
    """Number of class outputs of torchvision's box predictor; None for a predictor that does not say."""
    return getattr(getattr(predictor, "cls_score", None), "out_features", None)
