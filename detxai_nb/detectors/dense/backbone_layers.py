"""Layers before the pyramid of a torchvision-like backbone: its stages, and the pyramid's maps before the merge.

A map of such a layer is held apart from the others of its layer: a stage reaches a prediction through the neck, not
through the later stages. Only where the stages themselves are the pyramid (SSD) everything after a stage counts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from detxai_nb.detectors.dense.trace import BACKBONE, NECK, Stages

BEFORE = f"{NECK}.before"
Stride = Callable[[Tensor], tuple[float, float]]


class OpenBackbone:
    """The backbone of a torchvision-like detector and its layers before the pyramid.

    ``module``: gives a map or a dict of maps. Layers on offer are, where it has a ``body`` with ``return_layers`` and a
    ``fpn``: "neck.before" (the lateral 1x1 outputs of torchvision's feature pyramid), "backbone" (the stage nearest to
    each prediction's stride) and "backbone.<stage>". ``chain``: the submodules, by the stages' names and in the order
    in which they run, of a backbone whose stages follow from each other and are the pyramid.
    """

    def __init__(self, module: Any, chain: Mapping[str, nn.Module] | None = None) -> None:
        self.module = module
        self._chain = dict(chain or {})
        self._split = hasattr(module, "fpn") and hasattr(getattr(module, "body", None), "return_layers")

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers on offer."""
        stages = list(self.module.body.return_layers) if self._split else list(self._chain)
        before = (BEFORE,) if self._split and isinstance(self.module.fpn, FeaturePyramidNetwork) else ()
        return (*before, BACKBONE, *(f"{BACKBONE}.{name}" for name in stages)) if stages else before

    def pyramid(self, batch: Tensor) -> list[Tensor]:
        """The maps that the head reads, ``[B,C,h,w]`` each."""
        found = self.module(batch)
        return [found] if isinstance(found, Tensor) else list(found.values())

    def open(self, layer: str, batch: Tensor, stride: Stride) -> Stages:
        """One pass over ``batch`` ``[1,3,H,W]`` without a graph up to the maps of the layer, with one from there on.

        ``stride`` gives the stride of a map.
        """
        if layer == BEFORE:
            inner = {str(i): block for i, block in enumerate(self.module.fpn.inner_blocks)}
            maps, pyramid = capture_parts(lambda: self.pyramid(batch), inner)
            maps = {name: maps[name] for name in inner}
        elif self._split:
            maps, pyramid = capture_parts(lambda: self.pyramid(batch), {"": self.module.body})
            maps = {name: maps[key] for name, key in self.module.body.return_layers.items()}
        else:
            first = layer.removeprefix(f"{BACKBONE}.") if layer != BACKBONE else next(iter(self._chain))
            names = list(self._chain)[list(self._chain).index(first) :]
            maps, pyramid = capture_parts(
                lambda: self.pyramid(batch), {name: self._chain[name] for name in names}, chained=True
            )
        if layer.startswith(f"{BACKBONE}."):
            name = layer.removeprefix(f"{BACKBONE}.")
            maps = {name: maps[name]}
        return Stages(
            maps, {name: stride(x) for name, x in maps.items()}, pyramid, BEFORE if layer == BEFORE else BACKBONE
        )


def capture_parts(
    run: Callable[[], Sequence[Tensor]], parts: Mapping[str, nn.Module], chained: bool = False
) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
    """The outputs of submodules kept open while ``run`` makes a pyramid.

    Every output becomes the start of a graph; where they are ``chained``, the later ones belong to the graph of the
    first. Of a part that gives a dict its maps are named by their keys. Returns the maps ``[1,C,h,w]`` by name and what
    ``run`` made of them. The forward hooks that this takes are gone afterwards, whatever happens.
    """
    maps: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> Tensor:
        maps[name] = output if chained and maps else output.detach().clone().requires_grad_()
        # A copy, since the next module may work in place.
        return maps[name].clone()

    def hook(name: str) -> Callable[..., Any]:
        def look(_: nn.Module, __: Any, output: Any) -> Any:
            torch.set_grad_enabled(True)
            if isinstance(output, Tensor):
                return keep(name, output)
            return OrderedDict((key, keep(key, value)) for key, value in output.items())

        return look

    handles = [part.register_forward_hook(hook(name)) for name, part in parts.items()]
    try:
        with torch.no_grad():
            pyramid = tuple(run())
    finally:
        for handle in handles:
            handle.remove()
    return maps, pyramid
