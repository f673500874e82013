"""One branch of a dense detection head: the convolutions from a pyramid level to one set of outputs at each cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from detxai_nb.detectors.dense.convolutions import (
    ConvStep,
    GroupNormTower,
    OpenTower,
    cut_windows,
    reach_of,
    run_windows,
)

_POINTWISE = (
    nn.BatchNorm2d,
    FrozenBatchNorm2d,
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.SiLU,
    nn.GELU,
    nn.Hardswish,
    nn.ELU,
    nn.Identity,
    nn.Dropout,
)
"""Layers that treat each location by itself in evaluation mode."""


@dataclass(frozen=True, eq=False)
class BranchPart:
    """One convolution of a tower with what follows it: GroupNorm and ReLU (``norm``), or pointwise layers (``after``).

    Attributes:
        conv: the convolution.
        norm: the GroupNorm after it, itself followed by ReLU; None if what follows is pointwise.
        after: what follows without a GroupNorm; it treats each location by itself.
    """

    conv: nn.Conv2d
    norm: nn.GroupNorm | None = None
    after: Callable[[Tensor], Tensor] = lambda x: x

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.after(x) if self.norm is None else self.norm(x).relu()


class Branch:
    """A tower of convolutions and the last convolutions that read it: one set of outputs at each cell.

    Args:
        parts: the tower; all parts have group normalisation, or none has.
        ends: the last convolutions, of one kernel size and one group; their outputs are concatenated in this order.
        stops: the numbers of parts after which an activation has a name of its own; by default after each part.

    Raises:
        ValueError: if only some parts have group normalisation, or the convolutions are not of the kind expected.
    """

    def __init__(
        self, parts: Sequence[BranchPart], ends: Sequence[nn.Conv2d], stops: Sequence[int] | None = None
    ) -> None:
        self.parts = tuple(parts)
        self.ends = tuple(ends)
        self.stops = tuple(range(1, len(parts) + 1)) if stops is None else tuple(stops)
        self.local = all(part.norm is None for part in parts)
        if not self.local and any(part.norm is None for part in parts):
            raise ValueError(
                "expected a detection head with group normalisation after every convolution, or after none"
            )
        self.end = _concatenate(ends)
        self.reach = reach_of([ConvStep.of(part.conv) for part in parts]) + self.end.reach

    @classmethod
    def of(cls, tower: Iterable[nn.Module], ends: Sequence[nn.Conv2d]) -> Branch:
        """Return the branch of a tower of convolutions, each followed by modules for normalisation and activation.

        Args:
            tower: the modules in order; ``nn.Sequential`` may be nested.
            ends: the last convolutions, as for ``Branch``.

        Returns:
            The branch, with a stop after each convolution of the tower.

        Raises:
            ValueError: if the tower holds other modules, or GroupNorm is not followed by ReLU alone.
        """
        return cls(list(_parts(tower)), ends)

    def after(self, count: int) -> Branch:
        """Return the rest of the branch after its first parts.

        Args:
            count: the number of parts to leave out.

        Returns:
            A branch that reads the activation after those parts.
        """
        return Branch(self.parts[count:], self.ends)

    def activation(self, features: Tensor, count: int) -> Tensor:
        """Return the activation after the first parts, on a whole level.

        Args:
            features: the level ``[C,h,w]``.
            count: the number of parts to run.

        Returns:
            The activation ``[C',h,w]``.
        """
        x = features[None]
        for part in self.parts[:count]:
            x = part(x)
        return x[0]

    def of_maps(self, maps: Tensor, at: Tensor) -> Tensor:
        """Return the outputs at cells of several versions of a level, with their graph.

        Args:
            maps: ``[B,C,h,w]``.
            at: int64 ``[n,2]``, (row, column) of each cell.

        Returns:
            Outputs ``[B,n,K]``, those of the last convolutions concatenated.
        """
        steps = [self.end]
        if self.local:
            steps = [*(ConvStep.of(part.conv, part.after) for part in self.parts), self.end]
        else:
            for part in self.parts:
                maps = part(maps)
        cut = [cut_windows(features, at, reach_of(steps)) for features in maps]
        windows, masks = (torch.cat(parts) for parts in zip(*cut))
        return torch.unflatten(run_windows(steps, windows, masks), 0, (len(maps), len(at)))


class BranchRun:
    """A branch on one pyramid level. Group normalisation takes its statistics from the whole level.

    Args:
        branch: the branch.
        features: the level ``[C,h,w]``.
        fixed: whether the statistics of group normalisation are constants, which makes the branch local.
    """

    def __init__(self, branch: Branch, features: Tensor, fixed: bool = False) -> None:
        self._end = branch.end
        self.features = features
        self.reach = branch.reach
        self.local = branch.local or fixed
        self._tower: GroupNormTower | OpenTower | None = None
        after = [part.after for part in branch.parts]
        if not branch.local:
            norms = [part.norm for part in branch.parts if part.norm is not None]
            with torch.no_grad():
                self._tower = GroupNormTower([part.conv for part in branch.parts], norms, features)
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

    def _gradient_at_tower(self, slope: Tensor, at: Tensor, output: Tensor) -> Tensor:
        """The gradient ``[n,C,h,w]`` at the tower's output: the weights of the last convolutions around each cell."""
        patches = torch.einsum("nk,kcyx->ncyx", slope, self._end.weight)
        return _scatter_patches(patches, at, self._end.reach, output.shape[1:])


def tower_branches(head: Any, outputs: Mapping[str, tuple[str, Sequence[str]]]) -> dict[str, Branch]:
    """Return the branches of a head that is built as torchvision's.

    There each branch is a module with a tower ``conv`` and the last convolutions, which read the tower.

    Args:
        head: the head.
        outputs: for each branch the name of its module in the head and those of its last convolutions.

    Returns:
        The branches by the names in ``outputs``.

    Raises:
        ValueError: if the head is built otherwise.
    """
    found = {}
    for name, (part, ends) in outputs.items():
        modules: list[Any] = [getattr(getattr(head, part, None), attribute, None) for attribute in ("conv", *ends)]
        if None in modules:
            wanted = ", ".join(f"{part}.{attribute}" for attribute in ("conv", *ends))
            raise ValueError(f"expected a head with {wanted} as torchvision's has, got {type(head).__name__}")
        found[name] = Branch.of(modules[0], modules[1:])
    return found


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


def _concatenate(ends: Sequence[nn.Conv2d]) -> ConvStep:
    """Several convolutions of the same map as one, with their outputs concatenated."""
    steps = [ConvStep.of(end) for end in ends]
    if len({step.reach for step in steps}) != 1 or any(step.groups != 1 for step in steps):
        raise ValueError(
            f"expected last convolutions of one kernel size and one group in the detection head, got {ends}"
        )
    biases = [step.weight.new_zeros(len(step.weight)) if step.bias is None else step.bias for step in steps]
    return ConvStep(torch.cat([step.weight for step in steps]).detach(), torch.cat(biases).detach())


def _parts(modules: Iterable[nn.Module]) -> Iterator[BranchPart]:
    """The parts of a tower; nested sequences are flattened."""
    conv: nn.Conv2d | None = None
    after: list[nn.Module] = []
    for module in _flatten(modules):
        if isinstance(module, nn.Conv2d):
            if conv is not None:
                yield _part(conv, after)
            conv, after = module, []
        elif conv is None or not isinstance(module, (nn.GroupNorm, *_POINTWISE)):
            raise ValueError(
                "expected the towers of the detection head to be convolutions, each followed by normalisation (batch "
                f"or group) and an activation, got {type(module).__name__}"
            )
        else:
            after.append(module)
    if conv is not None:
        yield _part(conv, after)


def _flatten(modules: Iterable[nn.Module]) -> Iterator[nn.Module]:
    for module in modules:
        if isinstance(module, nn.Sequential):
            yield from _flatten(module)
        else:
            yield module


def _part(conv: nn.Conv2d, after: list[nn.Module]) -> BranchPart:
    if not any(isinstance(module, nn.GroupNorm) for module in after):
        return BranchPart(conv, after=nn.Sequential(*after))
    norm = after[0]
    if len(after) != 2 or not isinstance(norm, nn.GroupNorm) or not isinstance(after[1], nn.ReLU):
        names = ", ".join(type(module).__name__ for module in after)
        raise ValueError(f"expected GroupNorm and ReLU after a convolution of the detection head, got {names}")
    return BranchPart(conv, norm)
