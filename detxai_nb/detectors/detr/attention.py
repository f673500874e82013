"""A DETR's attention as maps: what a query looks at, and what a place in the image looks at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.base import evaluating
from detxai_nb.detectors.detr.variants import Variant
from detxai_nb.geometry import Placement, grid_stride


@dataclass(frozen=True, eq=False)
class Attention:
    """The attention of one image's forward pass.

    ``pixels`` ``[1,3,h,w]``: the network's input; ``grid``: rows and columns of the encoder's tokens. The network runs
    once for each kind of attention that is asked for; ``kept`` holds its weights for further queries.
    """

    module: Any
    variant: Variant
    pixels: Tensor
    placement: Placement
    grid: tuple[int, int]
    kept: dict[bool, Tensor] = field(default_factory=dict)

    def maps(
        self, query: int | None, point: tuple[float, float] | None, average_heads: bool, average_layers: bool
    ) -> Tensor:
        """See ``DetrTrace.attention``."""
        if (query is None) == (point is None):
            raise ValueError("give either query= (decoder cross-attention) or point= (encoder self-attention)")
        if not self.variant.dense:
            raise ValueError(
                f"{type(self.module).__name__} has deformable attention: each query looks at a few sampled points of "
                "several grids, so it has no attention map over all cells; DETR, Conditional DETR and DAB-DETR have one"
            )
        decoder = query is not None
        if decoder not in self.kept:
            self.kept[decoder] = self._run(decoder)
        found = self.kept[decoder]
        row = query if point is None else _cell(point, self.placement, self.grid)
        if row is None or not 0 <= row < found.shape[2]:
            raise ValueError(f"there are {found.shape[2]} queries, numbered from 0; got {query}")
        found = found[:, :, row].unflatten(2, self.grid)
        if average_heads:
            found = found.mean(dim=1)
        return found.mean(dim=0) if average_layers else found

    @torch.inference_mode(False)
    @torch.no_grad()
    def _run(self, decoder: bool) -> Tensor:
        """Every weight of the decoder's cross-attention or the encoder's self-attention, [layers,heads,from,tokens]."""
        with evaluating(self.module), plain_attention(self.module):
            outputs = self.module(pixel_values=self.pixels, output_attentions=True)
        layers = outputs.cross_attentions if decoder else outputs.encoder_attentions
        return torch.stack([layer[0] for layer in layers])


@contextmanager
def plain_attention(module: nn.Module) -> Iterator[None]:
    """transformers' "eager" attention inside, the one that tells its weights; afterwards each setting as before."""
    configs: dict[int, Any] = {id(part.config): part.config for part in module.modules() if hasattr(part, "config")}
    before = {key: getattr(config, "_attn_implementation_internal", None) for key, config in configs.items()}
    try:
        for config in configs.values():
            config._attn_implementation_internal = "eager"
        yield
    finally:
        for key, config in configs.items():
            config._attn_implementation_internal = before[key]


def _cell(point: tuple[float, float], placement: Placement, grid: tuple[int, int]) -> int:
    """The number of the grid's cell that holds a point (x, y) in pixels of the original image."""
    height, width = placement.image_size
    if not (0 <= point[0] <= width and 0 <= point[1] <= height):
        raise ValueError(f"point is (x, y) in an image of {width}x{height} pixels, got {point}")
    size = torch.empty(grid)
    at = placement.points_to_grid(torch.tensor([point], dtype=torch.float64), grid_stride(placement.input_size, size))
    column, row = (at[0] + 0.5).floor().long().tolist()
    return min(max(row, 0), grid[0] - 1) * grid[1] + min(max(column, 0), grid[1] - 1)
