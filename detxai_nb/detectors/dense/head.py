"""A dense detection head on one image: its scalars and their exact gradients, for any one-stage family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from detxai_nb.detectors.base import outside_inference_mode
from detxai_nb.detectors.dense.branch import Branch
from detxai_nb.detectors.dense.branch_run import WINDOWS, BranchRun
from detxai_nb.detectors.dense.convolutions import cut_windows
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.module_use import alone, exclusive
from detxai_nb.types import SIDES, Target
from detxai_nb.windows import GradientChunk

Branches = Sequence[Mapping[str, Branch]]
"""The branches of a head by name ("class", "box"), for each pyramid level; one set if all levels share them."""
HEAD = "head"
_TOGETHER = 64
"""Predictions whose maps on a whole level are handed on together."""


class Rule(Protocol):
    """How a family computes the explained scalar from its head's outputs."""

    def needs(self, target: Target) -> tuple[str, ...]:
        """Return the branches that the target depends on.

        Args:
            target: which scalar.

        Returns:
            Names of branches, such as ``("class", "box")``.
        """

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """Return the explained scalars of predictions from the branches' outputs at their cells.

        Args:
            outputs: raw outputs ``[n,K]`` of each branch that the target needs, by the branch's name.
            level: the index of the pyramid level.
            at: int64 ``[n,2]`` (row, column) of each prediction on the level's grid, or ``[n,3]`` (row, column,
                anchor).
            labels: int64 ``[n]``, the explained class of each.
            target: which scalar.

        Returns:
            Scalars ``[n]``, differentiable with respect to ``outputs``.
        """


def needs_of(target: Target) -> tuple[str, ...]:
    """Return the branches behind a target where a class's score has a factor from the box branch.

    Args:
        target: which scalar.

    Returns:
        Names of branches. What all classes share cancels in the difference of two log probabilities.
    """
    if target.part in SIDES:
        return ("box",)
    alone = target.score == "logit" or (target.score == "log-prob" and target.against is not None)
    return ("class",) if alone else ("class", "box")


def head_layers(branches: Branches) -> dict[str, tuple[str, int]]:
    """Return the activations inside a head that have a name.

    "head.class" is the last activation of the class branch, "head.class.0" its first, and so on; "head.box" likewise. A
    branch that is a single convolution has none.

    Args:
        branches: the head's branches; the first level's give the names.

    Returns:
        For each layer the name of its branch and the index in that branch's ``stops``.
    """
    found = {}
    for name, branch in branches[0].items():
        last = len(branch.stops) - 1
        if last >= 0:
            found[f"{HEAD}.{name}"] = (name, last)
        found.update({f"{HEAD}.{name}.{i}": (name, i) for i in range(last)})
    return found


class DenseHead:
    """A head of branches on one image's pyramid, opened at the pyramid or at an activation inside the head.

    Its ``features`` are the explained grids ``[C,h,w]``, one for each level, ``pyramid`` what the head reads. ``ways``
    says how ``products`` were computed, by branch and level: "windows", or on whole levels "objects", "fields" or
    "dense" (see ``BranchRun.way``); it depends on what costs least and changes no value beyond rounding.

    Args:
        head: the module that the branches are part of; it runs in evaluation mode.
        branches: the branches of each level.
        pyramid: the levels ``[C,h,w]``, the finest first.
        rule: how the family computes the explained scalar.
        layer: one of ``head_layers`` for an activation inside the head; any other name means the pyramid.
        fixed: on this many of the finest levels group normalisation treats its statistics as constants.
    """

    def __init__(
        self,
        head: nn.Module,
        branches: Branches,
        pyramid: Sequence[Tensor],
        rule: Rule,
        layer: str = "",
        fixed: int = 0,
    ) -> None:
        self._head = head
        self._branches = branches
        self.pyramid = pyramid
        self._rule = rule
        self._fixed = fixed
        self._runs: dict[tuple[str, int], BranchRun] = {}
        self.ways: dict[str, str] = {}
        self._opened: str | None = None
        self._stop = 0
        self.features = list(pyramid)
        if layer in head_layers(branches):
            alone(head, partial(self._open, *head_layers(branches)[layer]))

    @torch.no_grad()
    def _open(self, name: str, stop: int) -> None:
        """Split a branch at a stop: the part before it computes the explained grids, the rest runs on them."""
        self._opened, self._stop = name, stop
        for level, features in enumerate(self.pyramid):
            branch = self._branches[level][name]
            count = branch.stops[stop]
            self.features[level] = branch.activation(features, count)
            self._runs[name, level] = BranchRun(branch.after(count), self.features[level], level < self._fixed)

    @exclusive("_head")
    @torch.no_grad()
    def scalars(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """Return the explained scalars of predictions on one pyramid level.

        Args:
            level: the index of the level, 0 for the finest.
            at: int64 ``[n,2]`` (row, column) of each prediction on the level's grid, or ``[n,3]`` (row, column,
                anchor).
            labels: int64 ``[n]``, the explained class of each.
            target: which scalar.

        Returns:
            Scalars ``[n]``, as the family's rule defines them.
        """
        runs = self._run(level, target)
        outputs = {name: run.at_cells(at[:, :2]) for name, run in runs.items()}
        return self._rule.scalar(outputs, level, at, labels, target)

    @exclusive("_head")
    def scalars_of(
        self, maps: Tensor, level: int, at: Tensor, labels: Tensor, target: Target, *, pyramid: bool = False
    ) -> Tensor:
        """Return the scalars of the same predictions for several versions of one level.

        Args:
            maps: ``[B,C,h,w]``, versions of the level's explained grid or, with ``pyramid``, of the pyramid's level.
            level, at, labels, target: as for ``scalars``.
            pyramid: whether the whole head runs on ``maps``, wherever it is opened.

        Returns:
            Scalars ``[B,n]``.
        """
        outputs = {}
        for name in self._rule.needs(target):
            branch = self._branches[level][name]
            if pyramid or self._opened is None:
                outputs[name] = branch.of_maps(maps, at[:, :2])
            elif name == self._opened:
                outputs[name] = branch.after(branch.stops[self._stop]).of_maps(maps, at[:, :2])
            else:
                outputs[name] = self._run(level, target)[name].at_cells(at[:, :2]).expand(len(maps), -1, -1)
        count, rows = len(maps), len(at)
        flat = {name: value.flatten(0, 1) for name, value in outputs.items()}
        found = self._rule.scalar(flat, level, at.repeat(count, 1), labels.repeat(count), target)
        return torch.unflatten(found, 0, (count, rows))

    def _run(self, level: int, target: Target) -> dict[str, BranchRun]:
        """The branches that the target needs, run on a level once for all targets and methods of a trace."""
        needed = self._rule.needs(target)
        for name in needed:
            if (name, level) not in self._runs:
                branch = self._branches[level][name]
                self._runs[name, level] = BranchRun(branch, self.pyramid[level], level < self._fixed)
        return {name: self._runs[name, level] for name in needed}

    def chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        """Yield the exact gradients of the same scalars: on windows if the head is local, else on the whole level.

        Args:
            level, at, labels, target: as for ``scalars``.

        Yields:
            Gradients with respect to the level's explained grid; the ``rows`` of a chunk count within ``at``.
        """
        return outside_inference_mode(self._chunks(level, at, labels, target), self._head)

    def _chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        features = self.features[level]
        runs = self._run(level, target)
        open_runs = list(self._open_runs(level, target).values())
        local = all(run.local for run in open_runs)
        opened = local and all(run.open_for(len(at)) for run in open_runs)
        reach = max((run.reach for run in open_runs), default=0)
        size = features[:, : 2 * reach + 1, : 2 * reach + 1] if local else features
        most = max(1, rows_per_chunk(size) // sum(run.depth for run in open_runs)) if local and open_runs else None
        for rows in torch.split(torch.arange(len(at), device=at.device), most or rows_per_chunk(size)):
            chunk = (level, at[rows], labels[rows], target)
            if not open_runs:
                gradient = features.new_zeros(len(rows), len(features), 1, 1)
            elif local and opened:
                gradient = self._pulled_windows(runs, reach, *chunk)
            elif local:
                gradient = self._on_windows(runs, reach, *chunk)
            else:
                gradient = self._on_whole_level(runs, *chunk)
            yield GradientChunk(level, rows, gradient, at[rows, :2] - reach if local else None)
            del gradient

    def products(
        self, level: int, at: Tensor, asked: Sequence[tuple[Tensor, Target]]
    ) -> Iterator[tuple[int, GradientChunk]]:
        """Yield the products of gradient and activation, summed over channels: those of ``chunks``, for less.

        Args:
            level, at: as for ``scalars``.
            asked: labels and target of ``scalars``, for each of several scalars of the same predictions; together they
                cost less than one after another.

        Yields:
            The number of what was asked for, and a chunk with gradients of one channel, as ``GradientChunk.products``
            makes them.
        """
        return outside_inference_mode(self._products(level, at, asked), self._head)

    def _products(
        self, level: int, at: Tensor, asked: Sequence[tuple[Tensor, Target]]
    ) -> Iterator[tuple[int, GradientChunk]]:
        together = []
        for number, (labels, target) in enumerate(asked):
            runs = self._open_runs(level, target)
            if all(run.local for run in runs.values()):
                for chunk in self._local_products(runs, level, at, labels, target):
                    yield number, chunk
                    del chunk
            else:
                together.append(number)
        for rows in torch.split(torch.arange(len(at), device=at.device), _TOGETHER) if together else ():
            some = [(asked[number][0][rows], asked[number][1]) for number in together]
            for number, maps in zip(together, self._whole_products(level, at[rows], some, len(at))):
                yield number, GradientChunk(level, rows, maps[:, None])

    def _whole_products(
        self, level: int, at: Tensor, asked: Sequence[tuple[Tensor, Target]], total: int
    ) -> list[Tensor]:
        """The maps ``[n,h,w]`` of scalars on a whole level; those of one branch go through it together.

        ``total`` is how many predictions there are in all: what they can share pays by their number, not by a chunk's.
        """
        features = self.features[level]
        slopes: dict[str, list[tuple[int, Tensor]]] = {}
        for number, (labels, target) in enumerate(asked):
            for name, slope in self._slopes(self._run(level, target), level, at, labels, target).items():
                slopes.setdefault(name, []).append((number, slope))
        found = [features.new_zeros(len(at), *features.shape[1:]) for _ in asked]
        with torch.no_grad():
            for name, mine in slopes.items():
                run = self._runs[name, level]
                way = self.ways[f"{name} branch, level {level}"] = run.way(len(mine) * total)
                maps = run.products(torch.cat([slope for _, slope in mine]), at[:, :2].repeat(len(mine), 1), way)
                for (number, _), one in zip(mine, torch.split(maps, len(at))):
                    found[number] += one
        return found

    def _local_products(
        self, runs: Mapping[str, BranchRun], level: int, at: Tensor, labels: Tensor, target: Target
    ) -> Iterator[GradientChunk]:
        """The same in windows around the predictions, if what depends on the explained grid is local."""
        # Every one is opened, also if another was not.
        opened = [run.open_for(len(at)) for run in runs.values()]
        if not runs or not all(opened):
            for chunk in self._chunks(level, at, labels, target):
                yield chunk.products(self.features[level])
                del chunk
            return
        self.ways.update({f"{name} branch, level {level}": WINDOWS for name in runs})
        reach = max(run.reach for run in runs.values())
        size = 2 * reach + 1
        most = rows_per_chunk(self.features[level][:, :size, :size]) // sum(run.depth for run in runs.values())
        for rows in torch.split(torch.arange(len(at), device=at.device), max(1, most)):
            slopes = self._slopes(self._run(level, target), level, at[rows], labels[rows], target)
            total = self.features[level].new_zeros(len(rows), 1, size, size)
            with torch.no_grad():
                for name, slope in slopes.items():
                    inner = slice(reach - runs[name].reach, reach + runs[name].reach + 1)
                    total[:, 0, inner, inner] += runs[name].window_products(slope, at[rows, :2], len(at))
            yield GradientChunk(level, rows, total, at[rows, :2] - reach)
            del total

    def _open_runs(self, level: int, target: Target) -> dict[str, BranchRun]:
        """The branches behind a target that depend on the explained grid."""
        return {name: run for name, run in self._run(level, target).items() if self._opened in (None, name)}

    def _on_windows(
        self, runs: Mapping[str, BranchRun], reach: int, level: int, at: Tensor, labels: Tensor, target: Target
    ) -> Tensor:
        """Gradients ``[n,C,k,k]`` on windows around ``at``; they are exactly zero outside."""
        windows, mask = cut_windows(self.features[level], at[:, :2], reach)
        outputs = self._constants(runs, at)
        with torch.enable_grad():
            windows.requires_grad_()
            outputs |= {name: run.on_windows(windows, mask) for name, run in runs.items() if name not in outputs}
            scalar = self._rule.scalar(outputs, level, at, labels, target)
            (gradient,) = torch.autograd.grad(scalar.sum(), windows)
        return gradient * mask

    def _pulled_windows(
        self, runs: Mapping[str, BranchRun], reach: int, level: int, at: Tensor, labels: Tensor, target: Target
    ) -> Tensor:
        """The same from towers that were run on the whole level."""
        size = 2 * reach + 1
        total = self.features[level].new_zeros(len(at), len(self.features[level]), size, size)
        slopes = self._slopes(runs, level, at, labels, target)
        with torch.no_grad():
            for name, slope in slopes.items():
                margin = reach - runs[name].reach
                inner = slice(margin, size - margin)
                total[:, :, inner, inner] += runs[name].pull_windows(slope, at[:, :2])
            _, mask = cut_windows(self.features[level][:1], at[:, :2], reach)
            return total.mul_(mask)

    def _slopes(
        self, runs: Mapping[str, BranchRun], level: int, at: Tensor, labels: Tensor, target: Target
    ) -> dict[str, Tensor]:
        """Gradients ``[n,K]`` of the scalars with respect to the outputs of each open branch at their cells."""
        constants = self._constants(runs, at)
        with torch.no_grad():
            leaves = {name: run.at_cells(at[:, :2]) for name, run in runs.items() if name not in constants}
        with torch.enable_grad():
            outputs = constants | {name: leaf.requires_grad_() for name, leaf in leaves.items()}
            scalar = self._rule.scalar(outputs, level, at, labels, target)
            return dict(zip(leaves, torch.autograd.grad(scalar.sum(), list(leaves.values()))))

    def _on_whole_level(
        self, runs: Mapping[str, BranchRun], level: int, at: Tensor, labels: Tensor, target: Target
    ) -> Tensor:
        """Gradients ``[n,C,h,w]`` on the whole level, also through the statistics of group normalisation."""
        slopes = self._slopes(runs, level, at, labels, target)
        total: Tensor | None = None
        with torch.no_grad():
            for name, slope in slopes.items():
                gradient = runs[name].pull(slope, at[:, :2])
                total = gradient if total is None else total.add_(gradient)
        features = self.features[level]
        return features.new_zeros(len(at), *features.shape) if total is None else total

    def _constants(self, runs: Mapping[str, BranchRun], at: Tensor) -> dict[str, Tensor]:
        """The outputs ``[n,K]`` of the branches that do not depend on the opened activation."""
        if self._opened is None:
            return {}
        with torch.no_grad():
            return {name: run.at_cells(at[:, :2]) for name, run in runs.items() if name != self._opened}
