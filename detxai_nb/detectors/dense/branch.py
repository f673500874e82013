"""One branch of a dense detection head: the convolutions from a pyramid level to one set of outputs at each cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from detxai_nb.detectors.dense.convolutions import ConvStep, cut_windows, reach_of, run_windows
from detxai_nb.winograd import Kernels

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
        self.kernels = Kernels()
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
