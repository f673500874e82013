"""Traces that can run again: the scalars of the same predictions for changed inputs and for changed activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol

import torch
from torch import Tensor

from detxai_nb.capabilities import ANY_SIZE as ANY_SIZE
from detxai_nb.capabilities import RERUN as RERUN
from detxai_nb.types import Detections, Target, Trace


class RerunTrace(Trace, Protocol):
    """A trace whose network can run again, with every prediction read where it was: at its location, proposal or query.

    Nothing is matched. What a detector chooses by its own outputs, such as the proposals of Faster R-CNN, stays that of
    the trace's image.
    """

    @property
    def input(self) -> Tensor:
        """The network's input ``[1,3,h,w]``, as it was prepared for the trace."""

    @property
    def black(self) -> Tensor:
        """The network's input ``[1,3,h,w]`` for a black image of the same size."""

    def reopen(self, inputs: Tensor) -> RerunTrace:
        """Run the network on another input and keep the pass open at the same layer.

        Args:
            inputs: ``[1,3,h,w]``, of the same size as ``input`` unless the detector offers "any input size".

        Returns:
            A trace whose scalars and gradients are those of the same predictions for that input.
        """

    def scalars_of_inputs(self, inputs: Tensor, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other inputs: a differentiable function of the network's input.

        Args:
            inputs: ``[B,3,h,w]`` of the size of ``input``. If they need a gradient the result has a graph that leads to
                them through the whole network; else it has none.
            detections: N detections of this image.
            target: which scalar.

        Returns:
            ``[B,N]``.
        """

    def scalars_of_features(self, features: Tensor, level: int, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other activations of the layer; only what lies above it runs.

        Args:
            features: ``[B,C,h,w]``, B versions of ``levels[level].features``; all other levels stay as they are.
            level: the number of a level.
            detections: N detections of this image that are explained on this level.
            target: which scalar.

        Returns:
            ``[B,N]``.
        """


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a trace needs to run its network again.

    Attributes:
        batch: the network's input ``[1,3,h,w]``.
        black: returns the input for a black image of the same size.
        reopen: opens a trace at the same layer on another input ``[1,3,h,w]``, with what the detector chose for this
            image.
        any_size: whether ``reopen`` takes inputs of other sizes.
    """

    batch: Tensor
    black: Callable[[], Tensor]
    reopen: Callable[[Tensor], Any]
    any_size: bool = False


class Again:
    """The part of a ``RerunTrace`` that is the same for every family: its inputs, and opening another one."""

    _again: Prepared | None = None

    @property
    def input(self) -> Tensor:
        """The network's input ``[1,3,h,w]``, as it was prepared for the trace."""
        return self._prepared.batch

    @property
    def black(self) -> Tensor:
        """The network's input ``[1,3,h,w]`` for a black image of the same size."""
        with torch.no_grad():
            return self._prepared.black()

    def reopen(self, inputs: Tensor) -> Any:
        """Run the network on another input and keep the pass open at the same layer.

        Args:
            inputs: ``[1,3,h,w]``, of the same size as ``input`` unless the detector offers "any input size".

        Returns:
            A trace of the same kind.

        Raises:
            ValueError: if the size differs and may not.
        """
        self._check_inputs(inputs, any_size=self._prepared.any_size)
        return self._prepared.reopen(inputs)

    @property
    def _prepared(self) -> Prepared:
        if self._again is None:
            raise ValueError(
                "this trace does not know the input that it was made of, so its network cannot run again: a detector "
                "that offers 'rerun' hands it on (detxai_nb.detectors.trace.again)"
            )
        return self._again

    def _check_inputs(self, inputs: Tensor, any_size: bool = False) -> None:
        own = self._prepared.batch
        wrong = inputs.ndim != 4 or inputs.shape[1] != own.shape[1] or not len(inputs)
        if wrong or (not any_size and inputs.shape[2:] != own.shape[2:]):
            size = f"{own.shape[1]},h,w" if any_size else ",".join(map(str, own.shape[1:]))
            raise ValueError(f"expected inputs [B,{size}] as the trace's own, got {list(inputs.shape)}")


def with_graph_of_inputs(
    read: Callable[[Any, Tensor, Detections, Target], Tensor],
) -> Callable[[Any, Tensor, Detections, Target], Tensor]:
    """Decorate ``scalars_of_inputs``: it has a graph if the inputs need a gradient, whatever the caller's mode.

    Args:
        read: the method.

    Returns:
        The method.
    """

    @wraps(read)
    def run(self: Any, inputs: Tensor, detections: Detections, target: Target) -> Tensor:
        with torch.set_grad_enabled(inputs.requires_grad):
            return read(self, inputs, detections, target)

    return run


def check_features(features: Tensor, level: int, own: Sequence[Tensor]) -> None:
    """Check changed activations of a level.

    Args:
        features: ``[B,C,h,w]``.
        level: the number of the level.
        own: the trace's own activations of each level, ``[C,h,w]``.

    Raises:
        ValueError: if there is no such level, or its activations have another shape.
    """
    if not 0 <= level < len(own):
        raise ValueError(f"this trace has {len(own)} levels (from 0), got level {level}")
    if features.ndim != 4 or features.shape[1:] != own[level].shape or not len(features):
        raise ValueError(f"expected activations [B,{','.join(map(str, own[level].shape))}], got {list(features.shape)}")
