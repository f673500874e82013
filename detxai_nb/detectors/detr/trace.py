"""The trace of a DETR: one forward pass cut at a layer, and exact gradients of many predictions at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.base import outside_inference_mode
from detxai_nb.detectors.detr.anatomy import BACKBONE, ENCODER, NECK, Anatomy
from detxai_nb.detectors.detr.attention import Attention
from detxai_nb.detectors.detr.capture import OpenedPass, capture_pass, cut_at
from detxai_nb.detectors.detr.gradients import (
    SINGLE_ROWS,
    Products,
    batched_gradients,
    batching_pays,
    single_gradients,
)
from detxai_nb.detectors.detr.reading import read_grid
from detxai_nb.detectors.detr.variants import Variant, anatomy_of
from detxai_nb.detectors.trace.above import Above
from detxai_nb.detectors.trace.again import Again, Prepared, check_features, with_graph_of_inputs
from detxai_nb.detectors.trace.batch_norms import with_exact_norms
from detxai_nb.detectors.trace.budget import MEMORY_BUDGET
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.module_use import alone, exclusive, undone
from detxai_nb.targets import class_values, sigmoid_scores, softmax_scores
from detxai_nb.types import SIDES, Detections, Level, Target
from detxai_nb.windows import GradientChunk

MANY = 20
"""More objects than these are told of the layer above the encoder, where each costs a fraction."""

_LOG = logging.getLogger(__name__)
_KERNELS = threading.RLock()
"""Held while attention is computed by another kernel: that is a setting of the whole process."""


class DetrTrace(Again):
    """One forward pass of one image through a DETR, kept open for gradients. See ``RerunTrace``.

    Every query attends to the whole image, so gradients are dense, and each needs a backward pass of its own through
    everything after the layer. On a GPU many are one batched product with the Jacobian as PyTorch makes it. On a CPU
    that takes twice as long (it needs attention written out in full); there ``detxai_nb.vjp`` follows the recorded
    graph for several at once, and what it cannot follow is computed one by one. ``gradients_by`` says which it is.

    ``token_stride`` is the stride (y, x) of the encoder's last grid of tokens in input pixels, that of ``attention``.

    Args:
        module: the transformers module, in which nothing changes.
        variant: its variant.
        pixels: the network's input ``[1,3,h,w]``.
        placement: where the image lies in the input.
        layer: name of the explained layer, one of the detector's.
        again: what further runs need; None if there will be none.
    """

    def __init__(
        self,
        module: Any,
        variant: Variant,
        pixels: Tensor,
        placement: Placement,
        layer: str,
        again: Prepared | None = None,
    ) -> None:
        self.placement = placement
        self.layer = layer
        self._module = module
        self._variant = variant
        self._again = again
        self._above: Above | None = None
        anatomy = anatomy_of(module, variant)
        self._batched = batching_pays(pixels.device)
        self._products: Products | None = None
        below = layer.split(".")[0] in (BACKBONE, NECK)
        encoded = [name for name in anatomy.layers if name.split(".")[0] == ENCODER]
        self._above_encoder = encoded[0] if encoded and below else None
        open_pass = partial(alone, module, lambda: self._open(pixels, anatomy))
        opened = _with_plain_attention(open_pass) if self._batched else open_pass()
        self._logits, self._boxes = opened.outputs.logits[0], opened.outputs.pred_boxes[0]
        self._cells = None
        if variant.chosen is not None:
            self._cells = variant.chosen(opened.outputs, len(self._logits))[0]
        self._sizes = opened.sizes
        self._tokens = sum(height * width for height, width in opened.sizes)
        if not self._batched:
            self._products = Products.of_pass(module, (layer, tuple(pixels.shape)), self._outputs, self._leaf)

    def _open(self, pixels: Tensor, anatomy: Anatomy) -> OpenedPass:
        """Run the network once, and note how its grids are read."""
        module, variant, layer = self._module, self._variant, self.layer
        run = partial(with_exact_norms, module, lambda: module(pixel_values=pixels))
        opened = capture_pass(layer, anatomy, run)
        self._leaf = opened.leaf
        self._stride, self._shift = read_grid(module, variant, anatomy, layer, pixels, opened.leaf)
        tokens = pixels.new_empty(1, 1, *opened.sizes[-1])
        self.token_stride, _ = read_grid(module, variant, anatomy, anatomy.layers[-1], pixels, tokens)
        self._attention = Attention(module, variant, pixels, self.placement, opened.sizes[-1], self.token_stride)
        return opened

    @property
    def _outputs(self) -> tuple[Tensor, Tensor]:
        return self._logits, self._boxes

    @property
    def gradients_by(self) -> str:
        """How gradients are computed: "products" (``detxai_nb.vjp``), "batches" (PyTorch's own) or "one by one"."""
        if self._products is not None:
            return "products"
        return "batches" if self._batched else "one by one"

    @property
    def levels(self) -> tuple[Level, ...]:
        """The one grid that explains every prediction."""
        return (Level(self.layer, self._leaf.detach()[0], self._stride, shift=self._shift),)

    @exact_mode
    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """Return the explained scalar of each detection.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained.

        Returns:
            Scalars ``[N]``: class probability or logit, or a side of the box in input pixels, not clipped and growing
            outward.

        Raises:
            ValueError: if the target is "combined", or the detections have no queries as origins or come from another
                detector or image size.
        """
        return self._scalars(*self._resolve(detections, target)).detach()

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Compute the exact gradients of all detections with respect to the layer.

        Works inside ``torch.inference_mode`` too, which is left for the time of each step.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained.

        Yields:
            Chunks of gradients on the whole grid that fit the memory budget.

        Raises:
            ValueError: as ``scalars``, at the first step.
        """
        return outside_inference_mode(self._chunks(detections, target))

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Compute the same gradients as plain tuples.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained.

        Yields:
            (level, rows, gradient ``[n,C,h,w]``) for each chunk; the level is 0.

        Raises:
            ValueError: as ``scalars``, at the first step.
        """
        for chunk in self.chunks(detections, target):
            yield chunk.level, chunk.rows, chunk.gradient

    def attention(
        self,
        *,
        query: int | None = None,
        point: tuple[float, float] | None = None,
        average_heads: bool = True,
        average_layers: bool = True,
    ) -> Tensor:
        """Return an attention map of the transformer on the grid of its tokens.

        It comes from a forward pass of its own with transformers' "eager" attention; the module's settings are as
        before afterwards.

        Args:
            query: number of a query (``detections.origins[row, 0]``): its cross-attention in the decoder.
            point: (x, y) in pixels of the original image: self-attention of the cell there in the encoder. Exactly one
                of ``query`` and ``point`` is given.
            average_heads: take the mean over the heads.
            average_layers: take the mean over the layers.

        Returns:
            ``[h,w]``, values >= 0 whose sum is 1; without the means ``[layers,heads,h,w]``, an axis for each.

        Raises:
            ValueError: if both or neither of ``query`` and ``point`` are given or either is out of range, and for
                variants with deformable attention, which looks at a few sampled points and has no such map.

        References:
            The "attention maps" of Carion et al., End-to-End Object Detection with Transformers (ECCV 2020), figures 3
            and 6.
        """
        return self._attention.maps(query, point, average_heads, average_layers)

    @exclusive("_module")
    @exact_mode
    @with_graph_of_inputs
    def scalars_of_inputs(self, inputs: Tensor, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other inputs, each of its own query.

        Args:
            inputs: ``[B,3,h,w]`` of the size of ``input``; where they need a gradient the result has a graph.
            detections: N detections of this image by this detector.
            target: what is explained.

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as ``scalars``, for inputs of another size, and if the network chooses its queries.
        """
        self._check_inputs(inputs)
        outputs = with_exact_norms(self._module, lambda: self._module(pixel_values=inputs))
        return self._of_outputs([outputs], detections, target)

    @exclusive("_module")
    @exact_mode
    @torch.no_grad()
    def scalars_of_features(self, features: Tensor, level: int, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other activations of the layer; only what lies above it runs.

        Args:
            features: ``[B,C,h,w]``, versions of the layer's grid.
            level: 0.
            detections: N detections of this image by this detector.
            target: what is explained.

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as ``scalars``, for activations of another shape, and if the network chooses its queries.
        """
        check_features(features, level, [self._leaf[0]])
        cut = cut_at(self.layer, anatomy_of(self._module, self._variant))
        if self._above is None:

            def run(batch: Tensor) -> Any:
                return self._module(pixel_values=batch)

            self._above = Above(self._module, cut.part, run, self._prepared.batch, lambda x: (x.logits, x.pred_boxes))
        above, outputs = self._above, []
        for part in [features] if above.batched else torch.split(features, 1):
            outputs.append(above(cut.put(above.own(len(part)), part.clone(), self._sizes), len(part)))
        return self._of_outputs(outputs, detections, target)

    def _of_outputs(self, outputs: Sequence[Any], detections: Detections, target: Target) -> Tensor:
        """The scalars ``[B,N]`` in outputs of the network for B inputs in all."""
        if not self._variant.keeps_queries:
            raise ValueError(
                "this detector chooses its queries by what its encoder finds, so with a changed picture or activation "
                "a prediction may have no query to be read at; a gradient method such as 'odam' does without"
            )
        queries, labels, target = self._resolve(detections, target)
        logits, boxes = (torch.cat([getattr(x, name) for x in outputs]) for name in ("logits", "pred_boxes"))
        return self._values(logits, boxes, queries, labels, target)

    def _chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        queries, labels, target = self._resolve(detections, target)
        self._name_the_faster_layer(len(queries))
        waiting = torch.arange(len(queries), device=queries.device)
        while len(waiting):
            rows, waiting = waiting.tensor_split([self._rows_per_chunk()])
            yield GradientChunk(0, rows, self._gradients(queries[rows], labels[rows], target))

    def _name_the_faster_layer(self, count: int) -> None:
        """Log, once for a trace, where many objects cost less; what is explained stays what was asked for."""
        if count > MANY and self._above_encoder is not None:
            _LOG.info(
                "%d objects at layer %r: each gradient passes the whole encoder. At layer=%r it costs a fraction, and "
                "answers another question: what the decoder reads, not what the backbone saw.",
                count,
                self.layer,
                self._above_encoder,
            )
            self._above_encoder = None

    def _gradients(self, queries: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The gradients ``[n,C,h,w]`` of some predictions. What fails once is not tried for the next."""
        if self._products is not None:
            found = self._products(lambda logits, boxes: self._values(logits, boxes, queries, labels, target))
            self._products = self._products if found is not None else None
            if found is not None:
                return found[:, 0]
        with torch.enable_grad():
            scalars = self._scalars(queries, labels, target)
        found = batched_gradients(scalars, self._leaf) if self._batched else None
        self._batched = found is not None
        return single_gradients(scalars, self._leaf) if found is None else found

    def _scalars(self, queries: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The scalars ``[n]`` of queries ``[n]`` and classes ``[n]``, with the graph."""
        return self._values(self._logits, self._boxes, queries, labels, target)

    def _values(self, logits: Tensor, boxes: Tensor, queries: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The scalars ``[...,n]`` in the network's outputs ``[...,Q,C]`` and ``[...,Q,4]``."""
        if target.part in SIDES:
            side = SIDES.index(target.part)
            outward = 1 if side >= 2 else -1
            box = boxes[..., queries, :]
            pixels = self.placement.input_size[1 - side % 2]
            value: Tensor = (outward * box[..., side % 2] + box[..., 2 + side % 2] / 2) * pixels
            return value
        logits = logits[..., queries, :]
        scores = (softmax_scores if self._variant.softmax else sigmoid_scores)(logits, target.score)
        row = torch.arange(len(labels), device=labels.device)
        return class_values(lambda of: scores[..., row, of], labels, target)

    def _resolve(self, detections: Detections, target: Target) -> tuple[Tensor, Tensor, Target]:
        """Query and explained class of each detection, ``[N]`` both; the target with class numbers."""
        if target.part == "combined":
            raise ValueError("a trace explains one scalar at a time; 'combined' joins maps and is made by explain")
        origins, fields = detections.origins, self._variant.origin_fields
        if origins is None or detections.origin_fields != fields:
            raise ValueError(
                f"these detections do not say where in the model they came from (origins {fields}); "
                "use what this detector's detect returns"
            )
        origins = origins.to(self._logits.device).clone()
        queries = origins[:, 0] if self._cells is None else _positions(origins[:, 1], self._cells)
        if len(queries) and not 0 <= int(queries.min()) <= int(queries.max()) < len(self._logits):
            raise ValueError("these detections come from another detector or image size; detect in this image first")
        return queries, *target.resolve(detections.labels.to(origins.device), detections.names)

    def _rows_per_chunk(self) -> int:
        """How many gradients fit the memory budget: those of the layer and, larger, those of one layer's attention."""
        if self._products is not None:
            return self._products.rows_per_chunk(MEMORY_BUDGET)
        if not self._batched:
            return max(1, min(SINGLE_ROWS, MEMORY_BUDGET // (self._leaf.numel() * self._leaf.element_size())))
        heads = max(getattr(self._module.config, "encoder_attention_heads", 8), 1)
        attended = heads * self._tokens**2 if self._variant.dense else heads * self._tokens * 64
        numbers = 3 * (self._leaf.numel() + attended)
        return max(1, MEMORY_BUDGET // (numbers * self._leaf.element_size()))


def _positions(wanted: Tensor, cells: Tensor) -> Tensor:
    """The position of each wanted cell in ``cells``; the length of ``cells`` for one that is missing."""
    same = wanted[:, None] == cells[None]
    return torch.where(same.any(dim=1), same.int().argmax(dim=1), len(cells))


def _with_plain_attention(run: Callable[[], OpenedPass]) -> OpenedPass:
    """Run with the plain ("math") attention kernel, the only one whose gradients can be batched.

    One thread at a time: two would set and restore the kernels crosswise.
    """
    cuda: Any = torch.backends.cuda
    with _KERNELS:
        before = [
            (cuda.enable_math_sdp, cuda.math_sdp_enabled()),
            (cuda.enable_flash_sdp, cuda.flash_sdp_enabled()),
            (cuda.enable_mem_efficient_sdp, cuda.mem_efficient_sdp_enabled()),
            (cuda.enable_cudnn_sdp, cuda.cudnn_sdp_enabled()),
        ]

        def choose() -> None:
            for enable, _ in before:
                enable(enable is cuda.enable_math_sdp)

        def restore() -> None:
            for enable, was in before:
                enable(was)

        return undone(choose, run, restore)
