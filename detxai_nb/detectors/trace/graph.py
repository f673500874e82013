"""Any differentiable PyTorch detector, correct and slow: what a first adapter starts from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.capabilities import RERUN
from detxai_nb.detectors.base import (
    Adapter,
    detecting,
    gather_detections,
    to_tensor,
    tracing,
)
from detxai_nb.detectors.trace.answers import check_input, check_predictions
from detxai_nb.detectors.trace.budget import check_layer
from detxai_nb.detectors.trace.capture import capture
from detxai_nb.detectors.trace.graph_trace import GraphTrace
from detxai_nb.detectors.trace.strides import by_number, measure_strides, noted
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement, stride_by_shape
from detxai_nb.image import ImageSource, as_images, load_image
from detxai_nb.module_use import exclusive
from detxai_nb.names import ClassNames, as_names
from detxai_nb.types import SIDES, Detections, Target

LayerModules = str | Sequence[str] | Callable[[Any], nn.Module | Sequence[nn.Module]]
"""Where a layer is: the path of a submodule, several, or a function that finds the submodules in the module."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """All predictions of one image: after the detector's own suppression, before any score threshold.

    Attributes:
        boxes: ``[N,4]``, xyxy in pixels of the network's input.
        scores: ``[N]`` in 0..1.
        labels: int64 ``[N]``, indices into the class names.
        origins: int64 ``[N,K]``: where each came from in the outputs, one column for each of ``origin_fields``.
        class_scores: ``[N,C]``, the probability of every class, or None.
        objectness: ``[N]`` in 0..1, or None; a score is then objectness times class score.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    origins: Tensor
    class_scores: Tensor | None = None
    objectness: Tensor | None = None


class HookedDetector(Adapter, ABC):
    """A detector whose layers are submodules of its module, hooked while one picture runs through it."""

    offers: tuple[str, ...] = ()

    layer_modules: Mapping[str, LayerModules] = {}
    """The layers by name, the default first. Each map ``[1,C,h,w]`` that its submodules return is an explained grid."""

    origin_fields: tuple[str, ...] = ("query",)
    """The columns of the origins. With a column "level" it says on which of a layer's grids each is explained."""

    finds_level = False
    """Whether a prediction whose origin names no level is explained on the one grid that its scalar depends on."""

    @abstractmethod
    def forward(self, batch: Tensor) -> Any:
        """Run the network on an input ``[1,3,h,w]``.

        Args:
            batch: the input.

        Returns:
            The outputs, in any form that ``scalar`` reads; still part of the graph.
        """

    @abstractmethod
    def scalar(self, outputs: Any, origin: tuple[int, ...], label: int, target: Target) -> Tensor:
        """Compute the explained scalar of one prediction.

        Args:
            outputs: what ``forward`` returned.
            origin: its row of the detections' origins.
            label: the explained class.
            target: which scalar.

        Returns:
            A tensor of one number, part of the graph.
        """

    def require_target(self, target: Target) -> None:
        """Raise an error if a target has no scalar here; ``targets`` names the parts that have one.

        Args:
            target: which scalar is asked for.
        """

    def stride(self, layer: str, batch: Tensor, grid: Tensor) -> tuple[float, float]:
        """Return the stride (y, x) of a grid in input pixels; override it if the network says so itself.

        Unless it is overridden, strides are measured: ``forward`` runs on empty inputs of other sizes, and what counts
        is how many cells these add. This is what is left for a network that takes inputs of one size only.

        Args:
            layer: the name of the layer.
            batch: ``[1,3,H,W]``, the network's input.
            grid: ``[1,C,h,w]``, a map that the layer made of it.

        Returns:
            The power of two that leaves as many cells, rounded up or down, else the plain quotient of the sizes.
        """
        return stride_by_shape(batch.shape[-2:], grid.shape[-2:])

    def _strides(self, layer: str, batch: Tensor, grids: Sequence[Tensor]) -> list[tuple[float, float]]:
        """The stride of each grid of a layer: what ``stride`` says if it is overridden, else measured."""
        if type(self).stride is not HookedDetector.stride:
            return [self.stride(layer, batch, grid) for grid in grids]

        def run(blank: Tensor) -> dict[str, Tensor]:
            maps: list[Tensor] = []
            noted(lambda: capture(lambda: self.forward(blank), self._modules(layer), maps), maps)
            return by_number(maps)

        what = f"{type(self).__qualname__} {layer} {self.layer_modules[layer]}"
        found = measure_strides(self.module, what, run, batch, by_number(grids))
        return list(found.values())

    @property
    def layers(self) -> tuple[str, ...]:
        """The names in ``layer_modules``."""
        return tuple(self.layer_modules)

    @tracing
    def trace(self, image: ImageSource, layer: str | None = None) -> GraphTrace:
        """Run the detector on one image and keep the pass open at a layer.

        Args:
            image: what ``load_image`` takes.
            layer: one of ``layers``; None for the first.

        Returns:
            The trace.

        Raises:
            ValueError: if there are no layers, or this one is unknown, did not run, or returned no map ``[1,C,h,w]``.
        """
        if not self.layers:
            raise ValueError(
                f"{type(self).__name__} has no layers: set layer_modules = {{'name': 'path.of.a.submodule'}}"
            )
        layer = check_layer(layer, self.layers)
        of_image = self._for_image(image)
        with torch.no_grad():
            batch, placement = of_image._input(image)
        return of_image._open(batch, placement, layer)

    def _for_image(self, image: ImageSource) -> HookedDetector:
        """The detector that a trace of this image keeps."""
        return self

    @exclusive("module")
    @exact_mode
    def _open(self, batch: Tensor, placement: Placement, layer: str) -> GraphTrace:
        """The trace of an input ``[1,3,h,w]``."""
        return GraphTrace(self, batch, placement, layer)

    @abstractmethod
    def _input(self, image: ImageSource) -> tuple[Tensor, Placement]:
        """The network's input ``[1,3,h,w]`` and where the image lies in it."""

    def _modules(self, layer: str) -> list[nn.Module]:
        """The submodules of a layer."""
        where = self.layer_modules[layer]
        if callable(where):
            found = where(self.module)
            return [found] if isinstance(found, nn.Module) else list(found)
        paths, known = [where] if isinstance(where, str) else list(where), dict(self.module.named_modules())
        if missing := [path for path in paths if path not in known]:
            near = ", ".join(path for path in known if path.count(".") < 2 and path)
            raise ValueError(
                f"layer {layer!r} of {type(self).__name__} names the submodule {missing[0]!r}, which "
                f"{type(self.module).__name__} does not have; some that it has: {near}"
            )
        return [known[path] for path in paths]


class GraphDetector(HookedDetector):
    """The base class of a first adapter: any differentiable detector of PyTorch, exact and slow.

    A subclass says where the layers are (``layer_modules``), how an image becomes the network's input (``prepare``),
    what the outputs mean (``decode``) and which scalar of them is explained (``scalar``). Everything else is here. A
    trace runs the module once with a graph from the layer on, and takes one backward pass for each prediction.

    Args:
        module: the network. It is used as it is, in evaluation mode, and never changed.
        names: a name for each class.

    Raises:
        TypeError: if the module is no ``torch.nn.Module``, or the names are no list of names.
    """

    offers: tuple[str, ...] = (RERUN,)

    side_unit = "input pixels"
    """The unit of a box side as ``scalar`` returns it; that of ``box_side`` of boxes as ``decode`` returns them."""

    def __init__(self, module: nn.Module, names: ClassNames) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"{type(self).__name__} expects a torch.nn.Module, got {type(module).__name__}")
        self.module = module
        self.names = as_names(names, owner=type(self).__name__)

    @abstractmethod
    def prepare(self, image: Tensor) -> tuple[Tensor, Placement]:
        """Turn an image into the network's input.

        Args:
            image: ``[3,H,W]``, RGB in 0..255, of the type and on the device of the module's weights.

        Returns:
            The batch ``[1,3,h,w]`` and where the image lies in it; ``resize_image`` does the common case.
        """

    def forward(self, batch: Tensor) -> Any:
        """Run the network; override it to call the module otherwise or to reshape what it returns.

        Args:
            batch: ``[1,3,h,w]``, from ``prepare``.

        Returns:
            The outputs, in any form that ``decode`` and ``scalar`` read; still part of the graph.
        """
        return self.module(batch)

    @abstractmethod
    def decode(self, outputs: Any) -> Predictions:
        """Turn the outputs of ``forward`` into predictions, as the detector's own post-processing does.

        Args:
            outputs: what ``forward`` returned for one image.

        Returns:
            All predictions, with boxes in pixels of the network's input.
        """

    @abstractmethod
    def scalar(self, outputs: Any, origin: tuple[int, ...], label: int, target: Target) -> Tensor:
        """Compute the explained scalar of one prediction.

        Args:
            outputs: what ``forward`` returned.
            origin: its row of ``Predictions.origins``.
            label: the explained class.
            target: which scalar; for its part "class" with score "prob" it is the score that ``decode`` reports, for a
                side ``box_side``.

        Returns:
            A tensor of one number, part of the graph.
        """

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Return what the detector finds in each image, one image at a time.

        Args:
            images: what ``load_image`` takes, of any sizes.
            score_threshold: the lowest score to report, 0..1.

        Returns:
            One ``Detections`` for each image.

        Raises:
            TypeError, ValueError: if ``prepare`` or ``decode`` returned something of another type or shape.
        """
        found = []
        for image in as_images(images):
            batch, placement = self._input(image)
            found.append(self._report(self.decode(self.forward(batch)), placement, score_threshold))
        return found

    def _input(self, image: ImageSource) -> tuple[Tensor, Placement]:
        weight = next(w for w in self.module.parameters() if w.is_floating_point())
        prepared = self.prepare(to_tensor(load_image(image), weight.device, weight.dtype))
        return check_input(type(self).__name__, prepared)

    def _report(self, found: Predictions, placement: Placement, threshold: float) -> Detections:
        check_predictions(type(self).__name__, found, self.origin_fields, len(self.names))
        keep = found.scores >= threshold
        return gather_detections(
            placement,
            found.boxes[keep],
            found.scores[keep],
            found.labels[keep],
            self.names,
            class_scores=None if found.class_scores is None else found.class_scores[keep],
            objectness=None if found.objectness is None else found.objectness[keep],
            origins=found.origins[keep],
            origin_fields=self.origin_fields,
            highest_score=float(found.scores.max()) if len(found.scores) else 0.0,
            score_threshold=threshold,
        )


def box_side(boxes: Tensor, part: str) -> Tensor:
    """Return one side of boxes, signed so that a larger value means a larger box.

    Args:
        boxes: ``[...,4]``, xyxy.
        part: "x1", "y1", "x2" or "y2".

    Returns:
        ``[...]``: the coordinate for "x2" and "y2", minus the coordinate for "x1" and "y1".
    """
    return boxes[..., SIDES.index(part)] * (1 if part in ("x2", "y2") else -1)
