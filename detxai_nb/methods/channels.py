"""Methods that weigh channels by running a network again: which channels, of which levels, for which detections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detxai_nb.methods.registry import MethodResult
from detxai_nb.types import Detections, Target
from detxai_nb.windows import GradientChunk, take_windows

_MEMORY = 2**28
"""Bytes that the versions that run together may take."""
WHY_RERUN = (
    "its network has to run again with each prediction read at the same origin, which this detector cannot (queries "
    "that the network chooses itself move; an adapter of one's own hands no input on); take a gradient method such as "
    "'odam' or 'grad-cam++', or 'd-rise', which matches boxes"
)
"""What is said where a detector does not offer "rerun"."""


@dataclass(frozen=True, eq=False)
class OnLevel:
    """Some detections that are explained on one level.

    Attributes:
        level: the number of the level.
        rows: int64 ``[n]``, which detections.
        evidence: ``[n,C]``, the mean over the level of activation times gradient, for each channel.
        shift: where the level's grid begins for these detections, if not where the level says.
    """

    level: int
    rows: Tensor
    evidence: Tensor
    shift: tuple[float, float] | None


def by_level(trace: Any, detections: Detections, target: Target) -> list[OnLevel]:
    """Return where each detection is explained, and each channel's evidence there, from one pass of gradients.

    Args:
        trace: an open trace.
        detections: the objects to explain.
        target: which scalar.

    Returns:
        One record for each level and place of its grid.
    """
    found: dict[tuple[int, tuple[float, float] | None], list[tuple[Tensor, Tensor]]] = {}
    for chunk in trace.chunks(detections, target):
        features = trace.levels[chunk.level].features
        sums = (activation_of(chunk, features) * chunk.gradient).sum(dim=(2, 3))
        found.setdefault((chunk.level, chunk.shift), []).append((chunk.rows, sums / features[0].numel()))
    return [
        OnLevel(level, torch.cat([rows for rows, _ in parts]), torch.cat([sums for _, sums in parts]), shift)
        for (level, shift), parts in found.items()
    ]


def activation_of(chunk: GradientChunk, features: Tensor) -> Tensor:
    """Return the activation that the gradients of a chunk lie on.

    Args:
        chunk: gradients.
        features: ``[C,h,w]`` of its level.

    Returns:
        ``[1,C,h,w]``, or ``[n,C,a,b]`` for windows.
    """
    return features[None] if chunk.corner is None else take_windows(features, chunk.corner, chunk.gradient.shape[-2:])


def check_channels(channels: int | None, batch: int, method: str) -> None:
    """Check the settings that such methods share.

    Args:
        channels: how many channels; None for all.
        batch: how many versions run together.
        method: whose settings these are, for the message.

    Raises:
        ValueError: if either is no whole number of at least 1.
    """
    for name, value in (("channels", 1 if channels is None else channels), ("batch", batch)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            some = ", or None for all" if name == "channels" else ""
            raise ValueError(f"{name} of {method!r} is a whole number of at least 1{some}; got {value!r}")


def choose(evidence: Tensor, channels: int | None) -> tuple[Tensor, Tensor]:
    """Choose the channels of each detection, by falling evidence.

    Args:
        evidence: ``[n,C]``.
        channels: how many; None, or more than there are, for all.

    Returns:
        bool ``[n,C]``, and ``[n]`` the share of the evidence's absolute sum that the chosen channels hold: NaN where
        there is no evidence to choose by.
    """
    count = evidence.shape[1]
    if channels is None or channels >= count:
        return torch.ones_like(evidence, dtype=torch.bool), torch.ones_like(evidence[:, 0])
    best = evidence.argsort(dim=1, descending=True, stable=True)[:, :channels]
    chosen = torch.zeros_like(evidence, dtype=torch.bool).scatter_(1, best, True)
    return chosen, (evidence.abs() * chosen).sum(dim=1) / evidence.abs().sum(dim=1)


def batches(chosen: Tensor, features: Tensor, batch: int) -> list[Tensor]:
    """Return the channels that any detection chose, in parts that run together.

    Args:
        chosen: bool ``[n,C]``.
        features: a tensor of as many numbers as one version takes.
        batch: the largest part.

    Returns:
        int64 tensors of channel numbers.
    """
    most = max(1, _MEMORY // (features.numel() * features.element_size()))
    return list(torch.split(chosen.any(dim=0).nonzero()[:, 0], min(batch, most)))


class WeighedMaps:
    """Collects maps ``relu(sum_C w * A)`` and the figures of their channels, for each detection in its place.

    Args:
        trace: an open trace.
        count: number of detections.
    """

    def __init__(self, trace: Any, count: int) -> None:
        self._trace = trace
        self._grids: list[Any] = [None] * count
        self._places: list[Any] = [None] * count
        self._figures = {name: [float("nan")] * count for name in ("channels used", "evidence covered")}

    def add(self, here: OnLevel, weights: Tensor, chosen: Tensor, share: Tensor) -> None:
        """Make the maps of some detections.

        Args:
            here: where they are explained.
            weights: ``[n,C]``; those of channels that a detection did not choose do not count.
            chosen, share: from ``choose``.
        """
        level = self._trace.levels[here.level]
        used = torch.where(chosen, weights, 0)
        maps = torch.relu((used @ level.features.flatten(1)).reshape(-1, *level.features.shape[1:]))
        counts = chosen.sum(dim=1).tolist()
        for row, grid, count, part in zip(here.rows.tolist(), maps, counts, share.tolist()):
            self._grids[row] = grid
            self._places[row] = (level.stride, level.corner, here.shift or level.shift)
            self._figures["channels used"][row] = count
            self._figures["evidence covered"][row] = part

    def result(self, settings: Mapping[str, Any] | None = None) -> MethodResult:
        """Return the maps of all detections.

        Args:
            settings: what the method decided by itself.

        Returns:
            The result, with "channels used" and "evidence covered" as diagnostics.
        """
        strides, corners, shifts = (list(parts) for parts in zip(*self._places))
        return MethodResult(
            self._grids, strides, corners, self._figures, settings or {}, layer=self._trace.layer, shifts=shifts
        )
