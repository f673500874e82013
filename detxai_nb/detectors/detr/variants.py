"""transformers' DETRs: how each turns its outputs into detections, and the parts where its features are captured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.base import IMAGENET_MEAN, IMAGENET_STD

BACKBONE, NECK, ENCODER = "backbone", "neck", "encoder"
PIP = 'pip install "detxai-nb[transformers]"'
REMEDY = "open it with an adapter of your own (docs/adding/detector.md: GraphDetector takes under 30 lines)"


@dataclass(frozen=True)
class Variant:
    """The traits that set one DETR apart.

    Attributes:
        softmax: True: one class for each query, the last output being "no object". False: a sigmoid for each class, and
            the best pairs of query and class are reported.
        most: with a sigmoid, the number of pairs that are considered; None means as many as queries.
        projections: attribute of the network that holds the convolutions between backbone and encoder.
        dense: whether attention is over all cells (not deformable).
        fixed_size: (height, width) to which its own image processor scales every image; None if it keeps the shape,
            with the short side at 800 pixels and the long one at most 1333.
        mean, std: its own image processor's, of R, G and B in 0..1.
        multiple: what the sides of its input have to be multiples of, in pixels.
        chosen: returns the encoder cells ``[B,Q]`` that became the queries, from the network's outputs and the number
            of queries; None if queries are learned.
    """

    softmax: bool = False
    most: int | None = 100
    projections: str = "input_projection"
    dense: bool = True
    fixed_size: tuple[int, int] | None = None
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    multiple: int = 1
    chosen: Callable[[Any, int], Tensor] | None = None

    @property
    def origin_fields(self) -> tuple[str, ...]:
        """Names of the origin's columns: the query's number and, if queries are selected, its cell in the encoder.

        The cell, not the number, is then the identity of a query.
        """
        return ("query",) if self.chosen is None else ("query", "cell")


def _best_of_any_class(outputs: Any, queries: int) -> Tensor:
    return torch.topk(outputs.enc_outputs_class.max(-1).values, queries, dim=1)[1]


def _best_of_first_class(outputs: Any, queries: int) -> Tensor:
    return torch.topk(outputs.enc_outputs_class[..., 0], queries, dim=1)[1]


_REAL_TIME = Variant(
    most=None,
    projections="encoder_input_proj",
    dense=False,
    fixed_size=(640, 640),
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    multiple=32,
    chosen=_best_of_any_class,
)

VARIANTS: Mapping[str, Variant] = {
    "DetrForObjectDetection": Variant(softmax=True),
    "ConditionalDetrForObjectDetection": Variant(),
    "DabDetrForObjectDetection": Variant(),
    "DeformableDetrForObjectDetection": Variant(projections="input_proj", dense=False),
    "RTDetrForObjectDetection": _REAL_TIME,
    "RTDetrV2ForObjectDetection": _REAL_TIME,
    "DFineForObjectDetection": _REAL_TIME,
}
"""The variants by the name of transformers' class."""

_TWO_STAGE = Variant(projections="input_proj", dense=False, chosen=_best_of_first_class)


def variant_of(module: Any) -> Variant:
    """Return the variant of a module of transformers.

    Args:
        module: an instance of one of the classes in ``VARIANTS``.

    Returns:
        Its variant; a two-stage Deformable DETR has one of its own.

    Raises:
        ImportError: if transformers is missing.
        TypeError: if the module is of another class; the message lists the known ones.
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
    raise TypeError(
        f"family 'detr' expects one of transformers' {', '.join(VARIANTS)}, got {type(module).__name__}; {REMEDY}"
    )


def class_outputs(module: Any, variant: Variant) -> int:
    """Return how many classes a transformers DETR has outputs for.

    Args:
        module: the module.
        variant: its variant, from ``variant_of``.

    Returns:
        The number of classes without "no object"; what the configuration says (the number of its names, which need not
        be that of the outputs) only where the module does not tell.
    """
    last = getattr(module, "class_labels_classifier", getattr(module, "class_embed", None))
    if isinstance(last, nn.ModuleList) and len(last):
        last = last[-1]
    if not isinstance(last, nn.Linear):
        return int(module.config.num_labels)
    return last.out_features - (1 if variant.softmax else 0)


@dataclass(frozen=True)
class Anatomy:
    """The parts of a DETR that a trace needs.

    Attributes:
        backbone: the backbone.
        stages: the backbone's stages by name, in order; empty if they are not known.
        projections: the convolutions between backbone and encoder, one for each grid.
        encoder: the transformer's encoder.
        decoder: the transformer's decoder.
    """

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
    """Return the parts of a transformers DETR.

    Args:
        module: the module.
        variant: its variant, from ``variant_of``.

    Returns:
        The parts that a trace needs.

    Raises:
        TypeError: if the module is built otherwise; the message says which part is missing and what to do.
    """
    network = module.model
    missing = [part for part in (variant.projections, "backbone", "encoder", "decoder") if not hasattr(network, part)]
    if missing:
        raise TypeError(
            f"family 'detr' expects a {type(module).__name__} whose model has {', '.join(missing)}; this version of "
            f"transformers has built it otherwise: {REMEDY}"
        )
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
    """The backbone's stages by name (our own backbone, transformers' ResNet or timm's); none for any other."""
    if hasattr(backbone, "stages"):
        return dict(backbone.stages)
    inner = getattr(backbone, "model", None)
    if inner is None:
        raise TypeError(
            f"family 'detr' expects a backbone with stages, or a model of transformers or timm inside; got "
            f"{type(backbone).__name__}; {REMEDY}"
        )
    stages = getattr(getattr(inner, "encoder", None), "stages", None)
    if stages is not None:
        return dict(zip(inner.stage_names[1:], stages, strict=True))
    return {name: part for name, part in inner.named_children() if name.startswith(("layer", "stages_"))}
