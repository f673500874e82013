"""Where a DETR reads the cells of a grid: its strides, and the coordinates of the samplers of deformable attention."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from detxai_nb.detectors.detr.anatomy import Anatomy
from detxai_nb.detectors.detr.variants import Variant
from detxai_nb.detectors.trace.strides import measure_strides
from detxai_nb.geometry import sampler_shift


def read_grid(
    module: Any, variant: Variant, anatomy: Anatomy, layer: str, batch: Tensor, grid: Tensor
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return how a layer's grid is read.

    With attention over all cells, its cells are as large as the backbone's convolutions make them. Deformable attention
    samples every grid at shares of its height and width: a cell is that share of the input, whatever the convolutions
    did, and its middle is read at the cell's middle (``grid_sample`` with ``align_corners=False``). With the method
    "discrete" of RT-DETRv2 and D-FINE a location is rounded to the cell whose number is nearest, so cell ``i`` is read
    at ``i`` times its size.

    Args:
        module: the transformers module, in evaluation mode.
        variant: its variant.
        anatomy: its parts.
        layer: one of ``anatomy.layers``.
        batch: the network's input ``[1,3,H,W]``.
        grid: the layer's map ``[1,C,h,w]``.

    Returns:
        The stride (y, x), and where the grid begins, (y, x), both in input pixels.
    """
    if anatomy.maps is None or not variant.dense:
        stride = batch.shape[-2] / grid.shape[-2], batch.shape[-1] / grid.shape[-1]
        discrete = getattr(module.config, "decoder_method", "default") == "discrete"
        return stride, sampler_shift(stride) if discrete else (0.0, 0.0)
    return measure_strides(module, "backbone", anatomy.maps, batch, {layer: grid})[layer], (0.0, 0.0)
