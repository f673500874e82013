"""D-RISE's masks: which cells of a grid are kept, what mask they make, and weighted sums of masks without the masks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

SAMPLINGS = ("balanced", "plain")
_MOST_IN_GROUP = 20
_BLOCK = 64


@dataclass(frozen=True, eq=False)
class Drawn:
    """Masks as they were drawn.

    Attributes:
        kept: bool ``[n,s,s]``, the cells that each mask keeps.
        offsets: int64 ``[n,2]``, the crops' offsets (y, x) in pixels.
        group: this many masks in a row belong together; groups are independent of each other.
    """

    kept: Tensor
    offsets: Tensor
    group: int

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, rows: slice) -> Drawn:
        return Drawn(self.kept[rows], self.offsets[rows], self.group)

    def to(self, device: torch.device) -> Drawn:
        """Return the same masks on another device.

        Args:
            device: where to.

        Returns:
            A copy there.
        """
        return Drawn(self.kept.to(device), self.offsets.to(device), self.group)


def draw(count: int, cells: int, cell: tuple[int, int], *, probability: float, sampling: str, seed: int) -> Drawn:
    """Draw masks, on the CPU.

    A seed gives the same masks on every device, and the first ones of a longer draw.

    Args:
        count: how many masks.
        cells: cells of a grid on each axis.
        cell: (height, width) of a cell in pixels, above every offset.
        probability: of keeping a cell, between 0 and 1.
        sampling: "plain": every cell of every grid is kept with ``probability``, as in the paper. "balanced": grids
            come in groups of one offset in which every cell is kept equally often, at random places in the group; at a
            probability of 0.5 these are antithetic pairs.
        seed: of the generator.

    Returns:
        The masks as grids and offsets.

    Raises:
        ValueError: for balanced sampling at a probability that is no fraction of small numbers.
    """
    random = torch.Generator().manual_seed(seed)
    group, keep = group_size(probability) if sampling == "balanced" else (1, 0)
    grids, offsets = [], []
    for _ in range(-(-count // (_BLOCK * group))):
        chance = torch.rand(_BLOCK, group, cells, cells, generator=random, dtype=torch.float32, device="cpu")
        # Orders of a group's members are permutations, so that exactly `keep` of them are below `keep`.
        grids.append(chance.argsort(dim=1) < keep if keep else chance < probability)
        corner = torch.stack([torch.randint(side, (_BLOCK,), generator=random, device="cpu") for side in cell], dim=1)
        offsets.append(corner[:, None].expand(-1, group, -1))
    kept, corners = torch.cat(grids).flatten(0, 1), torch.cat(offsets).flatten(0, 1)
    return Drawn(kept[:count].contiguous(), corners[:count].contiguous(), group)


def group_size(probability: float) -> tuple[int, int]:
    """Return the size of a balanced group of masks.

    Args:
        probability: of keeping a cell, a fraction with a denominator of at most 20.

    Returns:
        How many masks a group has, and in how many of them each cell is kept.

    Raises:
        ValueError: for any other probability.
    """
    exact = Fraction(probability).limit_denominator(_MOST_IN_GROUP)
    if abs(float(exact) - probability) > 1e-9 or not 0 < exact < 1:
        raise ValueError(
            f"balanced sampling keeps every cell equally often, so the probability is a fraction with a denominator "
            f"of at most {_MOST_IN_GROUP}, such as 0.5 or 0.25; got {probability!r}. Take one of those, "
            "or sampling='plain'"
        )
    return exact.denominator, exact.numerator


class MaskGrid:
    """How a grid of cells becomes a mask of an image, 1 where it is kept.

    A cell is ceil(height / cells) x ceil(width / cells) pixels. The grid is upsampled bilinearly (half-pixel centres,
    clamped at the rim) to the size of cells + 1 cells each way, and cropped at the mask's offset, which is less than a
    cell.

    ``lattice`` holds the (rows, columns) of a coarse lattice of pixels, about four a cell each way: on it masks have
    nearly all that they have at every pixel, and cost nearly nothing.

    Args:
        size: (height, width) of the image in pixels.
        cells: on each axis.
        device: of the masks.

    References:
        Petsiuk et al., D-RISE (CVPR 2021), sec. 3.2, after RISE (BMVC 2018).
    """

    def __init__(self, size: tuple[int, int], cells: int, device: torch.device) -> None:
        self.size = size
        self.cells = cells
        self.cell = (-(-size[0] // cells), -(-size[1] // cells))
        # Apple's GPUs have no float64.
        self.exact = torch.float32 if device.type == "mps" else torch.float64
        self._up = tuple(_upsampling(cells, (cells + 1) * side).to(device, self.exact) for side in self.cell)
        self._all = tuple(torch.arange(side, device=device) for side in size)
        steps = [max(1, side // 4) for side in self.cell]
        self.lattice = tuple(pixels[step // 2 :: step] for pixels, step in zip(self._all, steps))

    def masks(self, drawn: Drawn, *, lattice: bool = False) -> Tensor:
        """Make masks.

        Args:
            drawn: n masks as they were drawn.
            lattice: only at the pixels of the lattice.

        Returns:
            float32 ``[n,H,W]`` in 0..1; on the lattice ``[n,h,w]``.
        """
        pixels = self.lattice if lattice else self._all
        rows, columns = (
            up.float()[offset[:, None] + at] for up, offset, at in zip(self._up, drawn.offsets.unbind(1), pixels)
        )
        return rows @ drawn.kept.float() @ columns.transpose(1, 2)

    def sums(self, drawn: Drawn, weights: Tensor) -> Tensor:
        """Compute ``sum_i weights[i,t] * mask_i`` for each target t, without making a mask.

        A mask is ``Y[oy] kept X[ox]^T`` with the rows of the upsampling at its offset, so the weighted grids of each
        offset are added up first, and two matrix products, with the upsamplings of all offsets side by side, bring the
        whole to the image.

        Args:
            drawn: n masks as they were drawn.
            weights: ``[n,T]``, of each mask for each target.

        Returns:
            float64 ``[T,H,W]`` (float32 on Apple's GPUs).
        """
        (down, across), (oy, ox) = self.cell, drawn.offsets.unbind(1)
        mask, row, column = drawn.kept.nonzero().unbind(1)
        at = (oy[mask] * self.cells + row) * (across * self.cells) + ox[mask] * self.cells + column
        left, right = (self._side_by_side(axis) for axis in (0, 1))
        found = torch.empty(weights.shape[1], *self.size, dtype=self.exact, device=weights.device)
        for t, values in enumerate(weights.to(self.exact).unbind(1)):
            grids = values.new_zeros(down * self.cells * across * self.cells).index_add_(0, at, values[mask])
            found[t] = left @ grids.view(down * self.cells, across * self.cells) @ right.T
        return found

    def _side_by_side(self, axis: int) -> Tensor:
        """``[pixels, cell * cells]``: for each offset the upsampling's rows from there on."""
        offsets = torch.arange(self.cell[axis], device=self._all[axis].device)
        return self._up[axis][self._all[axis][:, None] + offsets].flatten(1)


def _upsampling(cells: int, pixels: int) -> Tensor:
    """Bilinear weights ``[pixels, cells]`` of one axis, in float64."""
    one_each = torch.eye(cells, dtype=torch.float64, device="cpu")[None]
    return F.interpolate(one_each, size=pixels, mode="linear", align_corners=False)[0].T
