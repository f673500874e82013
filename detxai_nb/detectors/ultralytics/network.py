"""An Ultralytics detection network up to its head, opened at the outputs of its numbered modules."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.dense.trace import BACKBONE, NECK, Stages

HEADS = ("Detect", "v10Detect")


class UltralyticsNetwork:
    """The modules of a ``DetectionModel``, run one by one as the model's own forward does.

    ``backbone``: numbers of the backbone's modules that the neck or the head reads. ``merges``: numbers of the neck's
    modules that are read further on, apart from those that make the head's maps.
    """

    def __init__(self, module: Any) -> None:
        self._parts = module.model
        self._start = len(module.yaml["backbone"])
        self.head: Any = module.model[-1]
        self.strides = [float(stride) for stride in self.head.stride]
        read = {i for part in self._parts[self._start :] for i in _reads(part)}
        self.backbone = sorted(i for i in read if i < self._start)
        self.merges = sorted(i for i in module.save if i >= self._start and i not in self.head.f)
        self._wanted = {*module.save, *self.backbone, *self.head.f}

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers before the head's maps."""
        return (BACKBONE, *(f"{BACKBONE}.{i}" for i in self.backbone), *(f"{NECK}.{i}" for i in self.merges))

    def maps(self, outputs: Mapping[int, Tensor]) -> list[Tensor]:
        """The maps that enter the head, ``[B,C,h,w]`` a level, out of what ``run`` returns."""
        return [outputs[i] for i in self.head.f]

    def run(self, x: Tensor | None, given: Mapping[int, Tensor] | None = None, start: int = 0) -> dict[int, Tensor]:
        """The outputs, by number, of the modules from ``start`` up to the head that are read later.

        ``given``: outputs that are taken instead of running a module; ``x``: that of the module before ``start``, at
        first the batch ``[B,3,h,w]``.
        """
        outputs = dict(given or {})
        for part in self._parts[start:-1]:
            if part.i in outputs:
                x = outputs[part.i]
                continue
            sources = [outputs.get(i, x) for i in _reads(part)]
            x = part(sources[0] if isinstance(part.f, int) else sources)
            if part.i in self._wanted:
                outputs[part.i] = x  # type: ignore[assignment]
        return outputs

    def open(self, layer: str, outputs: Mapping[int, Tensor], input_size: tuple[int, int]) -> Stages:
        """The maps of one of ``layers`` as leaves, and the head's maps made of them with a graph.

        A stage of the backbone reaches the head through the neck, not through the later stages.
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
        return Stages(chosen, strides, self.maps(made), kind)


def open_module(module: Any) -> Any:
    """The ``DetectionModel`` of what a user hands in, or a copy of it where autograd could not save its weights.

    Raises ``ImportError`` where ultralytics is missing, ``TypeError`` for anything that is no YOLO with a Detect head,
    ``ValueError`` for one that does not take RGB images.
    """
    if find_spec("ultralytics") is None:
        raise ImportError("family 'ultralytics' needs ultralytics: pip install \"detxai-nb[ultralytics]\"")
    # Whoever has such a model has imported this; importing it here would write settings and look for a network.
    tasks = sys.modules.get("ultralytics.nn.tasks")
    inside = getattr(module, "model", None)
    model = next((m for m in (module, inside) if tasks is not None and isinstance(m, tasks.DetectionModel)), None)
    if model is None:
        got = type(module).__name__ + ("" if inside is None else f" with a {type(inside).__name__} inside")
        raise TypeError(
            "family 'ultralytics' expects an ultralytics.YOLO with PyTorch weights or its DetectionModel, such as "
            f"YOLO('yolo11n.pt'); got {got}"
        )
    head = type(model.model[-1]).__name__
    if head not in HEADS:
        raise TypeError(f"family 'ultralytics' expects a YOLO with the head {' or '.join(HEADS)}, got one with {head}")
    channels = model.yaml.get("channels", 3)
    if channels != 3:
        raise ValueError(f"family 'ultralytics' expects a YOLO that takes RGB images, got one of {channels} channels")
    return _differentiable(model)


@torch.inference_mode(False)
def _differentiable(model: nn.Module) -> nn.Module:
    if any(weight.is_inference() for weight in (*model.parameters(), *model.buffers())):
        return copy.deepcopy(model)
    return model


def _reads(part: Any) -> list[int]:
    """Numbers of the modules whose outputs a module of the network reads; -1 for the batch."""
    return [part.i + i if i < 0 else i for i in ([part.f] if isinstance(part.f, int) else part.f)]
