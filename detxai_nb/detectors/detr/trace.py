"""The trace of a DETR: one forward pass opened at a layer, and exact gradients of many predictions at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from detxai_nb.detectors.base import evaluating, outside_inference_mode
from detxai_nb.detectors.detr.attention import Attention
from detxai_nb.detectors.detr.capture import capture_at
from detxai_nb.detectors.detr.variants import Variant, anatomy_of
from detxai_nb.detectors.trace.budget import MEMORY_BUDGET
from detxai_nb.geometry import Placement, grid_stride
from detxai_nb.types import SIDES, Detections, Level, Target
from detxai_nb.windows import GradientChunk

SINGLE_ROWS = 16
"""Gradients in a chunk where they are computed one by one, so that work can be stopped in between."""

_APART = 1e-3
"""So far, as a share of their norms, may batched gradients be from their sum's: float32's last digits, no more."""
_NOT_BATCHED = ("vmap", "Batching rule", "batching rule")
"""What PyTorch says where an operation has no gradient for a batch of vectors."""


class DetrTrace:
    """One forward pass of one image, kept open. See ``types.Trace``.

    Every query sees the whole image, so gradients are dense, and each is a backward pass of its own through all that
    follows the layer. On a GPU many are one batched product with the Jacobian; on a CPU, where that takes twice as
    long (it needs attention written out in full), they are computed one by one.
    """

    def __init__(self, module: Any, variant: Variant, pixels: Tensor, placement: Placement, layer: str) -> None:
        """``pixels`` ``[1,3,h,w]``: the image as the network takes it; ``layer``: one of the detector's."""
        self.placement = placement
        self.layer = layer
        self._module = module
        self._variant = variant
        anatomy = anatomy_of(module, variant)
        self._batched = batching_pays(pixels.device)
        # Of the attention kernels only the plain one has gradients that can be batched.
        kernels = sdpa_kernel(SDPBackend.MATH) if self._batched else nullcontext()
        with evaluating(module), kernels:
            opened = capture_at(layer, anatomy, lambda: module(pixel_values=pixels))
        self._leaf = opened.leaf
        self._attention = Attention(module, variant, pixels, placement, opened.sizes[-1])
        self._logits, self._boxes = opened.outputs.logits[0], opened.outputs.pred_boxes[0]
        self._cells = None
        if variant.chosen is not None:
            self._cells = variant.chosen(opened.outputs, len(self._logits))[0]
        self._tokens = sum(height * width for height, width in opened.sizes)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The one grid that explains every prediction."""
        return (Level(self.layer, self._leaf.detach()[0], grid_stride(self.placement.input_size, self._leaf)),)

    @torch.inference_mode(False)
    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """The explained scalar of each detection, ``[N]``: class score, or a side in input pixels, not clipped."""
        return self._scalars(*self._resolve(detections, target), target).detach()

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Exact gradients of all detections with respect to the layer, in chunks that fit the memory budget.

        Also inside ``torch.inference_mode``, which is left for the time of each step.
        """
        return outside_inference_mode(self._chunks(detections, target))

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The same as (level, rows, gradient ``[n,C,h,w]``)."""
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
        """Where the transformer looks, on the grid ``[h,w]`` of its tokens: values of at least 0 with the sum 1.

        ``query``: the decoder's cross-attention of that query (``detections.origins[row, 0]``); ``point``: the
        encoder's self-attention of the cell at (x, y) in pixels of the original image; exactly one of them. With
        ``average_heads`` or ``average_layers`` off there is an axis for each: ``[layers,heads,h,w]``.

        These are the paper's "attention maps" of DETR (Carion et al., 2020, figures 3 and 6). They come from a run of
        their own with transformers' plain attention; the module's settings are as before afterwards. Raises
        ``ValueError`` for variants with deformable attention, which look at a few sampled points and have no such map.
        """
        return self._attention.maps(query, point, average_heads, average_layers)

    def _chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        queries, labels = self._resolve(detections, target)
        for rows in torch.arange(len(queries), device=queries.device).split(self._rows_per_chunk()):
            with torch.enable_grad():
                scalars = self._scalars(queries[rows], labels[rows], target)
            gradients = _products(scalars, self._leaf) if self._batched else None
            # What fails once fails for the next predictions too.
            self._batched = gradients is not None
            yield GradientChunk(0, rows, _single_products(scalars, self._leaf) if gradients is None else gradients)

    def _scalars(self, queries: Tensor, labels: Tensor, target: Target) -> Tensor:
        if target.part in SIDES:
            side = SIDES.index(target.part)
            outward = 1 if side >= 2 else -1
            box = self._boxes[queries]
            pixels = self.placement.input_size[1 - side % 2]
            return (outward * box[:, side % 2] + box[:, 2 + side % 2] / 2) * pixels
        logits = self._logits[queries]
        if target.score == "prob":
            logits = logits.softmax(dim=1) if self._variant.softmax else logits.sigmoid()
        return logits.gather(1, labels[:, None])[:, 0]

    def _resolve(self, detections: Detections, target: Target) -> tuple[Tensor, Tensor]:
        """Query and explained class of each detection, ``[N]`` both."""
        if target.part == "combined":
            raise ValueError("a trace explains one scalar at a time; 'combined' joins maps and is made by explain")
        origins, fields = detections.origins, self._variant.origin_fields
        if origins is None or detections.origin_fields != fields:
            raise ValueError(
                f"these detections do not say where in the model they came from (origins {fields}); "
                "use what this detector's detect returns"
            )
        origins = origins.to(self._logits.device).clone()
        queries = origins[:, 0] if self._cells is None else _places(origins[:, 1], self._cells)
        if len(queries) and not 0 <= int(queries.min()) <= int(queries.max()) < len(self._logits):
            raise ValueError("these detections come from another detector or image size; detect in this image first")
        labels = detections.labels.to(origins.device).clone()
        if target.label is not None:
            labels = torch.full_like(labels, target.label)
        return queries, labels

    def _rows_per_chunk(self) -> int:
        """How many predictions' gradients fit the budget: those of the layer and, larger, of one layer's attention."""
        if not self._batched:
            return max(1, min(SINGLE_ROWS, MEMORY_BUDGET // (self._leaf.numel() * self._leaf.element_size())))
        heads = max(getattr(self._module.config, "encoder_attention_heads", 8), 1)
        attended = heads * self._tokens**2 if self._variant.dense else heads * self._tokens * 64
        numbers = 3 * (self._leaf.numel() + attended)
        return max(1, MEMORY_BUDGET // (numbers * self._leaf.element_size()))


def _places(wanted: Tensor, cells: Tensor) -> Tensor:
    """The place of each wanted cell among ``cells``; its number of elements for one that is not there."""
    same = wanted[:, None] == cells[None]
    return torch.where(same.any(dim=1), same.int().argmax(dim=1), len(cells))


def batching_pays(device: torch.device) -> bool:
    """Whether gradients of many predictions are faster as one batched product than one by one."""
    return device.type != "cpu"


def _products(scalars: Tensor, leaf: Tensor) -> Tensor | None:
    """The gradient of each scalar ``[n]`` with respect to the leaf ``[1,C,h,w]``, ``[n,C,h,w]``, all together.

    None, with a warning, where that cannot be done or comes out wrong: together the gradients are that of the scalars'
    sum, which takes one more pass and tells.
    """
    one_each = torch.eye(len(scalars), dtype=scalars.dtype, device=scalars.device)
    try:
        (found,) = torch.autograd.grad(
            scalars, leaf, one_each, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
    except RuntimeError as error:
        if not any(word in str(error) for word in _NOT_BATCHED):
            raise
        _warn(f"this module has an operation whose gradients cannot be batched, they are computed one by one: {error}")
        return None
    if found is None:
        return leaf.new_zeros(len(scalars), *leaf.shape[1:])
    (whole,) = torch.autograd.grad(scalars.sum(), leaf, retain_graph=True, allow_unused=True)
    if whole is not None and (found.sum(dim=0) - whole).norm() > _APART * found.flatten(1).norm(dim=1).sum():
        _warn("this module's gradients come out wrong in batches on this device, they are computed one by one")
        return None
    return found[:, 0]


def _warn(words: str) -> None:
    warnings.warn(words, RuntimeWarning, stacklevel=3)


def _single_products(scalars: Tensor, leaf: Tensor) -> Tensor:
    """The same, one by one."""
    found = leaf.new_zeros(len(scalars), *leaf.shape[1:])
    for row, scalar in enumerate(scalars):
        (gradient,) = torch.autograd.grad(scalar, leaf, retain_graph=True, allow_unused=True)
        if gradient is not None:
            found[row] = gradient[0]
    return found
