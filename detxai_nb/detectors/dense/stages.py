"""Layers before the pyramid of a one-stage detector: their maps as leaves, and gradients carried through the neck."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.detectors.trace.capture import require_captured
from detxai_nb.detectors.trace.products import jacobian_products
from detxai_nb.types import Level
from detxai_nb.windows import GradientChunk

NECK = "neck"
BACKBONE = "backbone"


@dataclass(frozen=True, eq=False)
class Stages:
    """The maps of a layer before the pyramid as leaves, and the pyramid that was computed from them with a graph.

    Attributes:
        leaves: the maps ``[1,C,h,w]`` by name.
        strides: the stride (y, x) of each map, in input pixels.
        pyramid: the levels ``[1,C,h,w]``, the finest first, with the graph that leads back to ``leaves``.
        prefix: the layer's name; a level is called ``<prefix>.<name of its map>``.
        above: computes the pyramid's levels ``[B,C,h,w]`` again for B versions ``[B,C,h,w]`` of the map of a name; None
            if that is not known.
    """

    leaves: Mapping[str, Tensor]
    strides: Mapping[str, tuple[float, float]]
    pyramid: Sequence[Tensor]
    prefix: str = BACKBONE
    above: Callable[[str, Tensor], Sequence[Tensor]] | None = None

    @property
    def levels(self) -> tuple[Level, ...]:
        """The maps as levels, in the order of ``leaves``."""
        return tuple(
            Level(f"{self.prefix}.{name}", leaf.detach()[0], self.strides[name]) for name, leaf in self.leaves.items()
        )

    def pull(self, chunk: GradientChunk, stride: tuple[float, float]) -> Iterator[GradientChunk]:
        """Yield gradients with respect to the map whose stride is nearest to a pyramid level's.

        They are batched vector-Jacobian products through what lies between map and level, as many at once as fit the
        memory budget.

        Args:
            chunk: gradients with respect to a level of the pyramid.
            stride: that level's stride (y, x), in input pixels.

        Yields:
            Gradients ``[n,C,h,w]`` on the whole map, with the map's index in ``leaves`` as their level; zero if the
            pyramid level does not depend on the map.
        """
        output, names = self.pyramid[chunk.level], list(self.leaves)
        strides = [self.strides[name] for name in names]
        # Several maps may share the level's stride (the coarsest of a small input do): then they match by index.
        same = chunk.level < len(names) and strides[chunk.level] == stride
        number = chunk.level if same else _nearest_stage(stride, strides)
        leaf = self.leaves[names[number]]
        widest = max((leaf, *self.pyramid), key=Tensor.numel)
        for part in torch.split(torch.arange(len(chunk.rows), device=chunk.rows.device), rows_per_chunk(widest)):
            corner = None if chunk.corner is None else chunk.corner[part]
            dense = GradientChunk(chunk.level, chunk.rows[part], chunk.gradient[part], corner).dense(*output.shape[2:])
            gradient = jacobian_products(output, leaf, dense[:, None])[:, 0]
            yield GradientChunk(number, chunk.rows[part], gradient.detach())
            del dense, gradient


def _nearest_stage(stride: tuple[float, float], stages: Sequence[tuple[float, float]]) -> int:
    """The index of the stage whose stride is nearest to ``stride``, in octaves."""
    return min(
        range(len(stages)),
        key=lambda i: abs(torch.tensor(stages[i][0] / stride[0], dtype=torch.float32, device="cpu").log2().item()),
    )


def open_stages(
    layer: str,
    features: Mapping[str, Tensor],
    strides: Mapping[str, tuple[float, float]],
    neck: Callable[[Mapping[str, Tensor]], Sequence[Tensor]],
) -> Stages:
    """Turn the backbone's maps into leaves and run the neck on them with a graph.

    Args:
        layer: "backbone" for all maps, or "backbone.<stage>" for one.
        features: the backbone's maps ``[1,C,h,w]`` by stage.
        strides: the stride (y, x) of each map, in input pixels.
        neck: computes the pyramid's levels ``[1,C,h,w]`` from the maps.

    Returns:
        The maps of the layer and the pyramid computed from all maps.
    """
    leaves = {name: value.detach().clone().requires_grad_() for name, value in features.items()}
    with torch.enable_grad():
        pyramid = tuple(neck(leaves))
    require_captured(list(leaves.values()), pyramid, BACKBONE)
    chosen = list(leaves) if layer == BACKBONE else [layer.removeprefix(f"{BACKBONE}.")]

    def above(name: str, maps: Tensor) -> Sequence[Tensor]:
        others = {key: leaf.detach().expand(len(maps), *leaf.shape[1:]) for key, leaf in leaves.items()}
        return neck({**others, name: maps})

    return Stages({n: leaves[n] for n in chosen}, {n: strides[n] for n in chosen}, pyramid, above=above)
