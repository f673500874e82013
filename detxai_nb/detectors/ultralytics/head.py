"""Ultralytics' Detect head: its branches, the scalars it reports, and their exact gradients on one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.base import evaluating
from detxai_nb.detectors.dense.branch import Branch, BranchPart
from detxai_nb.detectors.dense.head import Branches
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.types import SIDES, Target
from detxai_nb.windows import GradientChunk

_LISTS = {"class": "cv3", "box": "cv2"}
"""What Detect calls the branches that give class logits and box distributions."""


def branch_modules(head: Any, name: str, end_to_end: bool) -> Sequence[nn.Module]:
    """The branch "class" or "box" of each level, of the one-to-one or the one-to-many set."""
    return getattr(head, f"one2one_{_LISTS[name]}" if end_to_end else _LISTS[name])


def local_branches(head: Any, end_to_end: bool) -> Branches | None:
    """The branches of each level as stacks of convolutions, or None where one is built of anything else."""
    found: list[dict[str, Branch]] = []
    for level in range(head.nl):
        mine = {name: _branch(branch_modules(head, name, end_to_end)[level]) for name in _LISTS}
        if None in mine.values():
            return None
        found.append({name: branch for name, branch in mine.items() if branch is not None})
    return found


def _branch(module: Any) -> Branch | None:
    if not isinstance(module, nn.Sequential) or not _is_plain(module[-1]):
        return None
    parts: list[BranchPart] = []
    stops: list[int] = []
    for block in module[:-1]:
        found = _parts(block)
        if found is None:
            return None
        parts += found
        stops.append(len(parts))
    return Branch(parts, [module[-1]], stops)  # type: ignore[list-item]


def _parts(block: Any) -> list[BranchPart] | None:
    """The convolutions of a block, each with what Ultralytics puts behind it; None for any other kind of block."""
    from ultralytics.nn.modules.conv import Conv, DWConv

    if isinstance(block, nn.Sequential):
        inside = [_parts(part) for part in block]
        return None if None in inside else [part for parts in inside for part in parts or ()]
    # Exactly these: what is derived from them may compute something else.
    if type(block) not in (Conv, DWConv) or not _is_plain(block.conv):
        return None
    return [BranchPart(block.conv, after=_after(block))]


def _is_plain(conv: Any) -> bool:
    """Whether it is a convolution of PyTorch itself that keeps the map's size; one for quantised training is not."""
    if type(conv) is not nn.Conv2d:
        return False
    size = conv.kernel_size
    same = size[0] == size[1] and size[0] % 2 == 1 and conv.padding == (size[0] // 2, size[0] // 2)
    return same and conv.stride == conv.dilation == (1, 1) and conv.padding_mode == "zeros"


def _after(block: Any) -> Callable[[Tensor], Tensor]:
    """What comes behind a block's convolution; of a fused one the normalisation is in its weights."""
    if hasattr(block, "bn"):
        return lambda x: block.act(block.bn(x))
    return block.act


class UltralyticsRule:
    """The class probability or logit, and the distances to the sides in strides, as ``head`` decodes them."""

    def __init__(self, head: Any) -> None:
        self._head = head

    def needs(self, target: Target) -> tuple[str, ...]:
        """The branch that the target is made of."""
        return ("box",) if target.part in SIDES else ("class",)

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The scalars ``[n]`` from each branch's outputs ``[n,K]``."""
        if target.part in SIDES:
            return side_distances(self._head, outputs["box"])[:, SIDES.index(target.part)]
        logit = outputs["class"].gather(1, labels[:, None])[:, 0]
        return logit if target.score == "logit" else logit.sigmoid()


def side_distances(head: Any, raw: Tensor) -> Tensor:
    """Left, top, right and bottom ``[n,4]`` in strides from the box branch's outputs ``[n,4*bins]``."""
    return head.dfl(raw[:, :, None])[:, :, 0]


class BatchedHead:
    """A head of any modules on one image: each prediction gets a copy of its level, as images of one batch.

    Exact, since images of a batch do not see each other in evaluation mode, but slower than windows.
    """

    def __init__(self, head: Any, pyramid: Sequence[Tensor], end_to_end: bool) -> None:
        self._head = head
        self._branches = {name: branch_modules(head, name, end_to_end) for name in _LISTS}
        self._rule = UltralyticsRule(head)
        self.features = list(pyramid)

    @torch.no_grad()
    def scalars(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The explained scalars ``[n]`` at the cells ``at`` ``[n,2]`` (row, column) of the level."""
        (name,) = self._rule.needs(target)
        with evaluating(self._head):
            raw = self._branches[name][level](self.features[level][None])[0]
            return self._rule.scalar({name: raw[:, at[:, 0], at[:, 1]].T}, level, at, labels, target)

    def chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        """Their exact gradients on the whole level."""
        (name,) = self._rule.needs(target)
        features = self.features[level]
        for rows in torch.arange(len(at), device=at.device).split(rows_per_chunk(features)):
            row, column = at[rows].T
            with torch.enable_grad(), evaluating(self._head):
                copies = features.expand(len(rows), *features.shape).clone().requires_grad_()
                raw = self._branches[name][level](copies)[torch.arange(len(rows), device=at.device), :, row, column]
                scalar = self._rule.scalar({name: raw}, level, at[rows], labels[rows], target)
                (gradient,) = torch.autograd.grad(scalar.sum(), copies)
            yield GradientChunk(level, rows, gradient)
