"""One branch of a dense detection head: the convolutions that lead from a level of the pyramid to a set of outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from detxai_nb.detectors.dense.convolutions import ConvStep, GroupNormTower, cut_windows, reach_of, run_windows

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
"""What treats each location by itself, in evaluation mode."""


@dataclass(frozen=True, eq=False)
class BranchPart:
    """One convolution, then group normalisation and ReLU (``norm``), or what treats each location by itself."""

    conv: nn.Conv2d
    norm: nn.GroupNorm | None = None
    after: Callable[[Tensor], Tensor] = lambda x: x

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.after(x) if self.norm is None else self.norm(x).relu()


class Branch:
    """A tower of parts and the convolutions that read it, as one set of outputs at each cell.

    ``ends``: convolutions of one kernel size; their outputs stand behind each other. ``stops``: after how many parts
    an activation has a name of its own; by default after each.
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
        self.end = _join(ends)
        self.reach = reach_of([ConvStep.of(part.conv) for part in parts]) + self.end.reach

    @classmethod
    def of(cls, tower: Iterable[nn.Module], ends: Sequence[nn.Conv2d]) -> Branch:
        """The branch of a tower made of convolutions, each with normalisation and activation as modules after it."""
        return cls(list(_parts(tower)), ends)

    def after(self, count: int) -> Branch:
        """What is left of it after so many parts."""
        return Branch(self.parts[count:], self.ends)

    def activation(self, features: Tensor, count: int) -> Tensor:
        """What so many parts make of a whole level ``[C,h,w]``."""
        x = features[None]
        for part in self.parts[:count]:
            x = part(x)
        return x[0]


class BranchRun:
    """A branch on one level ``[C,h,w]``. Group normalisation takes its statistics from the whole level.

    ``fixed``: as constants, so that the branch is local.
    """

    def __init__(self, branch: Branch, features: Tensor, fixed: bool = False) -> None:
        self._end = branch.end
        self.features = features
        self.reach = branch.reach
        self.local = branch.local or fixed
        self._tower: GroupNormTower | None = None
        after = [part.after for part in branch.parts]
        if not branch.local:
            norms: Any = [part.norm for part in branch.parts]
            with torch.no_grad():
                self._tower = GroupNormTower([part.conv for part in branch.parts], norms, features)
            after = self._tower.fixed_norms()
        self._steps = [*(ConvStep.of(part.conv, then) for part, then in zip(branch.parts, after)), branch.end]

    @property
    def depth(self) -> int:
        """How many convolutions it has."""
        return len(self._steps)

    def on_windows(self, windows: Tensor, mask: Tensor) -> Tensor:
        """The outputs ``[n,K]`` at the centres of windows ``[n,C,k,k]`` of the level, of its reach or wider."""
        spare = windows.shape[-1] // 2 - self.reach
        if spare:
            windows, mask = (x[:, :, spare:-spare, spare:-spare] for x in (windows, mask))
        return run_windows(self._steps, windows, mask)

    def at_cells(self, at: Tensor) -> Tensor:
        """The outputs ``[n,K]`` at the cells ``at`` ``[n,2]`` (row, column)."""
        if self._tower is None:
            return self.on_windows(*cut_windows(self.features, at, self.reach))
        windows, _ = cut_windows(self._tower.output, at, self._end.reach)
        return F.conv2d(windows, self._end.weight, self._end.bias)[:, :, 0, 0]

    def pull(self, slope: Tensor, at: Tensor) -> Tensor:
        """From slopes ``[n,K]`` of the outputs at the cells ``at`` to gradients on the whole level, ``[n,C,h,w]``."""
        if self._tower is not None:
            return self._tower.backward(self._seed(slope, at, self._tower.output))
        windows, mask = cut_windows(self.features, at, self.reach)
        with torch.enable_grad():
            windows.requires_grad_()
            (gradient,) = torch.autograd.grad(self.on_windows(windows, mask), windows, slope)
        return _spread(gradient * mask, at, self.reach, self.features.shape[1:])

    def _seed(self, slope: Tensor, at: Tensor, output: Tensor) -> Tensor:
        """The gradient ``[n,C,h,w]`` at the tower's output: the last convolution's weights around each cell."""
        patches = torch.einsum("nk,kcyx->ncyx", slope, self._end.weight)
        return _spread(patches, at, self._end.reach, output.shape[1:])


def tower_branches(head: Any, outputs: Mapping[str, tuple[str, Sequence[str]]]) -> dict[str, Branch]:
    """The branches of a head that is built as torchvision's: a module for each, with a tower ``conv`` and its ends.

    ``outputs``: by the branch's name, the name of its module and those of its last convolutions. ``ValueError`` for a
    head that is built otherwise.
    """
    found = {}
    for name, (part, ends) in outputs.items():
        modules = [getattr(getattr(head, part, None), attribute, None) for attribute in ("conv", *ends)]
        if None in modules:
            wanted = ", ".join(f"{part}.{attribute}" for attribute in ("conv", *ends))
            raise ValueError(f"expected a head with {wanted} as torchvision's has, got {type(head).__name__}")
        found[name] = Branch.of(modules[0], modules[1:])  # type: ignore[arg-type]
    return found


def _spread(patches: Tensor, at: Tensor, reach: int, size: Sequence[int]) -> Tensor:
    """Patches ``[n,C,k,k]`` around the cells ``at`` ``[n,2]`` on maps of zeros, ``[n,C,h,w]``."""
    height, width = size
    count, channels = patches.shape[:2]
    span = torch.arange(2 * reach + 1, device=at.device)
    rows, columns = (at[:, axis, None] + span for axis in (0, 1))
    full = patches.new_zeros(count, channels, height + 2 * reach, width + 2 * reach)
    number = torch.arange(count, device=at.device)[:, None, None]
    full[number, :, rows[:, :, None], columns[:, None, :]] = patches.permute(0, 2, 3, 1)
    return full[:, :, reach : reach + height, reach : reach + width].contiguous()


def _join(ends: Sequence[nn.Conv2d]) -> ConvStep:
    """Convolutions that read the same map as one."""
    steps = [ConvStep.of(end) for end in ends]
    if len({step.reach for step in steps}) != 1 or any(step.groups != 1 for step in steps):
        raise ValueError(
            f"expected last convolutions of one kernel size and one group in the detection head, got {ends}"
        )
    biases = [step.weight.new_zeros(len(step.weight)) if step.bias is None else step.bias for step in steps]
    return ConvStep(torch.cat([step.weight for step in steps]).detach(), torch.cat(biases).detach())


def _parts(modules: Iterable[nn.Module]) -> Iterator[BranchPart]:
    """The parts of a tower, looking into nested sequences."""
    conv: nn.Conv2d | None = None
    after: list[nn.Module] = []
    for module in _leaves(modules):
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


def _leaves(modules: Iterable[nn.Module]) -> Iterator[nn.Module]:
    for module in modules:
        if isinstance(module, nn.Sequential):
            yield from _leaves(module)
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
