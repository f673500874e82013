"""Ultralytics' Detect head: its branches of convolutions, and exact gradients of any others on one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.base import outside_inference_mode
from detxai_nb.detectors.dense.branch import Branch, BranchPart
from detxai_nb.detectors.dense.head import Branches
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.detectors.ultralytics.outputs import HeadOutputs, UltralyticsRule
from detxai_nb.module_use import exclusive
from detxai_nb.types import Target
from detxai_nb.windows import GradientChunk

EXPLAINED = ("class", "box")
"""The branches that a scalar may come from."""


def local_branches(outputs: HeadOutputs, end_to_end: bool) -> Branches | None:
    """Return the branches of each level as stacks of convolutions.

    Args:
        outputs: the head's.
        end_to_end: True for the one-to-one set, False for the one-to-many set.

    Returns:
        For each level its branches by name, "class" and "box"; None if one contains anything but convolutions.
    """
    found: list[dict[str, Branch]] = []
    for level in range(outputs.head.nl):
        mine = {name: _branch(outputs.modules(name, end_to_end)[level]) for name in EXPLAINED}
        if None in mine.values():
            return None
        found.append({name: branch for name, branch in mine.items() if branch is not None})
    return found


def _branch(module: Any) -> Branch | None:
    """One branch as a stack of convolutions; None if it contains anything else."""
    if not isinstance(module, nn.Sequential) or not _is_plain_conv(module[-1]):
        return None
    parts: list[BranchPart] = []
    stops: list[int] = []
    for block in module[:-1]:
        found = _conv_parts(block)
        if found is None:
            return None
        parts += found
        stops.append(len(parts))
    return Branch(parts, [module[-1]], stops)  # type: ignore[list-item]


def _conv_parts(block: Any) -> list[BranchPart] | None:
    """The convolutions of a block, each with its normalisation and activation; None for any other kind of block."""
    from ultralytics.nn.modules.conv import Conv, DWConv

    if isinstance(block, nn.Sequential):
        inside = [_conv_parts(part) for part in block]
        return None if None in inside else [part for parts in inside for part in parts or ()]
    # Exactly these classes: a subclass may compute something else.
    if type(block) not in (Conv, DWConv) or not _is_plain_conv(block.conv):
        return None
    return [BranchPart(block.conv, after=_after_conv(block))]


def _is_plain_conv(conv: Any) -> bool:
    """Whether it is PyTorch's own convolution (no quantisation-aware one) and keeps the map's size."""
    if type(conv) is not nn.Conv2d:
        return False
    size = conv.kernel_size
    same = size[0] == size[1] and size[0] % 2 == 1 and conv.padding == (size[0] // 2, size[0] // 2)
    return same and conv.stride == conv.dilation == (1, 1) and conv.padding_mode == "zeros"


def _after_conv(block: Any) -> Callable[[Tensor], Tensor]:
    """What follows a block's convolution: normalisation and activation; in a fused block the activation only."""
    if hasattr(block, "bn"):
        return lambda x: block.act(block.bn(x))
    activation: Callable[[Tensor], Tensor] = block.act
    return activation


class BatchedHead:
    """A head of any modules on one image: each prediction gets a copy of its level, as the images of one batch.

    Exact, since the images of a batch are independent in evaluation mode, but slower than windows. The pyramid is kept
    as ``features``.

    Args:
        outputs: the head's.
        pyramid: maps ``[C,h,w]`` that enter the head, a level each.
        end_to_end: whether the one-to-one branches are used.
    """

    def __init__(self, outputs: HeadOutputs, pyramid: Sequence[Tensor], end_to_end: bool) -> None:
        self._head = outputs.head
        self._branches = {name: outputs.modules(name, end_to_end) for name in EXPLAINED}
        self._rule = UltralyticsRule(outputs)
        self.features = list(pyramid)

    @property
    def pyramid(self) -> Sequence[Tensor]:
        """The maps ``[C,h,w]`` that enter the head, a level each."""
        return self.features

    @exclusive("_head")
    @torch.no_grad()
    def scalars(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """Compute the explained scalars at some cells of a level.

        Args:
            level: number of the level.
            at: cells int64 ``[n,2]``, (row, column).
            labels: the explained class of each, int64 ``[n]``.
            target: what is explained.

        Returns:
            Scalars ``[n]``, as ``UltralyticsRule.scalar``.
        """
        (name,) = self._rule.needs(target)
        raw = self._branches[name][level](self.features[level][None])[0]
        return self._rule.scalar({name: raw[:, at[:, 0], at[:, 1]].T}, level, at, labels, target)

    @exclusive("_head")
    def scalars_of(
        self, maps: Tensor, level: int, at: Tensor, labels: Tensor, target: Target, *, pyramid: bool = False
    ) -> Tensor:
        """Compute the scalars of the same predictions for several versions of one level.

        Args:
            maps: ``[B,C,h,w]``, versions of the level.
            level, at, labels, target: as for ``scalars``.
            pyramid: makes no difference, since the head is opened at the pyramid.

        Returns:
            Scalars ``[B,n]``.
        """
        (name,) = self._rule.needs(target)
        raw = self._branches[name][level](maps)[:, :, at[:, 0], at[:, 1]].transpose(1, 2)
        count = len(maps)
        found = self._rule.scalar({name: raw.flatten(0, 1)}, level, at.repeat(count, 1), labels.repeat(count), target)
        return torch.unflatten(found, 0, (count, len(at)))

    def chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        """Compute the exact gradients of the scalars on the whole level.

        Args:
            level: number of the level.
            at: cells int64 ``[n,2]``, (row, column).
            labels: the explained class of each, int64 ``[n]``.
            target: what is explained.

        Yields:
            Chunks that fit the memory budget; their ``rows`` count within ``at``.
        """
        return outside_inference_mode(self._chunks(level, at, labels, target), self._head)

    def _chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        (name,) = self._rule.needs(target)
        features = self.features[level]
        for rows in torch.split(torch.arange(len(at), device=at.device), rows_per_chunk(features)):
            row, column = at[rows].T
            with torch.enable_grad():
                copies = features.expand(len(rows), *features.shape).clone().requires_grad_()
                raw = self._branches[name][level](copies)[torch.arange(len(rows), device=at.device), :, row, column]
                scalar = self._rule.scalar({name: raw}, level, at[rows], labels[rows], target)
                (gradient,) = torch.autograd.grad(scalar.sum(), copies)
            yield GradientChunk(level, rows, gradient)
            del copies, raw, scalar, gradient
