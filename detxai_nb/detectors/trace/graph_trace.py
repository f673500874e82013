"""The trace of any differentiable detector: one forward pass, and one backward pass for each prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import MultiScaleRoIAlign, RoIAlign

from detxai_nb.detectors.base import outside_inference_mode
from detxai_nb.detectors.trace.again import Again, Prepared, check_features, with_graph_of_inputs
from detxai_nb.detectors.trace.answers import check_scalar
from detxai_nb.detectors.trace.batch_norms import with_exact_norms
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.detectors.trace.capture import capture, replaying
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement, sampler_shift
from detxai_nb.module_use import exclusive, with_hooks
from detxai_nb.targets import logarithm
from detxai_nb.types import Detections, Level, Target
from detxai_nb.windows import GradientChunk

_Result = TypeVar("_Result")

GUIDE = "docs/adding/detector.md"
MOST_ROWS = 16
"""Gradients in a chunk: they are computed one by one, so that work can be stopped in between."""
_ELSEWHERE = "these detections come from another detector or image size; detect in this image first"


class GraphTrace(Again):
    """One forward pass of one image with a graph from a layer on. See ``RerunTrace``.

    Further runs take one version at a time and run the whole network each.

    Args:
        detector: a ``HookedDetector``, whose module runs.
        batch: the network's input ``[1,3,h,w]``.
        placement: where the image lies in it.
        layer: one of the detector's layers.
    """

    def __init__(self, detector: Any, batch: Tensor, placement: Placement, layer: str) -> None:
        self.layer = layer
        self.placement = placement
        self._detector = detector
        self._again = Prepared(
            batch,
            black=lambda: detector._input(np.zeros((*placement.image_size, 3), dtype=np.uint8))[0],
            reopen=lambda other: detector._open(other, placement, layer),
        )
        with torch.no_grad():
            modules = detector._modules(layer)
            pooled: set[int] = set()
            self._leaves, self._outputs = _noting_pooled(
                detector.module, pooled, lambda: capture(lambda: self._forward(batch), modules)
            )
        if not self._leaves:
            raise ValueError(
                f"layer {layer!r} of {type(detector).__name__} returned no map [1,C,h,w] when the network ran "
                f"(tokens [1,N,C] are no map): name a submodule of {type(detector.module).__name__} that runs and "
                f"returns one ({GUIDE})"
            )
        if len(self._leaves) > 1 and "level" not in detector.origin_fields and not detector.finds_level:
            raise ValueError(
                f"layer {layer!r} of {type(detector).__name__} has {len(self._leaves)} maps, and each prediction is "
                f"explained on one of them: give origins a column 'level', or name each map as a layer ({GUIDE})"
            )
        names = [layer] if len(self._leaves) == 1 else [f"{layer}.{i}" for i in range(len(self._leaves))]
        with torch.no_grad():
            strides = detector._strides(layer, batch, self._leaves)
        self.levels = tuple(
            Level(name, leaf.detach()[0], stride, shift=sampler_shift(stride) if id(leaf) in pooled else (0.0, 0.0))
            for name, leaf, stride in zip(names, self._leaves, strides)
        )

    @exclusive("_detector.module")
    @exact_mode
    @torch.no_grad()
    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalar of each detection.

        Args:
            detections: what the detector's ``detect`` found in this image.
            target: which scalar.

        Returns:
            ``[N]``, without a graph.

        Raises:
            ValueError: if the target has no scalar, or the detections come from elsewhere.
        """
        asked, target = self._resolve(detections, target)
        found = [self._scalar(origin, label, target) for origin, label in asked]
        return torch.stack(found) if found else self._leaves[0].new_zeros(0)

    @exclusive("_detector.module")
    @exact_mode
    @with_graph_of_inputs
    def scalars_of_inputs(self, inputs: Tensor, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other inputs, each of its own origin.

        Args:
            inputs: ``[B,3,h,w]`` of the size of ``input``; where they need a gradient the result has a graph.
            detections: what the detector's ``detect`` found in this image.
            target: which scalar.

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as ``scalars``, and for inputs of another size.
        """
        self._check_inputs(inputs)
        asked, target = self._resolve(detections, target)
        return torch.stack([self._read(self._forward(one), asked, target) for one in torch.split(inputs, 1)])

    @exclusive("_detector.module")
    @exact_mode
    @torch.no_grad()
    def scalars_of_features(self, features: Tensor, level: int, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other activations of the layer.

        Args:
            features: ``[B,C,h,w]``, versions of the grid of ``level``.
            level: the number of a level.
            detections: what the detector's ``detect`` found in this image.
            target: which scalar.

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as ``scalars``, and for activations of another shape.
        """
        check_features(features, level, [leaf[0] for leaf in self._leaves])
        asked, target = self._resolve(detections, target)
        found = []
        modules = self._detector._modules(self.layer)
        for one in torch.split(features, 1):
            outputs = replaying(lambda: self._detector.forward(self.input), modules, level, one)
            found.append(self._read(outputs, asked, target))
        return torch.stack(found)

    def _forward(self, batch: Tensor) -> Any:
        """The network's outputs for an input ``[1,3,h,w]``."""
        return with_exact_norms(self._detector.module, lambda: self._detector.forward(batch))

    def _read(self, outputs: Any, asked: list[tuple[tuple[int, ...], int]], target: Target) -> Tensor:
        """The scalars ``[N]`` in the network's outputs for one input."""
        values = [self._of_outputs(outputs, origin, label, target) for origin, label in asked]
        return torch.stack(values) if values else self._leaves[0].new_zeros(0)

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Compute exact gradients with respect to the layer, one backward pass for each detection.

        Also inside ``torch.inference_mode``, which is left for the time of each step.

        Args:
            detections: what the detector's ``detect`` found in this image.
            target: which scalar.

        Yields:
            Gradients on one whole level, as many together as fit the memory budget, at most ``MOST_ROWS``.
        """
        return outside_inference_mode(self._chunks(detections, target), self._detector.module)

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Compute the same as (level, rows, gradient).

        Args:
            detections: what the detector's ``detect`` found in this image.
            target: which scalar.

        Yields:
            The number of the level, rows ``[n]`` and gradients ``[n,C,h,w]``.
        """
        for chunk in self.chunks(detections, target):
            yield chunk.level, chunk.rows, chunk.gradient

    def _chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        asked, target = self._resolve(detections, target)
        by_level: dict[int, list[int]] = {}
        for row, (origin, label) in enumerate(asked):
            by_level.setdefault(self._level(origin, label, target), []).append(row)
        for level, mine in by_level.items():
            leaf = self._leaves[level]
            most = min(MOST_ROWS, rows_per_chunk(leaf))
            for start in range(0, len(mine), most):
                rows = mine[start : start + most]
                found = [self._gradient(asked[row][0], asked[row][1], target, leaf) for row in rows]
                yield GradientChunk(level, torch.tensor(rows, device=leaf.device), torch.stack(found))
                del found

    def _gradient(self, origin: tuple[int, ...], label: int, target: Target, leaf: Tensor) -> Tensor:
        with torch.enable_grad():
            value = self._scalar(origin, label, target)
        if not value.requires_grad:
            return torch.zeros_like(leaf[0])
        (gradient,) = torch.autograd.grad(value, leaf, retain_graph=True, allow_unused=True)
        return torch.zeros_like(leaf[0]) if gradient is None else gradient[0]

    def _scalar(self, origin: tuple[int, ...], label: int, target: Target) -> Tensor:
        try:
            return self._of_outputs(self._outputs, origin, label, target)
        except IndexError as error:
            raise ValueError(_ELSEWHERE) from error

    def _of_outputs(self, outputs: Any, origin: tuple[int, ...], label: int, target: Target) -> Tensor:
        """The scalar of one prediction in the network's outputs; the detector knows probabilities, logits and sides."""

        def of_class(number: int) -> Tensor:
            logarithmic = target.score == "log-prob"
            plain = Target(target.part, "prob" if logarithmic else target.score)
            value = self._detector.scalar(outputs, origin, number, plain)
            value = check_scalar(type(self._detector).__name__, value, plain)
            return logarithm(value) if logarithmic and target.part == "class" else value

        found = of_class(label)
        return found if target.against is None else found - of_class(int(target.against))

    def _level(self, origin: tuple[int, ...], label: int, target: Target) -> int:
        if len(self._leaves) == 1:
            return 0
        if "level" not in self._detector.origin_fields:
            return self._level_of_scalar(origin, label, target)
        level: int = origin[self._detector.origin_fields.index("level")]
        if level >= len(self._leaves):
            raise ValueError(_ELSEWHERE)
        return level

    def _level_of_scalar(self, origin: tuple[int, ...], label: int, target: Target) -> int:
        """The number of the one level that a scalar depends on; the first if it depends on none."""
        with torch.enable_grad():
            value = self._scalar(origin, label, target)
        if not value.requires_grad:
            return 0
        gradients = torch.autograd.grad(value, self._leaves, retain_graph=True, allow_unused=True)
        used = [i for i, gradient in enumerate(gradients) if gradient is not None and bool((gradient != 0).any())]
        if len(used) > 1:
            raise ValueError(
                f"layer {self.layer!r} has {len(self._leaves)} maps, and this prediction depends on {len(used)} of "
                f"them, but is explained on one: name one map as the layer, or give origins a column 'level' ({GUIDE})"
            )
        return used[0] if used else 0

    def _resolve(self, detections: Detections, target: Target) -> tuple[list[tuple[tuple[int, ...], int]], Target]:
        """The origin and explained class of each detection; the target with class numbers."""
        if target.part == "combined":
            raise ValueError("a trace explains one scalar at a time; 'combined' joins maps and is made by explain")
        if target.part not in self._detector.targets:
            raise ValueError(
                f"{type(self._detector).__name__} has no target {target.part!r} (such as a box side); "
                f"it has {', '.join(self._detector.targets)}"
            )
        self._detector.require_target(target)
        origins, fields = detections.origins, self._detector.origin_fields
        if origins is None or detections.origin_fields != fields:
            raise ValueError(
                f"these detections do not say where in the model they came from (origins {fields}); "
                "use what this detector's detect returns"
            )
        if origins.numel() and int(origins.min()) < 0:
            raise ValueError(_ELSEWHERE)
        labels, target = target.resolve(detections.labels, detections.names)
        return [(tuple(origin), label) for origin, label in zip(origins.tolist(), labels.tolist())], target


def _noting_pooled(module: nn.Module, pooled: set[int], run: Callable[[], _Result]) -> _Result:
    """Run a network and note the ids of the captured maps that torchvision's RoIAlign reads as they are."""

    def note(_: nn.Module, args: tuple[Any, ...]) -> None:
        maps = args[0].values() if args and isinstance(args[0], Mapping) else args[:1]
        for copied in maps:
            # What is handed on is a copy of a leaf: the copy's node leads to the leaf's own.
            sources = getattr(copied.grad_fn, "next_functions", ()) if isinstance(copied, Tensor) else ()
            pooled.update(id(node.variable) for node, _ in sources[:1] if hasattr(node, "variable"))

    parts = [part for part in module.modules() if isinstance(part, (RoIAlign, MultiScaleRoIAlign))]
    return with_hooks([(part, note) for part in parts], run, before=True)
