"""The layers of Faster R-CNN that lie before the pooled regions: pyramid levels, lateral outputs, backbone stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from detxai_nb.detectors.dense.backbone_layers import BEFORE
from detxai_nb.detectors.dense.stages import BACKBONE
from detxai_nb.detectors.faster_rcnn.pyramid_transpose import PyramidTranspose, Window
from detxai_nb.geometry import sampler_shift
from detxai_nb.types import Level
from detxai_nb.windows import GradientChunk


class LayerBelow(Protocol):
    """A layer before the pooled regions: its grids, and the transpose from the pooled maps to them."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """The layer's grids."""

    def level_of(self, pooled: int) -> int:
        """Return which of ``levels`` explains the predictions of a pooled map.

        Args:
            pooled: number of the map, in the order in which RoI pooling lists them.

        Returns:
            The index of a level.
        """

    def pull(self, chunk: GradientChunk) -> Iterator[GradientChunk]:
        """Carry gradients from a pooled map to the level that explains it (a vector-Jacobian product).

        Args:
            chunk: gradients on windows of the pooled map ``chunk.level``.

        Yields:
            Gradients at the level ``level_of(chunk.level)``.
        """


@dataclass(frozen=True, eq=False)
class PooledMaps:
    """The layer "neck": the pyramid's levels themselves.

    Attributes:
        levels: a level for each map that RoI pooling reads.
    """

    levels: tuple[Level, ...]

    def level_of(self, pooled: int) -> int:
        """Return the number in ``levels`` of the grid that explains a pooled map.

        Args:
            pooled: number of the pooled map.

        Returns:
            ``pooled`` itself.
        """
        return pooled

    def pull(self, chunk: GradientChunk) -> Iterator[GradientChunk]:
        """Carry gradients from a pooled map to the level that explains it.

        Args:
            chunk: windows on the pooled map ``chunk.level``.

        Yields:
            ``chunk`` as it is.
        """
        yield chunk


class BeforePyramid:
    """Lateral outputs or backbone stages before torchvision's pyramid, through its transpose on windows.

    Args:
        layer: "neck.before", "backbone" (each prediction on the stage of its own level) or "backbone.<stage>".
        transpose: the pyramid's transpose for the image.
        stages: every stage as a level, in the pyramid's order.
        numbers: the pyramid level of each pooled map.
        strides: (y, x) of each pooled map, in input pixels.
    """

    def __init__(
        self,
        layer: str,
        transpose: PyramidTranspose,
        stages: Sequence[Level],
        numbers: Sequence[int],
        strides: Sequence[tuple[float, float]],
    ) -> None:
        self._transpose = transpose
        self._numbers = tuple(numbers)
        self._shifts = [sampler_shift(stride) for stride in strides]
        stages = [replace(stage, shift=sampler_shift(stage.stride)) for stage in stages]
        self._lateral = layer == BEFORE
        self._only: int | None = None
        if self._lateral:
            names = [f"{BEFORE}.{i}" for i in range(len(stages))]
            self.levels = tuple(
                replace(stage, name=name, features=x[0]) for name, x, stage in zip(names, transpose.laterals, stages)
            )
        elif layer == BACKBONE:
            self.levels = tuple(stages)
        else:
            self._only = [stage.name for stage in stages].index(layer)
            self.levels = (stages[self._only],)

    def level_of(self, pooled: int) -> int:
        """Return the number in ``levels`` of the grid that explains a pooled map.

        Args:
            pooled: number of the pooled map.

        Returns:
            Its own stage or lateral output; 0 for a single stage ("backbone.<stage>").
        """
        return self._numbers[pooled] if self._only is None else 0

    def pull(self, chunk: GradientChunk) -> Iterator[GradientChunk]:
        """Carry gradients from a pooled map to the level that explains it.

        Args:
            chunk: gradients on windows of the pooled map ``chunk.level``.

        Yields:
            One chunk of windows; a gradient of zeros if the pyramid level does not depend on the stage (a finer one).

        Raises:
            ValueError: if ``chunk`` has no corners.
        """
        if chunk.corner is None:
            raise ValueError("expected the gradients at a pooled map as windows with corners, got corner=None")
        start = self._numbers[chunk.level]
        end = start if self._only is None else self._only
        through = self._transpose.to_lateral if self._lateral else self._transpose.to_stage
        found = through(start, Window(chunk.gradient, chunk.corner), end)
        level = self.level_of(chunk.level)
        if found is None:
            # A coarse pyramid level does not depend on the finer stages.
            nothing = chunk.gradient.new_zeros(len(chunk.rows), self.levels[level].features.shape[0], 1, 1)
            found = Window(nothing, torch.zeros_like(chunk.corner))
        yield GradientChunk(level, chunk.rows, found.gradient, found.corner, self._shifts[chunk.level])


class BeforeNeck:
    """Backbone stages before any other neck: one backward pass through the neck for each prediction.

    Args:
        layer: "backbone" (the stage nearest to each prediction's stride) or "backbone.<stage>".
        stages: every stage as a level.
        leaves: the features ``[1,C,h,w]`` of the stages, the leaves of the graph.
        pooled: the maps ``[1,C,h,w]`` that regions are pooled from, computed from the leaves with a graph.
        strides: (y, x) of each of those maps, in input pixels.
    """

    def __init__(
        self,
        layer: str,
        stages: Sequence[Level],
        leaves: Sequence[Tensor],
        pooled: Sequence[Tensor],
        strides: Sequence[tuple[float, float]],
    ) -> None:
        chosen = [i for i, stage in enumerate(stages) if layer in (BACKBONE, stage.name)]
        self.levels = tuple(replace(stages[i], shift=sampler_shift(stages[i].stride)) for i in chosen)
        self._shifts = [sampler_shift(stride) for stride in strides]
        self._leaves = [leaves[i] for i in chosen]
        self._pooled = tuple(pooled)
        octaves = torch.tensor([level.stride[0] for level in self.levels], dtype=torch.float32, device="cpu").log2()
        wanted = torch.tensor([stride[0] for stride in strides], dtype=torch.float32, device="cpu").log2()
        self._nearest: list[int] = (wanted[:, None] - octaves).abs().argmin(dim=1).tolist()

    def level_of(self, pooled: int) -> int:
        """Return the number in ``levels`` of the grid that explains a pooled map.

        Args:
            pooled: number of the pooled map.

        Returns:
            The stage nearest to the map's stride on a logarithmic scale.
        """
        return self._nearest[pooled]

    def pull(self, chunk: GradientChunk) -> Iterator[GradientChunk]:
        """Carry gradients from a pooled map to the level that explains it.

        Args:
            chunk: windows on the pooled map ``chunk.level``; each is spread over the whole map.

        Yields:
            One chunk for each prediction, on the whole grid of the stage.
        """
        level = self.level_of(chunk.level)
        output, leaf = self._pooled[chunk.level], self._leaves[level]
        for row, gradient in zip(chunk.rows, chunk.dense(*output.shape[2:])):
            (found,) = torch.autograd.grad(output, leaf, gradient[None], retain_graph=True, allow_unused=True)
            dense = torch.zeros_like(leaf) if found is None else found
            yield GradientChunk(level, row[None], dense, shift=self._shifts[chunk.level])
