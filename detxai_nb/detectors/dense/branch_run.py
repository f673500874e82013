"""One branch of a dense detection head on one pyramid level: its outputs, and gradients carried back from them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.detectors.dense.branch import Branch
from detxai_nb.detectors.dense.contraction import Contraction, products_on_windows
from detxai_nb.detectors.dense.convolutions import ConvStep, OpenTower, cut_windows, run_windows
from detxai_nb.detectors.dense.group_norm import GroupNormTower
from detxai_nb.detectors.dense.norm_products import NormProducts
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.windows import take_windows

WINDOWS, DENSE = "windows", "dense"


class BranchRun:
    """A branch on one pyramid level. Group normalisation takes its statistics from the whole level.

    Args:
        branch: the branch.
        features: the level ``[C,h,w]``.
        fixed: whether the statistics of group normalisation are constants, which makes the branch local.
    """

    def __init__(self, branch: Branch, features: Tensor, fixed: bool = False) -> None:
        self._end = branch.end
        self._kernels = branch.kernels
        self.features = features
        self.reach = branch.reach
        self.local = branch.local or fixed
        self._tower: GroupNormTower | OpenTower | None = None
        self._contraction: Contraction | None = None
        self._norm_products: NormProducts | None = None
        after = [part.after for part in branch.parts]
        if not branch.local:
            norms = [part.norm for part in branch.parts if part.norm is not None]
            with torch.no_grad():
                self._tower = GroupNormTower([part.conv for part in branch.parts], norms, features, branch.kernels)
            after = self._tower.fixed_norms()
        self._steps = [*(ConvStep.of(part.conv, then) for part, then in zip(branch.parts, after)), branch.end]

    @property
    def depth(self) -> int:
        """The number of convolutions."""
        return len(self._steps)

    def on_windows(self, windows: Tensor, mask: Tensor) -> Tensor:
        """Return the outputs at the centres of windows of the level.

        Args:
            windows: ``[n,C,k,k]``, k = ``2 * reach + 1`` cells or wider.
            mask: ``[n,1,k,k]``, 1 for cells on the level, else 0.

        Returns:
            Outputs ``[n,K]``, those of the last convolutions concatenated.
        """
        margin = windows.shape[-1] // 2 - self.reach
        if margin:
            windows, mask = (x[:, :, margin:-margin, margin:-margin] for x in (windows, mask))
        return run_windows(self._steps, windows, mask)

    def open_for(self, count: int) -> bool:
        """Run the tower on the whole level if that takes less than running it on windows around predictions.

        Args:
            count: the number of predictions.

        Returns:
            Whether the tower is open, so that ``pull_windows`` can be called.
        """
        if self._tower is None and self.features.numel():
            size, windows, level = 2 * self.reach + 1, 0, 0
            for step in self._steps[:-1]:
                size -= 2 * step.reach
                windows += step.weight.numel() * size**2
                level += step.weight.numel() * self.features[0].numel()
            if level <= count * windows:
                self._tower = OpenTower(self._steps[:-1], self.features)
        return self._tower is not None

    def pull_windows(self, slope: Tensor, at: Tensor) -> Tensor:
        """Return what ``pull`` does for a local branch, on windows alone; the tower has to be open.

        Args:
            slope: ``[n,K]``, the gradient of each scalar with respect to the outputs at its cell.
            at: int64 ``[n,2]``, (row, column) of each cell.

        Returns:
            Gradients ``[n,C,k,k]`` in a window around each cell, k = ``2 * reach + 1``; those of cells beyond the level
            belong to its padding.

        Raises:
            RuntimeError: if the tower is not open.
        """
        patches = torch.einsum("nk,kcyx->ncyx", slope, self._end.weight)
        if isinstance(self._tower, OpenTower):
            return self._tower.backward(patches, at)
        if self._tower is None:
            raise RuntimeError("the tower was not run on the whole level; call open_for first")
        return self._tower.backward_on_windows(patches, at)

    def at_cells(self, at: Tensor) -> Tensor:
        """Return the outputs at cells of the level.

        Args:
            at: int64 ``[n,2]``, (row, column) of each cell.

        Returns:
            Outputs ``[n,K]``, those of the last convolutions concatenated.
        """
        if self._tower is None:
            return self.on_windows(*cut_windows(self.features, at, self.reach))
        windows, _ = cut_windows(self._tower.output, at, self._end.reach)
        return F.conv2d(windows, self._end.weight, self._end.bias)[:, :, 0, 0]

    def pull(self, slope: Tensor, at: Tensor) -> Tensor:
        """Return vector-Jacobian products: gradients at the outputs carried back to the level, exactly.

        Args:
            slope: ``[n,K]``, the gradient of each scalar with respect to the outputs at its cell.
            at: int64 ``[n,2]``, (row, column) of each cell.

        Returns:
            Gradients ``[n,C,h,w]`` on the whole level.
        """
        if isinstance(self._tower, GroupNormTower):
            return self._tower.backward(self._gradient_at_tower(slope, at, self._tower.output))
        windows, mask = cut_windows(self.features, at, self.reach)
        with torch.enable_grad():
            windows.requires_grad_()
            (gradient,) = torch.autograd.grad(self.on_windows(windows, mask), windows, slope)
        return _scatter_patches(gradient * mask, at, self.reach, self.features.shape[1:])

    def window_products(self, slope: Tensor, at: Tensor, count: int) -> Tensor:
        """Return ``sum_C G * A`` of a local branch in windows, with G from ``pull_windows``; the tower has to be open.

        Args:
            slope, at: as for ``pull_windows``.
            count: of how many predictions they will be asked for; of many the lowest convolution is contracted with the
                level once.

        Returns:
            ``[n,k,k]`` in a window around each cell, k = ``2 * reach + 1``; zero beyond the level.
        """
        layers = [] if self._tower is None else self._tower.layers
        if layers:
            bottom = layers[0][0]
            side = 2 * (self.reach - bottom.reach) + 1
            if self._contraction is None and Contraction.pays(bottom, self.features, count * side**2):
                self._contraction = Contraction(bottom, self.features)
            if self._contraction is not None:
                patches = torch.einsum("nk,kcyx->ncyx", slope, self._end.weight)
                return products_on_windows(layers, self._contraction, patches, at)
        gradient = self.pull_windows(slope, at)
        return (gradient * take_windows(self.features, at - self.reach, gradient.shape[-2:])).sum(dim=1)

    def way(self, count: int) -> str:
        """Say how ``products`` go about so many predictions: the way that takes the fewest multiply-adds.

        Args:
            count: the number of predictions.

        Returns:
            "windows" for a local branch; through group normalisation "objects" or "fields" (see ``NormProducts``), or
            "dense" for a tower that these cannot do.
        """
        if self.local:
            return WINDOWS
        if self._norm_products is None:
            if not isinstance(self._tower, GroupNormTower) or not NormProducts.possible(self._tower):
                return DENSE
            most = 2 * rows_per_chunk(self.features)
            self._norm_products = NormProducts(self._tower, self.features, self._end, self._kernels, most)
        costs = self._norm_products.costs(count)
        return min(costs, key=costs.__getitem__)

    def products(self, slope: Tensor, at: Tensor, way: str) -> Tensor:
        """Return ``sum_C G * A`` on the whole level, with G from ``pull``, exactly.

        Args:
            slope, at: as for ``pull``.
            way: from ``way``.

        Returns:
            Signed maps ``[n,h,w]``.
        """
        if way in (WINDOWS, DENSE) or self._norm_products is None:
            most = rows_per_chunk(self.features)
            pulled = (self.pull(*part) * self.features for part in zip(torch.split(slope, most), torch.split(at, most)))
            return torch.cat([products.sum(dim=1) for products in pulled])
        return self._norm_products.maps(slope, at, way)

    def _gradient_at_tower(self, slope: Tensor, at: Tensor, output: Tensor) -> Tensor:
        """The gradient ``[n,C,h,w]`` at the tower's output: the weights of the last convolutions around each cell."""
        patches = torch.einsum("nk,kcyx->ncyx", slope, self._end.weight)
        return _scatter_patches(patches, at, self._end.reach, output.shape[1:])


def _scatter_patches(patches: Tensor, at: Tensor, reach: int, size: Sequence[int]) -> Tensor:
    """Patches ``[n,C,k,k]`` around the cells ``at`` ``[n,2]`` on grids of zeros, ``[n,C,h,w]``."""
    height, width = size
    count, channels = patches.shape[:2]
    span = torch.arange(2 * reach + 1, device=at.device)
    rows, columns = (at[:, axis, None] + span for axis in (0, 1))
    full = patches.new_zeros(count, channels, height + 2 * reach, width + 2 * reach)
    number = torch.arange(count, device=at.device)[:, None, None]
    full[number, :, rows[:, :, None], columns[:, None, :]] = patches.permute(0, 2, 3, 1)
    return full[:, :, reach : reach + height, reach : reach + width].contiguous()
