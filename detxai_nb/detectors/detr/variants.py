"""transformers' DETRs: how each turns its outputs into detections, and the parts where its features are captured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.base import IMAGENET_MEAN, IMAGENET_STD
from detxai_nb.detectors.detr.anatomy import (
    REMEDY,
    Anatomy,
    encoder_decoder,
    joint_conv_encoder,
    one_transformer,
    projected_transformer,
)

PIP = 'pip install "detxai-nb[transformers]"'


@dataclass(frozen=True)
class Variant:
    """The traits that set one DETR apart.

    Attributes:
        softmax: True: one class for each query, the last output being "no object". False: a sigmoid for each class, and
            the best pairs of query and class are reported.
        most: with a sigmoid, the number of pairs that are considered; None means as many as queries.
        anatomy: returns the parts of a module.
        dense: whether attention is over all cells (not deformable).
        joint: whether the image's cells and the queries pass through one transformer, without a decoder.
        fixed_size: (height, width) to which its own image processor scales every image; None if it keeps the shape,
            with the short side at 800 pixels and the long one at most 1333.
        mean, std: its own image processor's, of R, G and B in 0..1.
        multiple: what the sides of its input have to be multiples of, in pixels.
        whole_patches: what its own image processor rounds the sides down to multiples of, in pixels, where it keeps the
            shape.
        square: whether its input has to be as high as it is wide.
        chosen: returns the encoder cells ``[B,Q]`` that became the queries, from the network's outputs and the number
            of queries; None if queries are learned.
        anchored: whether each learned query starts at one of the boxes that the encoder likes best: its number stays,
            but with another picture it looks elsewhere.
        own: returns what a module's configuration says of these traits.
    """

    softmax: bool = False
    most: int | None = 100
    anatomy: Callable[[Any], Anatomy] = encoder_decoder
    dense: bool = True
    joint: bool = False
    fixed_size: tuple[int, int] | None = None
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    multiple: int = 1
    whole_patches: int = 1
    square: bool = False
    chosen: Callable[[Any, int], Tensor] | None = None
    anchored: bool = False
    own: Callable[[Any], Mapping[str, Any]] | None = None

    @property
    def origin_fields(self) -> tuple[str, ...]:
        """Names of the origin's columns: the query's number and, if queries are selected, its cell in the encoder.

        The cell, not the number, is then the identity of a query.
        """
        return ("query",) if self.chosen is None else ("query", "cell")

    @property
    def keeps_queries(self) -> bool:
        """Whether a query is the same, and looks at the same place, in another picture."""
        return self.chosen is None and not self.anchored


def _best_of_any_class(outputs: Any, queries: int) -> Tensor:
    return torch.topk(outputs.enc_outputs_class.max(-1).values, queries, dim=1)[1]


def _best_of_first_class(outputs: Any, queries: int) -> Tensor:
    return torch.topk(outputs.enc_outputs_class[..., 0], queries, dim=1)[1]


def _two_stage(config: Any) -> Mapping[str, Any]:
    return {"chosen": _best_of_first_class} if config.two_stage else {}


def _lw_detr_sides(config: Any) -> Mapping[str, Any]:
    """Each window of its transformer holds as many whole patches as any other."""
    return {"multiple": config.backbone_config.patch_size * config.backbone_config.num_windows_side}


def _rf_detr_sides(config: Any) -> Mapping[str, Any]:
    """The input that published checkpoints take, to which its backbone's own size is rounded up, and its windows."""
    backbone = config.backbone_config
    multiple = backbone.patch_size * backbone.num_windows
    longest = backbone.image_size if isinstance(backbone.image_size, int) else max(backbone.image_size)
    side = -(-longest // multiple) * multiple
    return {"fixed_size": (side, side), "multiple": multiple, "square": backbone.num_windows > 1}


_REAL_TIME = Variant(
    most=None,
    anatomy=partial(encoder_decoder, projections="encoder_input_proj"),
    dense=False,
    fixed_size=(640, 640),
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    multiple=32,
    chosen=_best_of_any_class,
)

VARIANTS: Mapping[str, Variant] = {
    "DetrForObjectDetection": Variant(softmax=True),
    "TableTransformerForObjectDetection": Variant(softmax=True),
    "ConditionalDetrForObjectDetection": Variant(),
    "DabDetrForObjectDetection": Variant(),
    "DeformableDetrForObjectDetection": Variant(
        anatomy=partial(encoder_decoder, projections="input_proj"), dense=False, own=_two_stage
    ),
    "RTDetrForObjectDetection": _REAL_TIME,
    "RTDetrV2ForObjectDetection": _REAL_TIME,
    "DFineForObjectDetection": _REAL_TIME,
    "Deimv2ForObjectDetection": replace(_REAL_TIME, anatomy=joint_conv_encoder),
    "YolosForObjectDetection": Variant(softmax=True, anatomy=one_transformer, joint=True, whole_patches=16),
    "LwDetrForObjectDetection": Variant(
        anatomy=projected_transformer, dense=False, fixed_size=(640, 640), anchored=True, own=_lw_detr_sides
    ),
    "RfDetrForObjectDetection": Variant(
        most=None,
        anatomy=partial(projected_transformer, backbone=False),
        dense=False,
        anchored=True,
        own=_rf_detr_sides,
    ),
}
"""The variants by the name of transformers' class."""


def variant_of(module: Any) -> Variant:
    """Return the variant of a module of transformers.

    Args:
        module: an instance of one of the classes in ``VARIANTS``.

    Returns:
        Its variant, with what its configuration says.

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
            return variant if variant.own is None else replace(variant, **variant.own(module.config))
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
    if isinstance(last, nn.Module) and not isinstance(last, nn.ModuleList):
        last = dict(last.named_children()).get("layers", last)  # Of a perceptron, as in YOLOS.
    if isinstance(last, nn.ModuleList) and len(last):
        last = last[-1]
    if not isinstance(last, nn.Linear):
        return int(module.config.num_labels)
    return last.out_features - (1 if variant.softmax else 0)


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
    return variant.anatomy(module)
