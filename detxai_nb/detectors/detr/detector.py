"""The DETR adapter: transformers' DETRs, those of the table in ``variants``."""

from __future__ import annotations

from collections.abc import Sequence
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
from detxai_nb.detectors.detr.trace import DetrTrace
from detxai_nb.detectors.detr.variants import anatomy_of, class_outputs, variant_of
from detxai_nb.detectors.trace.again import Prepared
from detxai_nb.detectors.trace.budget import check_layer
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, as_images, load_image
from detxai_nb.module_use import exclusive
from detxai_nb.names import ClassNames, as_names
from detxai_nb.scaling import scale_as_pillow
from detxai_nb.types import Detections

SHORTEST_EDGE, LONGEST_EDGE = 800, 1333
RESIZE = ("edges", "fixed", "fit", "none")
"""What ``DetrDetector`` can do with an image's size."""


class DetrDetector(Adapter):
    """A white-box adapter for the DETRs of transformers.

    The module is used as it is, in evaluation mode, and never changed. The settings of a checkpoint are read by
    ``open_pretrained``.

    The default layer is the backbone's last stage, as in ODAM's experiments ("there is no detector neck"). Every
    prediction is explained on the one grid of the chosen layer. A stage of the backbone is explained through
    everything that follows it, the later stages included. LW-DETR and RF-DETR, whose decoder reads what a projector
    makes of a vision transformer, are explained there ("neck"), YOLOS at the patches that its last block reads.

    Args:
        module: a DetrForObjectDetection, TableTransformer-, ConditionalDetr-, DabDetr-, DeformableDetr- (one or two
            stages), RTDetr-, RTDetrV2-, DFine- or Deimv2ForObjectDetection with any backbone, a Yolos-, LwDetr- or
            RfDetrForObjectDetection.
        names: a name for each class; by default those of the module's configuration (``id2label``).
        shortest_edge: pixels to which the short side of an image is scaled; by default 800.
        longest_edge: upper limit of the long side in pixels; a longer image is scaled down further; by default 1333.
        fixed_size: (height, width) to which every image is scaled instead, whatever its shape.
        mean, std: for each of R, G and B: values in 0..1 minus ``mean``, divided by ``std``. By default those of the
            variant's own image processor: ImageNet's, for RT-DETR, D-FINE and DEIMv2 0 and 1.
        resize: what is done with these sizes, one of ``RESIZE``: "edges" scales by ``shortest_edge`` and
            ``longest_edge``; "fixed" to ``fixed_size`` whatever the image's shape; "fit" to fit into ``fixed_size``,
            with its shape kept; "none" nothing. By default what the given sizes are for, and without any what the
            variant's own image processor does: "edges" (for YOLOS to whole patches), for RT-DETR, D-FINE, DEIMv2 and
            LW-DETR "fixed" with (640, 640), for RF-DETR with the size that its published checkpoints take.

    Raises:
        ImportError: if transformers is missing.
        TypeError: if the module is none of these classes.
        ValueError: if the number of names differs from that of classes, or a setting is out of range.
    """

    family = "detr"
    side_unit = "input pixels"

    def __init__(
        self,
        module: Any,
        names: ClassNames | None = None,
        *,
        shortest_edge: int | None = None,
        longest_edge: int | None = None,
        fixed_size: tuple[int, int] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        resize: str | None = None,
    ) -> None:
        self._variant = variant_of(module)
        outputs = class_outputs(module, self._variant)
        own = module.config.id2label if names is None else names
        self.names = as_names(own, outputs, owner=f"this {type(module).__name__}")
        if resize is None:
            edges = fixed_size is None and (shortest_edge is not None or longest_edge is not None)
            resize = "edges" if edges or (fixed_size is None and self._variant.fixed_size is None) else "fixed"
        if resize not in RESIZE:
            raise ValueError(f"resize is one of {', '.join(RESIZE)}; got {resize!r}")
        shortest_edge = SHORTEST_EDGE if shortest_edge is None else shortest_edge
        longest_edge = max(LONGEST_EDGE, shortest_edge) if longest_edge is None else longest_edge
        fixed_size = self._variant.fixed_size if fixed_size is None and resize == "fixed" else fixed_size
        mean, std = self._variant.mean if mean is None else mean, self._variant.std if std is None else std
        if not 32 <= shortest_edge <= longest_edge:
            raise ValueError(
                "shortest_edge must be at least 32 pixels and at most longest_edge, "
                f"got {shortest_edge} and {longest_edge}"
            )
        if resize in ("fixed", "fit") and fixed_size is None:
            raise ValueError(f"resize={resize!r} needs fixed_size=(height, width)")
        if fixed_size is not None and (len(fixed_size) != 2 or min(fixed_size) < 32):
            raise ValueError(f"fixed_size must be (height, width), both at least 32 pixels, or None; got {fixed_size}")
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f"mean and std must hold a value for each of R, G, B, std above 0; got {mean} and {std}")
        self.module = module
        self.shortest_edge = shortest_edge
        self.longest_edge = longest_edge
        self.fixed_size = fixed_size
        self.resize = resize
        self.mean = tuple(mean)
        self.std = tuple(std)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that can be explained, the default first.

        "backbone": the backbone's last stage; each stage by its name; "encoder": the encoder's output. Networks of
        several levels have a layer for each: "neck.0" (after the input projection), "encoder.0" and so on. See
        ``anatomy`` for those of YOLOS, LW-DETR and RF-DETR.
        """
        return anatomy_of(self.module, self._variant).layers

    @property
    def offers(self) -> tuple[str, ...]:
        """What traces offer besides gradients: a decoder's attention over all cells, "rerun" with the same queries."""
        attention = ("attention",) if self._variant.dense and not self._variant.joint else ()
        return (*attention, RERUN) if self._variant.keeps_queries else attention

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Detect objects as transformers' ``post_process_object_detection`` does.

        For DETR: the best class of each query after a softmax with "no object". For the others: the best pairs of query
        and class after a sigmoid (100, or as many as queries), so a query may be reported with two classes. No NMS, as
        usual with a DETR.

        Args:
            images: pictures in any form that ``load_image`` reads, of any sizes.
            score_threshold: the lowest score that is reported, in 0..1.

        Returns:
            The detections of each image, boxes xyxy in its own pixels; the first column of ``origins`` is the query.
        """
        pixels = as_images(images)
        found: list[Detections | None] = [None] * len(pixels)
        with evaluating(self.module):
            for rows in batches_of_one_shape([p.shape[:2] for p in pixels]):
                batch, placement = self._prepare([pixels[row] for row in rows])
                outputs = self.module(pixel_values=batch)
                cells = None
                if self._variant.chosen is not None:
                    cells = self._variant.chosen(outputs, outputs.logits.shape[1])
                for i, row in enumerate(rows):
                    origin = None if cells is None else cells[i]
                    found[row] = self._decode(
                        outputs.logits[i], outputs.pred_boxes[i], origin, placement, score_threshold
                    )
        return [d for d in found if d is not None]

    @tracing
    def trace(self, image: ImageSource, layer: str | None = None) -> DetrTrace:
        """Run one forward pass with a graph from the explained layer on.

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
        return self._open(batch, placement, layer)

    @exclusive("module")
    @exact_mode
    def _open(self, batch: Tensor, placement: Placement, layer: str) -> DetrTrace:
        """The trace of an input ``[1,3,h,w]``."""
        again = Prepared(
            batch,
            black=lambda: self._prepare([np.zeros((*placement.image_size, 3), dtype=np.uint8)])[0],
            reopen=lambda other: self._open(other, placement, layer),
        )
        return DetrTrace(self.module, self._variant, batch, placement, layer, again)

    @torch.no_grad()
    def _prepare(self, pixels: Sequence[Any]) -> tuple[Tensor, Placement]:
        """Images of one shape as the network's input ``[B,3,h,w]``."""
        dtype = next(self.module.parameters()).dtype
        size = (int(pixels[0].shape[0]), int(pixels[0].shape[1]))
        resized = self._input_size(size)
        # Scaled in float32, so that every precision gets the same pixels.
        batch = torch.stack([scale_as_pillow(p, resized, self.device) for p in pixels]).to(dtype)
        mean, std = (batch.new_tensor(value)[:, None, None] for value in (self.mean, self.std))
        return (batch / 255 - mean) / std, Placement(size, resized, resized)

    def _input_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) that an image of ``size`` is scaled to, by transformers' rounding."""
        wanted = self._resized(size)
        if self._variant.square and wanted[0] != wanted[1]:
            raise ValueError(
                f"a {type(self.module).__name__} takes square inputs (transformers mixes up the windows of any other), "
                f"and an image of {size[1]}x{size[0]} would be one of {wanted[1]}x{wanted[0]} "
                f"(resize={self.resize!r}); hand in fixed_size={self._variant.fixed_size}"
            )
        if min(wanted) < 1 or any(side % self._variant.multiple for side in wanted):
            raise ValueError(
                f"a {type(self.module).__name__} takes inputs whose sides are multiples of {self._variant.multiple} "
                f"pixels, and an image of {size[1]}x{size[0]} would be one of {wanted[1]}x{wanted[0]} "
                f"(resize={self.resize!r}); hand in fixed_size={self._variant.fixed_size} or other such multiples"
            )
        return wanted

    def _resized(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of an image of ``size`` by the settings."""
        if self.resize == "none":
            return size
        if self.resize != "edges" and self.fixed_size is not None:
            height, width = int(self.fixed_size[0]), int(self.fixed_size[1])
            if self.resize == "fixed":
                return height, width
            factor = min(height / size[0], width / size[1])
            return int(size[0] * factor), int(size[1] * factor)
        short, long = min(size), max(size)
        exact: float = self.shortest_edge
        if long / short * exact > self.longest_edge:
            exact = self.longest_edge * short / long
        ends = (short, long) if round(exact) == short else (round(exact), int(exact * long / short))
        ends = (ends[0] - ends[0] % self._variant.whole_patches, ends[1] - ends[1] % self._variant.whole_patches)
        return ends if size[0] <= size[1] else (ends[1], ends[0])

    def _decode(
        self, logits: Tensor, boxes: Tensor, cells: Tensor | None, placement: Placement, threshold: float
    ) -> Detections:
        """Apply the variant's post-processing to one image's ``[Q,C]`` and ``[Q,4]``, keeping each query's number."""
        if self._variant.softmax:
            scores = logits.softmax(dim=1)[:, :-1]
            best, labels = scores.max(dim=1)
            queries = torch.arange(len(scores), device=scores.device)
        else:
            scores = logits.sigmoid()
            most = self._variant.most or len(scores)
            best, pair = scores.flatten().topk(min(most, scores.numel()))
            queries, labels = pair // scores.shape[1], pair % scores.shape[1]
        keep = best >= threshold
        queries, labels = queries[keep], labels[keep]
        height, width = placement.input_size
        centre, half = boxes[queries, :2], boxes[queries, 2:] / 2
        corners = torch.cat([centre - half, centre + half], dim=1) * boxes.new_tensor([width, height, width, height])
        origins = queries[:, None] if cells is None else torch.stack([queries, cells[queries]], dim=1)
        return gather_detections(
            placement,
            corners,
            best[keep],
            labels,
            self.names,
            class_scores=scores[queries],
            origins=origins,
            origin_fields=self._variant.origin_fields,
            highest_score=float(scores.max()),
            score_threshold=threshold,
        )
