"""Layers before the pyramid of a torchvision-like backbone: its stages, and the pyramid's maps before the merge.

Each map of such a layer is explained by itself: a stage acts on a prediction through the neck, not through the later
stages. Only if the stages themselves are the pyramid (SSD) does everything after a stage count.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from detxai_nb.detectors.dense.stages import BACKBONE, NECK, Stages
from detxai_nb.detectors.trace.above import Above
from detxai_nb.detectors.trace.capture import require_captured
from detxai_nb.detectors.trace.strides import by_number, measure_strides
from detxai_nb.module_use import with_hooks

BEFORE = f"{NECK}.before"
PYRAMID, BODY = "pyramid", "body"
"""The groups of a backbone's maps: what the head reads, and the stages that the pyramid is made of."""
Place = tuple[nn.Module, str | None]
"""The submodule that returns a map, and the map's key if it returns several."""
Strides = Callable[[str, Tensor, Sequence[Tensor]], Sequence[tuple[float, float]]]
"""Returns the stride (y, x), in input pixels, of each map of a group, in the order in which the backbone makes them."""


class OpenBackbone:
    """The backbone of a torchvision-like detector with its layers before the pyramid.

    With a ``body`` that has ``return_layers``, and an ``fpn``, the layers are "neck.before" (the outputs of the lateral
    1x1 convolutions of torchvision's feature pyramid), "backbone" (the stage nearest to each prediction's stride) and
    "backbone.<stage>".

    Args:
        module: the backbone; it returns a map or a dict of maps.
        chain: for a backbone whose stages follow one another and are the pyramid: its submodules by the names of the
            stages, in the order in which they run.
    """

    def __init__(self, module: Any, chain: Mapping[str, nn.Module] | None = None) -> None:
        self.module = module
        self._chain = dict(chain or {})
        self._split = hasattr(module, "fpn") and hasattr(getattr(module, "body", None), "return_layers")

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers before the pyramid that can be explained."""
        stages = list(self.module.body.return_layers) if self._split else list(self._chain)
        before = (BEFORE,) if self._split and isinstance(self.module.fpn, FeaturePyramidNetwork) else ()
        return (*before, BACKBONE, *(f"{BACKBONE}.{name}" for name in stages)) if stages else before

    def pyramid(self, batch: Tensor) -> list[Tensor]:
        """Return the maps that the head reads.

        Args:
            batch: the network's input ``[B,3,H,W]``.

        Returns:
            Levels ``[B,C,h,w]``, the finest first.
        """
        maps = self.module(batch)
        return [maps] if isinstance(maps, Tensor) else list(maps.values())

    def strides(self, what: str, batch: Tensor, maps: Sequence[Tensor]) -> list[tuple[float, float]]:
        """Return the strides of the backbone's maps, measured by the shapes that it makes.

        Args:
            what: ``PYRAMID`` or ``BODY``.
            batch: the network's input ``[B,3,H,W]``.
            maps: all maps that were made of it, in the order in which the backbone makes them.

        Returns:
            The stride (y, x) of each, in input pixels.
        """

        def run(blank: Tensor) -> dict[str, Tensor]:
            return by_number(self.pyramid(blank) if what == PYRAMID else list(self.module.body(blank).values()))

        return list(measure_strides(self.module, what, run, batch, by_number(maps)).values())

    def open(self, layer: str, batch: Tensor, strides: Strides) -> Stages:
        """Run the backbone without a graph up to the maps of a layer, and with a graph from there on.

        Args:
            layer: one of ``layers``.
            batch: the network's input for one image, ``[1,3,H,W]``.
            strides: returns the strides (y, x) of maps, in input pixels.

        Returns:
            The layer's maps as leaves, and the pyramid computed from them.
        """
        if layer == BEFORE:
            inner = {str(i): block for i, block in enumerate(self.module.fpn.inner_blocks)}
            maps, pyramid = capture_parts(lambda: self.pyramid(batch), inner)
            maps = {name: maps[name] for name in inner}
            places: dict[str, Place] = {name: (part, None) for name, part in inner.items()}
            found = _named(maps, strides(BODY, batch, list(maps.values())))
        elif self._split:
            maps, pyramid = capture_parts(lambda: self.pyramid(batch), {"": self.module.body})
            of_keys = _named(maps, strides(BODY, batch, list(maps.values())))
            keys = self.module.body.return_layers
            places = {name: (self.module.body, key) for name, key in keys.items()}
            maps = {name: maps[key] for name, key in keys.items()}
            found = {name: of_keys[key] for name, key in keys.items()}
        else:
            first = layer.removeprefix(f"{BACKBONE}.") if layer != BACKBONE else next(iter(self._chain))
            names = list(self._chain)[list(self._chain).index(first) :]
            maps, pyramid = capture_parts(
                lambda: self.pyramid(batch), {name: self._chain[name] for name in names}, chained=True
            )
            places = {name: (self._chain[name], None) for name in names}
            # The stages are the pyramid, so the strides are those of its levels, also of the stages before the first.
            found = _named(self._chain, strides(PYRAMID, batch, pyramid))
        if layer.startswith(f"{BACKBONE}."):
            name = layer.removeprefix(f"{BACKBONE}.")
            maps = {name: maps[name]}
        prefix = BEFORE if layer == BEFORE else BACKBONE
        above = pyramid_above(self.module, self.pyramid, batch, places)
        return Stages(maps, {name: found[name] for name in maps}, pyramid, prefix, above)


def pyramid_above(
    module: nn.Module, run: Callable[[Tensor], Sequence[Tensor]], batch: Tensor, places: Mapping[str, Place]
) -> Callable[[str, Tensor], Sequence[Tensor]]:
    """Return a function that computes a pyramid again for other versions of one of its network's maps.

    Args:
        module: the network.
        run: computes the pyramid's levels ``[B,C,h,w]`` of a batch.
        batch: the network's input for one image, ``[1,3,H,W]``.
        places: where each map is.

    Returns:
        ``above(name, maps)``: the levels ``[B,C,h,w]`` for B versions ``[B,C,h,w]`` of the map ``name``.
    """
    opened: dict[nn.Module, Above] = {}

    def above(name: str, maps: Tensor) -> Sequence[Tensor]:
        part, key = places[name]
        if part not in opened:
            opened[part] = Above(module, part, run, batch, list)
        own = opened[part]
        found = []
        for some in [maps] if own.batched else torch.split(maps, 1):
            output: Any = some.clone()
            if key is not None:
                output = own.own(len(some))
                output[key] = some.clone()
            found.append(own(output, len(some)))
        return [torch.cat(list(levels)) for levels in zip(*found)]

    return above


def _named(names: Iterable[str], strides: Sequence[tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return dict(zip(names, strides, strict=True))


def capture_parts(
    run: Callable[[], Sequence[Tensor]], parts: Mapping[str, nn.Module], chained: bool = False
) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
    """Capture the outputs of submodules as leaves while a pyramid is computed.

    The graph starts anew at every output. If the parts are ``chained``, the later outputs belong to the graph of the
    first. The forward hooks that capture them are removed in any case, also after an error.

    Args:
        run: computes the pyramid.
        parts: the submodules by name. If one returns a dict, its maps are named by the dict's keys.
        chained: whether each part reads the output of the one before.

    Returns:
        The captured maps ``[1,C,h,w]`` by name, and what ``run`` returned.
    """
    maps: dict[str, Tensor] = {}

    def capture(name: str, output: Tensor) -> Tensor:
        maps[name] = output if chained and maps else output.detach().clone().requires_grad_()
        # A clone, because the next module may work in place.
        return maps[name].clone()

    def hook(name: str) -> Callable[..., Any]:
        def replace_output(_: nn.Module, __: Any, output: Any) -> Any:
            torch.set_grad_enabled(True)
            if isinstance(output, Tensor):
                return capture(name, output)
            return OrderedDict((key, capture(key, value)) for key, value in output.items())

        return replace_output

    def run_without_graph() -> tuple[Tensor, ...]:
        with torch.no_grad():
            return tuple(run())

    pyramid = with_hooks([(part, hook(name)) for name, part in parts.items()], run_without_graph)
    require_captured(list(maps.values()), pyramid, type(next(iter(parts.values()))).__name__)
    return maps, pyramid
