"""FCOS's head on one image: the scalars it reports and their exact gradients on the pyramid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.detectors.common import evaluating
from detxai_nb.detectors.convolutions import GroupNormTower, Step, cut_windows, reach_of, run_windows
from detxai_nb.detectors.one_stage import rows_per_chunk
from detxai_nb.types import SIDES, GradientChunk, Target

NORM_STATISTICS = ("exact", "fixed")


class FcosHead:
    """FCOS's head on one image: which scalars it gives and their gradients on the pyramid."""

    def __init__(self, head: Any, pyramid: Sequence[Tensor], norm_statistics: str) -> None:
        self._head = head
        self._pyramid = pyramid
        self._class = _Branch(head.classification_head.conv, [head.classification_head.cls_logits])
        regression = head.regression_head
        self._box = _Branch(regression.conv, [regression.bbox_reg, regression.bbox_ctrness])
        self._norm_statistics = norm_statistics
        self._runs: dict[tuple[_Branch, int], _Run] = {}

    def _windowed(self, level: int) -> bool:
        local = self._class.local and self._box.local
        return local or (self._norm_statistics == "fixed" and level < 2)

    @torch.no_grad()
    def scalars(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The explained scalars ``[n]`` at the cells ``at`` ``[n,2]`` of the level."""
        ends = {branch: run.at_cells(at) for branch, run in self._run(level, target).items()}
        return _scalar(ends, self._class, self._box, labels, target)

    def _run(self, level: int, target: Target) -> dict[_Branch, _Run]:
        """The branches that the target needs, run on a level: once for all targets and methods of one trace."""
        branches = self._branches(target)
        with evaluating(self._head):
            for branch in branches:
                if (branch, level) not in self._runs:
                    self._runs[branch, level] = branch.run(self._pyramid[level])
        return {branch: self._runs[branch, level] for branch in branches}

    def _branches(self, target: Target) -> list[_Branch]:
        if target.part in SIDES:
            return [self._box]
        return [self._class] if target.score == "logit" else [self._class, self._box]

    def chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        """Their exact gradients: on windows where the head is local, else on the whole level."""
        features = self._pyramid[level]
        runs = self._run(level, target)
        local = self._windowed(level)
        reach = self._class.reach if local else 0
        size = features[:, : 2 * reach + 1, : 2 * reach + 1] if local else features
        for rows in torch.arange(len(at), device=at.device).split(rows_per_chunk(size)):
            scalar = self._scalar_of(labels[rows], target)
            if local:
                with evaluating(self._head):
                    gradient = _window_gradient(runs, features, at[rows], scalar)
                yield GradientChunk(level, rows, gradient, at[rows] - reach)
            else:
                yield GradientChunk(level, rows, _dense_gradient(runs, features, at[rows], scalar))

    def _scalar_of(self, labels: Tensor, target: Target) -> Callable[[Mapping[_Branch, Tensor]], Tensor]:
        return lambda outputs: _scalar(outputs, self._class, self._box, labels, target)


def _scalar(
    outputs: Mapping[Any, Tensor], class_branch: Any, box_branch: Any, labels: Tensor, target: Target
) -> Tensor:
    """The explained scalar ``[n]`` from the branches' outputs ``[n,K]`` at the predictions' cells."""
    if target.part in SIDES:
        return outputs[box_branch][:, SIDES.index(target.part)].relu()
    logit = outputs[class_branch].gather(1, labels[:, None])[:, 0]
    if target.score == "logit":
        return logit
    return (logit.sigmoid() * outputs[box_branch][:, 4].sigmoid()).sqrt()


class _Branch:
    """One tower of the head and the convolutions that read it, as one set of outputs."""

    def __init__(self, tower: nn.Sequential, ends: Sequence[nn.Conv2d]) -> None:
        modules: list[Any] = list(tower)
        self.convs, self.norms = modules[0::3], modules[1::3]
        if len(modules) % 3 or not all(isinstance(act, nn.ReLU) for act in modules[2::3]):
            raise ValueError("expected FCOS's head towers to be convolution, normalisation, ReLU, repeated")
        self.local = not any(isinstance(norm, nn.GroupNorm) for norm in self.norms)
        if not self.local and not all(isinstance(norm, nn.GroupNorm) for norm in self.norms):
            raise ValueError("expected FCOS's head to use one kind of normalisation throughout")
        weight = torch.cat([end.weight for end in ends])
        bias = torch.cat([end.bias for end in ends if end.bias is not None])
        self.end = Step(weight.detach(), bias.detach())
        self.reach = reach_of([Step.of(conv) for conv in self.convs]) + self.end.reach

    def run(self, features: Tensor) -> _Run:
        """The tower on a whole level ``[C,h,w]``."""
        return _Run(self, features)


class _Run:
    """A branch run on one level."""

    def __init__(self, branch: _Branch, features: Tensor) -> None:
        self.branch = branch
        self._steps: list[Step] | None = None
        with torch.no_grad():
            if branch.local:
                x = features[None]
                for conv, norm in zip(branch.convs, branch.norms):
                    x = norm(conv(x)).relu()
                self.output = x[0]
                self.tower = None
            else:
                self.tower = GroupNormTower(branch.convs, branch.norms, features)
                self.output = self.tower.output

    @property
    def steps(self) -> list[Step]:
        """The branch as local steps; GroupNorm with this map's statistics as constants."""
        if self._steps is None:
            own = [_after(norm) for norm in self.branch.norms]
            after = own if self.tower is None else self.tower.fixed_norms()
            steps = [Step.of(conv, then) for conv, then in zip(self.branch.convs, after)]
            self._steps = [*steps, self.branch.end]
        return self._steps

    def at_cells(self, at: Tensor) -> Tensor:
        """The branch's outputs ``[n,K]`` at the cells ``at`` ``[n,2]``."""
        windows, _ = cut_windows(self.output, at, self.branch.end.reach)
        return F.conv2d(windows, self.branch.end.weight, self.branch.end.bias)[:, :, 0, 0]


def _after(norm: Any) -> Callable[[Tensor], Tensor]:
    return lambda x: norm(x).relu()


Scalar = Callable[[Mapping[_Branch, Tensor]], Tensor]


def _window_gradient(runs: Mapping[_Branch, _Run], features: Tensor, at: Tensor, scalar: Scalar) -> Tensor:
    """Gradients ``[n,C,k,k]`` on windows around ``at``; exactly zero outside of them."""
    reach = next(iter(runs)).reach
    windows, mask = cut_windows(features, at, reach)
    with torch.enable_grad():
        windows.requires_grad_()
        outputs = {branch: run_windows(run.steps, windows, mask) for branch, run in runs.items()}
        (gradient,) = torch.autograd.grad(scalar(outputs).sum(), windows)
    return gradient * mask


def _dense_gradient(runs: Mapping[_Branch, _Run], features: Tensor, at: Tensor, scalar: Scalar) -> Tensor:
    """Gradients ``[n,C,h,w]`` on the whole level, through the statistics of GroupNorm."""
    with torch.enable_grad():
        outputs = {branch: run.at_cells(at).requires_grad_() for branch, run in runs.items()}
        slopes = torch.autograd.grad(scalar(outputs).sum(), list(outputs.values()), allow_unused=True)
    total: Tensor | None = None
    with torch.no_grad():
        for run, slope in zip(runs.values(), slopes):
            if slope is None or run.tower is None:
                continue
            gradient = run.tower.backward(_seed(run, slope, at, features))
            total = gradient if total is None else total.add_(gradient)
    return features.new_zeros(len(at), *features.shape) if total is None else total


def _seed(run: _Run, slope: Tensor, at: Tensor, features: Tensor) -> Tensor:
    """The gradient ``[n,C,h,w]`` at the tower's output: the last convolution's weights around each cell."""
    reach = run.branch.end.reach
    channels, height, width = run.output.shape
    full = features.new_zeros(len(at), channels, height + 2 * reach, width + 2 * reach)
    patches = torch.einsum("nk,kcyx->ncyx", slope, run.branch.end.weight)
    for row, (y, x) in enumerate(at.tolist()):
        full[row, :, y : y + 2 * reach + 1, x : x + 2 * reach + 1] = patches[row]
    return full[:, :, reach : reach + height, reach : reach + width].contiguous()
