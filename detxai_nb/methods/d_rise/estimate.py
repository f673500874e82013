"""From weights and masks to D-RISE's maps, and how far two independent halves of the masks agree on them."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.d_rise.masks import Drawn, MaskGrid
from detxai_nb.statistics import rank_correlation

WEIGHTS = ("centred", "plain")


def estimate(sums: Tensor, kept: Tensor, mean: Tensor, expected: float, weights: str) -> Tensor:
    """Compute maps from weighted sums of masks: the mean weight of the masks that keep a pixel.

    Args:
        sums: ``[T,...]``, the masks weighted and added up, for each of T targets.
        kept: ``[...]``, the masks added up.
        mean: ``[T]``, the mean weight.
        expected: how many masks are expected to keep a pixel, their number times the probability.
        weights: "plain" is the paper's ``sums / expected``. "centred" estimates the same with less noise: weights less
            their mean, over the masks that did keep the pixel, and the mean added again, ``mean + sum_i (w_i - mean)
            M_i / sum_i M_i``, which is ``sums / kept``. If no mask keeps a pixel nothing is known about it, and it gets
            the mean.

    Returns:
        Maps ``[T,...]``, non-negative.

    References:
        Petsiuk et al., D-RISE (CVPR 2021), sec. 3; "centred" is ours.
    """
    if weights == "plain":
        return sums / expected
    seen = kept > 0
    flat = mean.view(-1, *[1] * kept.ndim).expand_as(sums)
    return torch.where(seen, sums / torch.where(seen, kept, 1), flat)


def maps_of(grid: MaskGrid, drawn: Drawn, weights: Tensor, probability: float, kind: str) -> Tensor:
    """Compute the maps of all targets at the image's size from all masks.

    Args:
        grid: how a grid becomes a mask of the image.
        drawn: the n masks.
        weights: ``[n,T]``, of each mask for each target.
        probability: of keeping a cell.
        kind: "plain" or "centred", see ``estimate``.

    Returns:
        float32 ``[T,H,W]``, non-negative.
    """
    sums = grid.sums(drawn, torch.cat([weights, weights.new_ones(len(drawn), 1)], dim=1))
    mean = weights.mean(dim=0).to(sums.dtype)
    return estimate(sums[:-1], sums[-1], mean, len(drawn) * probability, kind).float()


class SplitHalves:
    """Running sums of two independent halves of the masks, on the grid's lattice.

    Groups of masks go to the halves by turns. Each batch adds one matrix product of weights and masks.

    Args:
        grid: how a grid becomes a mask of the image.
        targets: the number T of targets.
        probability: of keeping a cell.
        kind: "plain" or "centred", see ``estimate``.
    """

    def __init__(self, grid: MaskGrid, targets: int, probability: float, kind: str) -> None:
        self._grid, self._probability, self._kind = grid, probability, kind
        rows, columns = grid.lattice
        # The last row counts the masks themselves.
        self._sums = torch.zeros(2, targets + 1, len(rows) * len(columns), dtype=grid.exact, device=rows.device)
        self._weights = self._sums.new_zeros(2, targets + 1)

    def add(self, drawn: Drawn, first: int, weights: Tensor) -> None:
        """Add masks with their weights.

        Args:
            drawn: the n masks.
            first: the number of the first one among all masks.
            weights: ``[n,T]``, of each mask for each target.
        """
        masks = self._grid.masks(drawn, lattice=True).flatten(1).to(self._sums.dtype)
        half = torch.arange(first, first + len(drawn), device=masks.device) // drawn.group % 2
        weights = torch.cat([weights.to(masks.dtype), masks.new_ones(len(drawn), 1)], dim=1)
        parted = torch.stack([weights.T * (half == side) for side in (0, 1)])
        self._sums += (parted.flatten(0, 1) @ masks).view_as(self._sums)
        self._weights += parted.sum(dim=2)

    def agreement(self) -> Tensor:
        """Compute the rank correlation of the two halves' maps for each target.

        Returns:
            float64 ``[T]`` in -1..1 on the CPU; 0 while a half is empty, and if a half's map is the same everywhere.
        """
        counts = self._weights[:, -1]
        if not bool(counts.all()):
            return torch.zeros(self._sums.shape[1] - 1, dtype=torch.float64, device="cpu")
        maps = [
            estimate(sums[:-1], sums[-1], total[:-1] / count, float(count) * self._probability, self._kind)
            for sums, total, count in zip(self._sums, self._weights, counts)
        ]
        return rank_correlation(maps[0], maps[1]).cpu().double()
