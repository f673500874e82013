"""transformers' DETRs: how each turns its outputs into detections, and where its features can be taken out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

BACKBONE, NECK, ENCODER = "backbone", "neck", "encoder"
PIP = 'pip install "detxai-nb[transformers]"'


@dataclass(frozen=True)
class Variant:
    """What sets one DETR apart.

    ``softmax``: one class a query, the last output being "no object"; else a sigmoid for each class and the best pairs
    of query and class are reported, ``most`` of them or, for None, as many as there are queries. ``projections``: the
    attribute of the convolutions between backbone and encoder. ``dense``: whether attention is over all cells.
    ``chosen``: which cells of the encoder became the queries, ``[B,Q]``, from the network's outputs and the number of
    queries; None where queries are learned.
    """

    softmax: bool = False
    most: int | None = 100
    projections: str = "input_projection"
    dense: bool = True
    chosen: Callable[[Any, int], Tensor] | None = None

    @property
    def origin_fields(self) -> tuple[str, ...]:
        """A query has a number; one made from a cell of the encoder also has that cell, which is its identity."""
        return ("query",) if self.chosen is None else ("query", "cell")


def _best_of_any_class(outputs: Any, queries: int) -> Tensor:
    return torch.topk(outputs.enc_outputs_class.max(-1).values, queries, dim=1)[1]


def _best_of_first_class(outputs: Any, queries: int) -> Tensor:
    return torch.topk(outputs.enc_outputs_class[..., 0], queries, dim=1)[1]


_REAL_TIME = Variant(most=None, projections="encoder_input_proj", dense=False, chosen=_best_of_any_class)

VARIANTS: Mapping[str, Variant] = {
    "DetrForObjectDetection": Variant(softmax=True),
    "ConditionalDetrForObjectDetection": Variant(),
    "DabDetrForObjectDetection": Variant(),
    "DeformableDetrForObjectDetection": Variant(projections="input_proj", dense=False),
    "RTDetrForObjectDetection": _REAL_TIME,
    "RTDetrV2ForObjectDetection": _REAL_TIME,
    "DFineForObjectDetection": _REAL_TIME,
}
"""By the name of transformers' class."""

_TWO_STAGE = Variant(projections="input_proj", dense=False, chosen=_best_of_first_class)


def variant_of(module: Any) -> Variant:
    """The variant of a module of transformers.

    Raises ``TypeError`` naming the classes that are known for any other, ``ImportError`` where transformers is missing.
    """
    try:
        import transformers
    except ImportError as error:
        raise ImportError(f"family 'detr' needs transformers: {PIP}") from error
    for name, variant in VARIANTS.items():
        known = getattr(transformers, name, None)
        if known is not None and isinstance(module, known):
            two_stage = getattr(module.config, "two_stage", False)
            return _TWO_STAGE if two_stage and variant.projections == "input_proj" else variant
    raise TypeError(f"family 'detr' expects one of transformers' {', '.join(VARIANTS)}, got {type(module).__name__}")


@dataclass(frozen=True)
class Anatomy:
    """The parts of a DETR that a trace needs. ``stages``: the backbone's stages in order, those that have a name."""

    backbone: nn.Module
    stages: Mapping[str, nn.Module]
    projections: Sequence[nn.Module]
    encoder: nn.Module
    decoder: nn.Module

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be explained, the default first."""
        stages = tuple(f"{BACKBONE}.{name}" for name in self.stages)
        if len(self.projections) == 1:
            return (BACKBONE, *stages, ENCODER)
        levels = range(len(self.projections))
        return (BACKBONE, *stages, *(f"{NECK}.{i}" for i in levels), *(f"{ENCODER}.{i}" for i in levels))


def anatomy_of(module: Any, variant: Variant) -> Anatomy:
    """The parts of a module of ``variant_of``."""
    network = module.model
    projections = getattr(network, variant.projections)
    backbone = getattr(network.backbone, "conv_encoder", network.backbone)
    return Anatomy(
        backbone=backbone,
        stages=_stages(backbone),
        projections=tuple(projections) if isinstance(projections, nn.ModuleList) else (projections,),
        encoder=network.encoder,
        decoder=network.decoder,
    )


def _stages(backbone: Any) -> Mapping[str, nn.Module]:
    """The backbone's stages by name: our own, transformers' ResNet kind, or timm's; none where it has no such parts."""
    if hasattr(backbone, "stages"):
        return dict(backbone.stages)
    inner = backbone.model
    stages = getattr(getattr(inner, "encoder", None), "stages", None)
    if stages is not None:
        return dict(zip(inner.stage_names[1:], stages, strict=True))
    return {name: part for name, part in inner.named_children() if name.startswith(("layer", "stages_"))}
