"""A DETR's attention maps: cross-attention of a query, and self-attention of a point in the image."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.detr.variants import Variant
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.module_use import exclusive, with_attributes


@dataclass(frozen=True, eq=False)
class Attention:
    """The attention weights of one image's forward pass.

    The network runs once for each kind of attention that is requested.

    Attributes:
        module: the transformers module.
        variant: its variant.
        pixels: the network's input ``[1,3,h,w]``.
        placement: where the image lies in the input.
        grid: rows and columns of the encoder's tokens.
        stride: (y, x) of their grid in input pixels.
        kept: weights ``[layers,heads,from,tokens]`` computed so far: the decoder's under True, the encoder's under
            False.
    """

    module: Any
    variant: Variant
    pixels: Tensor
    placement: Placement
    grid: tuple[int, int]
    stride: tuple[float, float]
    kept: dict[bool, Tensor] = field(default_factory=dict)

    def maps(
        self, query: int | None, point: tuple[float, float] | None, average_heads: bool, average_layers: bool
    ) -> Tensor:
        """Return the attention map of a query or a point. See ``DetrTrace.attention``.

        Args:
            query: number of a query, or None.
            point: (x, y) in pixels of the original image, or None; exactly one of the two is given.
            average_heads: whether the mean over heads is taken.
            average_layers: whether the mean over layers is taken.

        Returns:
            ``[h,w]``, with an axis for layers and one for heads in front where no mean is taken.

        Raises:
            ValueError: if both or neither of ``query`` and ``point`` are given, either is out of range, or the variant
                has deformable attention or no decoder.
        """
        if (query is None) == (point is None):
            raise ValueError("give either query= (decoder cross-attention) or point= (encoder self-attention)")
        if self.variant.joint:
            raise ValueError(
                f"{type(self.module).__name__} has no decoder whose attention is over the image alone: its queries "
                "and the image pass through one transformer; DETR, Conditional DETR and DAB-DETR have one"
            )
        if not self.variant.dense:
            raise ValueError(
                f"{type(self.module).__name__} has deformable attention: each query looks at a few sampled points of "
                "several grids, so it has no attention map over all cells; DETR, Conditional DETR and DAB-DETR have one"
            )
        decoder = query is not None
        if decoder not in self.kept:
            self.kept[decoder] = self._run(decoder)
        found = self.kept[decoder]
        row = query if point is None else _cell(point, self.placement, self.grid, self.stride)
        if row is None or not 0 <= row < found.shape[2]:
            raise ValueError(f"there are {found.shape[2]} queries, numbered from 0; got {query}")
        found = torch.unflatten(found[:, :, row], 2, self.grid)
        if average_heads:
            found = found.mean(dim=1)
        return found.mean(dim=0) if average_layers else found

    @exclusive("module")
    @exact_mode
    @torch.no_grad()
    def _run(self, decoder: bool) -> Tensor:
        """Weights ``[layers,heads,from,tokens]`` of the decoder's cross-attention or the encoder's self-attention."""
        outputs = with_attributes(
            _eager(self.module), lambda: self.module(pixel_values=self.pixels, output_attentions=True)
        )
        layers = outputs.cross_attentions if decoder else outputs.encoder_attentions
        return torch.stack([layer[0] for layer in layers])


def _eager(module: nn.Module) -> list[tuple[nn.Module, str, Any]]:
    """The changes that make every part of a transformers module use "eager" attention, which returns its weights.

    The parts get configurations of their own: another module may have been made from the same one.
    """
    configs: dict[nn.Module, Any] = {part: part.config for part in module.modules() if "config" in vars(part)}
    own = {id(config): copy(config) for config in configs.values()}
    for config in own.values():
        config._attn_implementation_internal = "eager"
    return [(part, "config", own[id(config)]) for part, config in configs.items()]


def _cell(point: tuple[float, float], placement: Placement, grid: tuple[int, int], stride: tuple[float, float]) -> int:
    """The number of the grid's cell that holds a point (x, y) in pixels of the original image."""
    height, width = placement.image_size
    if not (0 <= point[0] <= width and 0 <= point[1] <= height):
        raise ValueError(f"point must be (x, y) in an image of {width}x{height} pixels, got {point}")
    at = placement.points_to_grid(torch.tensor([point], dtype=torch.float64, device="cpu"), stride)
    cell: list[int] = (at[0] + 0.5).floor().long().tolist()
    column, row = cell
    return min(max(row, 0), grid[0] - 1) * grid[1] + min(max(column, 0), grid[1] - 1)
