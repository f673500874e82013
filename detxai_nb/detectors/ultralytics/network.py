"""An Ultralytics detection network up to its head, captured at the outputs of its numbered modules."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.dense.stages import BACKBONE, NECK, Stages
from detxai_nb.detectors.trace.batch_norms import with_exact_norms
from detxai_nb.detectors.ultralytics.outputs import HEADS, HeadOutputs
from detxai_nb.module_use import alone

_READ_TEXTS = ("C2fAttn", "ImagePoolingAttn")
"""Modules of YOLO-World that read the embeddings of the class names besides their maps."""
_MAKES_TEXTS = "ImagePoolingAttn"
"""The module whose output takes these embeddings' place for the modules after it."""


class UltralyticsNetwork:
    """The modules of a ``DetectionModel``, run one by one as the model's own forward does.

    ``backbone`` holds the numbers of the backbone's modules whose outputs the neck or the head reads; ``merges`` those
    of the neck's modules whose outputs a later module reads, except the head's inputs; ``strides`` the stride of each
    of the head's levels.

    Args:
        module: a ``DetectionModel`` with a Detect head.
    """

    def __init__(self, module: Any) -> None:
        self._parts = module.model
        self._start = len(module.yaml["backbone"])
        self.head: Any = module.model[-1]
        self.strides = [float(stride) for stride in self.head.stride]
        read = {i for part in self._parts[self._start :] for i in _sources_of(part)}
        self.backbone = sorted(i for i in read if i < self._start)
        self.merges = sorted({i for i in module.save if i >= self._start and i not in self.head.f})
        self._texts: Tensor | None = getattr(module, "txt_feats", None)
        self._pooling = [part.i for part in self._parts if type(part).__name__ == _MAKES_TEXTS]
        self._wanted = {*module.save, *self.backbone, *self.head.f, *self._pooling}

    @property
    def outputs(self) -> HeadOutputs:
        """The branches of the head, and what they mean."""
        return HeadOutputs(self.head, self._texts)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers before the head's maps."""
        return (BACKBONE, *(f"{BACKBONE}.{i}" for i in self.backbone), *(f"{NECK}.{i}" for i in self.merges))

    def maps(self, outputs: Mapping[int, Tensor]) -> list[Tensor]:
        """Return the maps that enter the head.

        Args:
            outputs: what ``run`` returned.

        Returns:
            Maps ``[B,C,h,w]``, a level each.
        """
        return [outputs[i] for i in self.head.f]

    def run(self, x: Tensor | None, given: Mapping[int, Tensor] | None = None, start: int = 0) -> dict[int, Tensor]:
        """Run the modules up to the head.

        Args:
            x: output of the module before ``start``; for ``start`` 0 the batch ``[B,3,h,w]``.
            given: outputs by number that are used instead of running their modules.
            start: number of the first module that runs.

        Returns:
            Outputs by number: the given ones, and those of the modules that a later module or the head reads.
        """
        run = partial(self._run, x, dict(given or {}), start)
        return with_exact_norms(self._parts, run) if torch.is_grad_enabled() else run()

    def _run(self, x: Any, outputs: dict[int, Tensor], start: int) -> dict[int, Tensor]:
        batch = x if x is not None else next(iter(outputs.values()))
        for part in self._parts[start:-1]:
            if part.i in outputs:
                x = outputs[part.i]
                continue
            sources = [outputs.get(i, x) for i in _sources_of(part)]
            inputs = sources[0] if isinstance(part.f, int) else sources
            if type(part).__name__ in _READ_TEXTS:
                made: Tensor = part(inputs, self._texts_before(part.i, outputs, batch))
            else:
                made = part(inputs)
            x = made
            if part.i in self._wanted:
                outputs[part.i] = made
        return outputs

    def _texts_before(self, number: int, outputs: Mapping[int, Tensor], batch: Tensor) -> Tensor:
        """The embeddings ``[B,C,E]`` of the class names that a module reads."""
        for pooling in reversed(self._pooling):
            if pooling < number:
                return outputs[pooling]
        if self._texts is None:
            raise ValueError("this YOLO-World has no embeddings of class names (txt_feats); set_classes makes them")
        return self._texts.to(batch).expand(len(batch), -1, -1)

    def open(self, layer: str, outputs: Mapping[int, Tensor], input_size: tuple[int, int]) -> Stages:
        """Make the maps of a layer leaves and compute the head's maps from them with a graph.

        A stage of the backbone reaches the head through the neck, not through the later stages.

        Args:
            layer: one of ``layers``.
            outputs: what ``run`` returned for the image.
            input_size: (height, width) of the network's input.

        Returns:
            The leaves by number, with their strides, and the head's maps.
        """
        kind, _, number = layer.partition(".")
        kept = self.backbone if kind == BACKBONE else [int(number)]
        start = self._start if kind == BACKBONE else int(number) + 1
        leaves = {i: outputs[i].detach().clone().requires_grad_() for i in kept}
        given = {**{i: x for i, x in outputs.items() if i < start}, **leaves}
        with torch.enable_grad():
            made = self.run(given.get(start - 1), given, start)
        chosen = {str(i): leaves[i] for i in kept if not number or i == int(number)}
        strides = {
            name: (input_size[0] / leaf.shape[2], input_size[1] / leaf.shape[3]) for name, leaf in chosen.items()
        }

        def above(name: str, maps: Tensor) -> list[Tensor]:
            again = {i: x.detach().expand(len(maps), *x.shape[1:]) for i, x in given.items()}
            again[int(name)] = maps
            return self.maps(self.run(again.get(start - 1), again, start))

        return Stages(chosen, strides, self.maps(made), kind, above)


def open_module(module: Any) -> Any:
    """Return the ``DetectionModel`` of a YOLO, or a copy of it if autograd could not save its weights.

    Args:
        module: an ``ultralytics.YOLO`` or its ``DetectionModel``.

    Returns:
        The ``DetectionModel``; a copy if its weights were created in ``torch.inference_mode``.

    Raises:
        ImportError: if ultralytics is missing.
        TypeError: if the module is no YOLO with a head of the kind of Detect.
        ValueError: if it does not take RGB images.
    """
    model = ultralytics_model(module)
    head = type(model.model[-1]).__name__
    if head not in HEADS:
        raise TypeError(f"family 'ultralytics' expects a YOLO with the head {', '.join(HEADS)}, got one with {head}")
    return differentiable_model(model)


def ultralytics_model(module: Any, kind: str = "DetectionModel") -> Any:
    """Return the model of Ultralytics' that a module is or holds.

    Args:
        module: an ``ultralytics.YOLO`` or the model inside it.
        kind: the name of the model's class in ``ultralytics.nn.tasks``, or of a class that it is derived from.

    Returns:
        The model.

    Raises:
        ImportError: if ultralytics is missing.
        TypeError: if the module is of another kind.
        ValueError: if it does not take RGB images.
    """
    if find_spec("ultralytics") is None:
        raise ImportError("family 'ultralytics' needs ultralytics: pip install \"detxai-nb[ultralytics]\"")
    # Whoever has such a model has imported this module; importing it here would write settings and access the network.
    tasks = sys.modules.get("ultralytics.nn.tasks")
    known = getattr(tasks, kind, ())
    inside = getattr(module, "model", None)
    model = next((m for m in (module, inside) if isinstance(m, known)), None)
    if model is None:
        got = type(module).__name__ + ("" if inside is None else f" with a {type(inside).__name__} inside")
        raise TypeError(
            f"family 'ultralytics' expects an ultralytics.YOLO with PyTorch weights or its {kind}, such as "
            f"YOLO('yolo11n.pt'); got {got}"
        )
    channels = model.yaml.get("channels", 3)
    if channels != 3:
        raise ValueError(f"family 'ultralytics' expects a YOLO that takes RGB images, got one of {channels} channels")
    return model


def trained_size(model: Any, multiple: int, usual: int = 640) -> int | tuple[int, int]:
    """Return the input size that a model was trained at, which Ultralytics' predictor takes by default.

    Args:
        model: a ``DetectionModel``.
        multiple: sides are rounded up to a multiple of so many pixels, as Ultralytics does.
        usual: the side if the model does not say.

    Returns:
        One side in pixels, or (height, width).
    """
    said = getattr(model, "args", None)
    size = said.get("imgsz") if isinstance(said, Mapping) else getattr(said, "imgsz", None)
    sides = [size] if isinstance(size, int) else list(size) if isinstance(size, (list, tuple)) else []
    if len(sides) not in (1, 2) or not all(isinstance(side, int) and side > 0 for side in sides):
        sides = [usual]
    rounded = [-(-side // multiple) * multiple for side in sides]
    return rounded[0] if len(rounded) == 1 else (rounded[0], rounded[1])


def as_input_size(
    given: int | tuple[int, int] | None, model: Any, multiple: int, owner: str, usual: int = 640
) -> tuple[int, int]:
    """Return the input size as given, or by default the one that a model was trained at.

    Args:
        given: one side in pixels, (height, width), or None.
        model: an Ultralytics model.
        multiple: what sides have to be multiples of, in pixels.
        owner: whose size it is, for the message, such as "this YOLO".
        usual: the side if the model does not say.

    Returns:
        (height, width) in pixels.

    Raises:
        ValueError: for sides that are no such multiples.
    """
    size = trained_size(model, multiple, usual) if given is None else given
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < multiple or height % multiple or width % multiple:
        raise ValueError(
            f"input_size must be a multiple of {multiple}, {owner}'s coarsest stride "
            f"(one side or (height, width)), got {size}"
        )
    return height, width


@torch.inference_mode(False)
def differentiable_model(model: Any) -> Any:
    """Return a model that autograd can differentiate.

    Args:
        model: an Ultralytics model.

    Returns:
        The model, or a copy outside inference mode if its weights were created in it.
    """
    if any(weight.is_inference() for weight in (*model.parameters(), *model.buffers())):
        return alone(model, lambda: copy.deepcopy(model))
    return model


def _sources_of(part: Any) -> list[int]:
    """Numbers of the modules whose outputs a module of the network reads; -1 for the batch."""
    return [part.i + i if i < 0 else i for i in ([part.f] if isinstance(part.f, int) else part.f)]
