"""The adapter for Ultralytics' YOLO detectors: all with a head of the kind of Detect, YOLO-World's too.

Ultralytics is licensed under AGPL-3.0 (or a commercial licence from its makers), which also covers works that use it.
Nothing of it is part of this package, which only works with models that the user has opened with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.capabilities import RERUN
from detxai_nb.detectors.base import (
    Adapter,
    batches_of_one_shape,
    detecting,
    evaluating,
    gather_detections,
    tracing,
)
from detxai_nb.detectors.dense.head import Branches, DenseHead, head_layers
from detxai_nb.detectors.dense.stages import NECK
from detxai_nb.detectors.dense.trace import ORIGIN_FIELDS, OneStageTrace, PreparedPyramid
from detxai_nb.detectors.trace.budget import check_layer
from detxai_nb.detectors.trace.candidates import Suppressing, survivors
from detxai_nb.detectors.ultralytics.head import BatchedHead, local_branches
from detxai_nb.detectors.ultralytics.network import UltralyticsNetwork, as_input_size, open_module
from detxai_nb.detectors.ultralytics.outputs import UltralyticsRule, rotated_survivors, turned_corners
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, as_images, load_image
from detxai_nb.module_use import exclusive
from detxai_nb.names import ClassNames, as_names
from detxai_nb.scaling import scale_as_opencv
from detxai_nb.types import Detections

_PAD = 114.0


class UltralyticsDetector(Suppressing, Adapter):
    """A white-box adapter for the YOLO detectors of the ultralytics package (AGPL-3.0).

    The model is used as it is, in evaluation mode, and never changed; Ultralytics' predictor is not used. Weights that
    were created in ``torch.inference_mode`` cannot be differentiated: such a model is copied, and the detector's
    ``module`` is the copy.

    Box sides are explained as the head outputs them: distance from the cell's centre in strides, after the mean over
    the bins of YOLOv8 and its successors. A head of convolutions, as all of them have, is local and its gradients come
    from small windows. A head with any other module is differentiated on whole levels: just as exact, but slower, and
    its inner layers cannot be explained.

    Of models that segment or find key points it reports and explains the boxes and their classes; masks and key points
    are not computed. Oriented boxes are reported as ``Detections.polygons``, with the upright boxes around them; their
    sides are those before they are turned, and they are suppressed by their probabilistic IoU. The classes of a
    YOLO-World are those of its ``set_classes``.

    Args:
        module: an ``ultralytics.YOLO`` or the ``DetectionModel`` inside it, with one of the heads in
            ``outputs.HEADS``, fused or not.
        names: a name for each class output; by default the model's own.
        input_size: side in pixels of the square that an image is scaled to fit, or (height, width); by default the one
            that the model was trained at, as in Ultralytics' predictor, or 640.
        rectangular: True: pad to the next multiple of the coarsest stride only, as Ultralytics does for single images.
            False: pad to all of ``input_size``.
        nms_threshold: IoU above which class-wise NMS drops a box; 0.7 is Ultralytics' default.
        max_detections: the largest number of detections in an image; 300 is Ultralytics' default.
        end_to_end: whether the one-to-one branches of YOLOv10 and YOLO26 are used, without NMS; None takes the
            module's own setting.

    Raises:
        ImportError: if ultralytics is missing.
        TypeError: if the module is no YOLO with such a head.
        ValueError: if the number of names differs from that of class outputs, ``input_size`` is no multiple of the
            coarsest stride, the model does not take RGB images, or it lacks the branches that ``end_to_end`` needs.
    """

    family = "ultralytics"
    side_unit = "strides"
    offers = (RERUN,)

    def __init__(
        self,
        module: Any,
        names: ClassNames | None = None,
        *,
        input_size: int | tuple[int, int] | None = None,
        rectangular: bool = True,
        nms_threshold: float = 0.7,
        max_detections: int = 300,
        end_to_end: bool | None = None,
    ) -> None:
        self.module: Any = open_module(module)
        given = as_names(self.module.names if names is None else names, self._head.nc, owner="this YOLO")
        coarsest = int(max(self._network.strides))
        size = as_input_size(input_size, self.module, coarsest, "this YOLO")
        if end_to_end and getattr(self._head, "one2one_cv2", None) is None:
            raise ValueError("end_to_end=True needs the one-to-one branches of YOLOv10 or YOLO26; this YOLO has none")
        if end_to_end is False and self._head.cv2 is None:
            raise ValueError("end_to_end=False needs the one-to-many branches, which fusing removed from this YOLO")
        self.names = given
        self.input_size = size
        self.rectangular = rectangular
        self.nms_threshold = nms_threshold
        self.max_detections = max_detections
        self.end_to_end = end_to_end

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that can be explained; numbers are those of the network's modules in its yaml file.

        "neck": the maps that enter the head. "backbone": the map nearest to each prediction's stride, out of those that
        the neck reads from the backbone; "backbone.<number>": each of these maps. "neck.<number>": maps inside the neck
        that a later module reads. "head.class", "head.box": the last activations of the head's branches;
        "head.class.0", "head.box.0": those before them.
        """
        return (NECK, *self._network.layers, *head_layers(self._branches() or ({},)))

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Detect objects as Ultralytics' predictor does.

        The best class of each location, then class-wise NMS. With the end-to-end branches instead: the best
        ``max_detections`` pairs of location and class.

        Args:
            images: pictures in any form that ``load_image`` reads, of any sizes.
            score_threshold: the lowest class score that is reported, in 0..1.

        Returns:
            The detections of each image, boxes xyxy in its own pixels.
        """
        pixels = as_images(images)
        found: list[Detections | None] = [None] * len(pixels)
        network = self._network
        with evaluating(self.module):
            for rows in batches_of_one_shape([p.shape[:2] for p in pixels]):
                prepared = [self._prepare(pixels[row]) for row in rows]
                maps = network.maps(network.run(torch.cat([tensor for tensor, _ in prepared])))
                for i, (row, (_, placement)) in enumerate(zip(rows, prepared)):
                    found[row] = self._decode([level[i] for level in maps], placement, score_threshold)
        return [d for d in found if d is not None]

    @tracing
    def trace(self, image: ImageSource, layer: str | None = None) -> OneStageTrace:
        """Run the network up to the head once and keep the result open for gradients.

        Args:
            image: a picture in any form that ``load_image`` reads.
            layer: one of ``layers``; by default the first.

        Returns:
            The trace of this image.

        Raises:
            ValueError: if there is no such layer.
        """
        layer = check_layer(layer, self.layers)
        with torch.no_grad():
            batch, placement = self._prepare(load_image(image))
        return self._open(batch, placement, layer)

    @exclusive("module")
    @exact_mode
    def _open(self, batch: Tensor, placement: Placement, layer: str) -> OneStageTrace:
        """The trace of an input ``[1,3,h,w]``."""
        network = self._network
        with evaluating(self.module):
            with torch.no_grad():
                outputs = network.run(batch)
            stages = network.open(layer, outputs, placement.input_size) if layer in network.layers else None
        pyramid = [x[0].detach() for x in (network.maps(outputs) if stages is None else stages.pyramid)]
        branches, outputs_of_head = self._branches(), network.outputs
        dense: Any = (
            BatchedHead(outputs_of_head, pyramid, self._is_end_to_end())
            if branches is None
            else DenseHead(network.head, branches, pyramid, UltralyticsRule(outputs_of_head), layer)
        )
        strides = [(stride, stride) for stride in network.strides]
        again = PreparedPyramid(
            batch,
            black=lambda: self._prepare(np.zeros((*placement.image_size, 3), dtype=np.uint8))[0],
            reopen=lambda other: self._open(other, placement, layer),
            pyramid=lambda inputs: network.maps(network.run(inputs)),
            module=self.module,
        )
        return OneStageTrace(placement, layer, dense.features, strides, dense, stages, again=again)

    @property
    def _network(self) -> UltralyticsNetwork:
        return UltralyticsNetwork(self.module)

    @property
    def _head(self) -> Any:
        return self.module.model[-1]

    def _is_end_to_end(self) -> bool:
        """Whether the one-to-one branches are used: as set, else the module's own setting."""
        return bool(getattr(self._head, "end2end", False)) if self.end_to_end is None else self.end_to_end

    def _branches(self) -> Branches | None:
        return local_branches(self._network.outputs, self._is_end_to_end())

    def _prepare(self, pixels: Any) -> tuple[Tensor, Placement]:
        """The image as the network's input ``[1,3,h,w]``: scaled to fit, centred on grey, RGB in 0..1."""
        coarsest = int(max(self._network.strides)) if self.rectangular else None
        placement = centred_letterbox(tuple(pixels.shape[:2]), self.input_size, coarsest)
        image = scale_as_opencv(pixels, placement.resized, self.device).to(next(self.module.parameters()).dtype)[None]
        canvas = image.new_full((1, 3, *placement.input_size), _PAD)
        (top, left), (height, width) = placement.offset, placement.resized
        canvas[:, :, top : top + height, left : left + width] = image
        return canvas / 255, placement

    def _decode_trace(self, trace: OneStageTrace, threshold: float) -> Detections:
        if self._is_end_to_end():
            raise ValueError(
                "this YOLO is end to end: its one-to-one branches give each object one prediction, and nothing is "
                "suppressed; open it with end_to_end=False for the branches that need suppression, if it has them"
            )
        return self._decode(trace.pyramid, trace.placement, threshold)

    def _decode(self, maps: Sequence[Tensor], placement: Placement, threshold: float) -> Detections:
        """Apply Ultralytics' post-processing to one image and keep the cell that each detection came from."""
        end_to_end, network = self._is_end_to_end(), self._network
        outputs = network.outputs
        raw: dict[str, list[Tensor]] = {}
        for name in outputs.branches:
            branches = zip(outputs.modules(name, end_to_end), maps)
            raw[name] = [branch(level[None])[0].flatten(1).T for branch, level in branches]
        origins = torch.cat([_cells(i, level) for i, level in enumerate(maps)])
        scores = torch.cat([outputs.logits(one, i) for i, one in enumerate(raw["class"])]).sigmoid()
        stride = scores.new_tensor(network.strides)[origins[:, 0], None]
        sides = outputs.distances(torch.cat(raw["box"])) * stride
        centre = (origins[:, [2, 1]] + 0.5) * stride
        corners = angles = None
        if outputs.oriented:
            angles = outputs.angles(torch.cat(raw["angle"]))
            corners = turned_corners(centre, sides, angles)
            boxes = torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)
        else:
            boxes = torch.cat([centre - sides[:, :2], centre + sides[:, 2:]], dim=1)
        if end_to_end:
            rows, label = self._best_pairs(scores, threshold)
        elif corners is None or angles is None:
            rows, label = self._suppressed(survivors, boxes, scores, threshold)
        else:
            lengths = sides[:, :2] + sides[:, 2:]
            turned = torch.cat([corners.mean(dim=1), lengths, angles[:, None]], dim=1)
            rows, label = self._suppressed(rotated_survivors, turned, scores, threshold)
        return gather_detections(
            placement,
            boxes[rows],
            scores[rows, label],
            label,
            self.names,
            polygons=None if corners is None else corners[rows],
            class_scores=scores[rows],
            origins=origins[rows],
            origin_fields=ORIGIN_FIELDS,
            highest_score=float(scores.max()),
            score_threshold=threshold,
        )

    def _suppressed(
        self, surviving: Callable[..., Tensor], boxes: Tensor, scores: Tensor, threshold: float
    ) -> tuple[Tensor, Tensor]:
        """Location and class of the detections that class-wise NMS keeps, one class for each location."""
        best, label = scores.max(dim=1)
        rows = (best >= threshold).nonzero()[:, 0]
        rows = rows[surviving(boxes[rows], best[rows], label[rows], self.nms_threshold, self.max_detections)]
        return rows, label[rows]

    def _best_pairs(self, scores: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Location and class of the best pairs at the best locations."""
        most = len(scores) if self.max_detections is None else min(self.max_detections, len(scores))
        places = scores.amax(dim=1).topk(most).indices
        best, pairs = scores[places].flatten().topk(most)
        pairs = pairs[best >= threshold]
        return places[pairs // scores.shape[1]], pairs % scores.shape[1]


def centred_letterbox(image_size: tuple[int, int], input_size: tuple[int, int], multiple: int | None) -> Placement:
    """Return where Ultralytics' LetterBox puts an image: scaled by one factor to fit and centred.

    An odd pixel of padding goes to the bottom or right.

    Args:
        image_size: (height, width) of the image in pixels.
        input_size: (height, width) that it is scaled to fit.
        multiple: None pads to all of ``input_size``, a number only to the next multiple of so many pixels.

    Returns:
        The placement of the image in the network's input.
    """
    factor = min(input_size[0] / image_size[0], input_size[1] / image_size[1])
    resized = (max(1, round(image_size[0] * factor)), max(1, round(image_size[1] * factor)))
    free = [whole - part for whole, part in zip(input_size, resized)]
    if multiple is not None:
        free = [rest % multiple for rest in free]
    top, left = (round(rest / 2 - 0.1) for rest in free)
    return Placement(image_size, resized, (resized[0] + free[0], resized[1] + free[1]), (top, left))


def _cells(index: int, level: Tensor) -> Tensor:
    """Level, row and column of every cell of a level ``[C,h,w]``, row by row."""
    height, width = level.shape[1:]
    cell = torch.arange(height * width, device=level.device)
    return torch.stack([torch.full_like(cell, index), cell // width, cell % width], dim=1)
