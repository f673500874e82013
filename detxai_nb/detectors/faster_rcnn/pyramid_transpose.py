"""The transpose of torchvision's feature pyramid network: gradients at its levels carried back to its inputs.

In evaluation the network is linear: lateral 1x1 convolutions, a top-down sum with nearest upsampling, a 3x3 convolution
on each level. Its transpose needs no activations, and a gradient that is zero outside a window of a level is zero
outside a slightly larger window of every map before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork, FrozenBatchNorm2d

from detxai_nb.detectors.faster_rcnn.pooling import separable


@dataclass(frozen=True, eq=False)
class Window:
    """Gradients on windows of one grid, zero outside.

    Attributes:
        gradient: ``[n,C,a,b]``.
        corner: int64 ``[n,2]``, (row, column) of each window's first cell; it may lie beyond the grid.
    """

    gradient: Tensor
    corner: Tensor


class PyramidTranspose:
    """The transpose of a ``FeaturePyramidNetwork`` for one image; levels count from the finest, as the stages do.

    The lateral outputs ``[1,C,h,w]`` before the top-down sum are kept as ``laterals``.

    Args:
        fpn: the network, one that ``is_linear`` accepts.
        stages: the backbone's outputs ``[1,C,h,w]`` in the network's order.
    """

    def __init__(self, fpn: FeaturePyramidNetwork, stages: Sequence[Tensor]) -> None:
        self._laterals = [_layers(block) for block in fpn.inner_blocks]
        self._outputs = [_layers(block) for block in fpn.layer_blocks]
        self._sizes = [(x.shape[2], x.shape[3]) for x in stages]
        self.laterals = [block(x) for block, x in zip(fpn.inner_blocks, stages)]

    def to_lateral(self, level: int, window: Window, target: int) -> Window | None:
        """Carry gradients from a level of the pyramid to a lateral output.

        Args:
            level: number of the pyramid level.
            window: gradients there.
            target: number of the lateral output.

        Returns:
            Gradients at the lateral output; None if the level does not depend on it (a finer one).
        """
        if target < level:
            return None
        window = self._inside(level, _through(self._outputs[level], window))
        for at in range(level, target):
            window = self._coarser(at, window)
        return window

    def to_stage(self, level: int, window: Window, target: int) -> Window | None:
        """Carry gradients from a level of the pyramid to a backbone stage.

        Args:
            level: number of the pyramid level.
            window: gradients there.
            target: number of the stage.

        Returns:
            Gradients at the stage; None if the level does not depend on it (a finer one).
        """
        lateral = self.to_lateral(level, window, target)
        return None if lateral is None else self._inside(target, _through(self._laterals[target], lateral))

    def _inside(self, level: int, window: Window) -> Window:
        """Set the gradients beyond the level's grid to zero."""
        down, across = (
            (index >= 0) & (index < cells) for index, cells in zip(_indices(window), self._sizes[level], strict=True)
        )
        mask = down[:, None, :, None] & across[:, None, None, :]
        return Window(window.gradient * mask, window.corner)

    def _coarser(self, level: int, window: Window) -> Window:
        """Transpose of the nearest upsampling from the next level: sums over the copies of each cell."""
        matrices, corner = [], []
        for axis, index in enumerate(_indices(window)):
            fine, coarse = self._sizes[level][axis], self._sizes[level + 1][axis]
            source = _upsampled_from(coarse, fine, window.gradient.device)[index.clamp(0, fine - 1)]
            inside = (index >= 0) & (index < fine)
            # One more than the minimum, since interpolation rounds its positions.
            cells = min(coarse, -(-(index.shape[1] - 1) * coarse // fine) + 2)
            first = source[:, 0].clamp(max=coarse - cells)
            copied = source[:, :, None] == first[:, None, None] + torch.arange(cells, device=source.device)
            matrices.append((copied & inside[:, :, None]).to(window.gradient.dtype))
            corner.append(first)
        return Window(separable(matrices[0], window.gradient, matrices[1]), torch.stack(corner, dim=1))


def is_linear(fpn: Any) -> bool:
    """Return whether ``PyramidTranspose`` can be used for a network.

    Args:
        fpn: any module.

    Returns:
        True for torchvision's own ``FeaturePyramidNetwork`` of same-size convolutions and batch norms only.
    """
    if type(fpn) is not FeaturePyramidNetwork:
        return False
    return all(_fits(layer) for block in (*fpn.inner_blocks, *fpn.layer_blocks) for layer in _layers(block))


def _layers(block: nn.Module) -> list[nn.Module]:
    """The layers of a block of the network, in order."""
    return [part for part in block.modules() if not list(part.children())]


def _fits(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        size = layer.kernel_size
        same = layer.padding == (size[0] // 2, size[1] // 2) and size[0] % 2 == size[1] % 2 == 1
        return same and layer.stride == layer.dilation == (1, 1) and layer.padding_mode == "zeros"
    return isinstance(layer, FrozenBatchNorm2d) or (isinstance(layer, nn.BatchNorm2d) and layer.track_running_stats)


def _through(layers: Sequence[Any], window: Window) -> Window:
    """Carry gradients from a block's output to its input; a convolution widens the window by half its kernel."""
    gradient, corner = window.gradient, window.corner
    for layer in reversed(layers):
        if isinstance(layer, nn.Conv2d):
            gradient = F.conv_transpose2d(gradient, layer.weight.detach(), groups=layer.groups)
            corner = corner - torch.tensor([k // 2 for k in layer.kernel_size], device=corner.device)
        else:
            gradient = gradient * _slope(layer)[:, None, None]
    return Window(gradient, corner)


def _slope(norm: Any) -> Tensor:
    """Factor of each channel ``[C]`` in a batch norm in evaluation mode."""
    slope = torch.rsqrt(norm.running_var + norm.eps)
    return slope if norm.weight is None else slope * norm.weight.detach()


def _indices(window: Window) -> list[Tensor]:
    """Rows ``[n,a]`` and columns ``[n,b]`` of the windows' cells on the grid."""
    return [
        window.corner[:, axis, None] + torch.arange(window.gradient.shape[2 + axis], device=window.corner.device)
        for axis in (0, 1)
    ]


def _upsampled_from(coarse: int, fine: int, device: torch.device) -> Tensor:
    """For each of ``fine`` cells the one of ``coarse`` cells that ``F.interpolate`` copies, ``[fine]``."""
    numbers = torch.arange(coarse, dtype=torch.float32, device=device)
    return F.interpolate(numbers[None, None], size=fine, mode="nearest")[0, 0].long()
