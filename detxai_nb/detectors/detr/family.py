"""The record of the family "detr"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detxai_nb.detectors.base import Entry, Family, Weights
from detxai_nb.detectors.catalogue import SCENES, bundled
from detxai_nb.detectors.detr.detector import DetrDetector
from detxai_nb.detectors.detr.pretrained import open_pretrained
from detxai_nb.detectors.zoo.networks.detr import IMAGE_SETTINGS, tiny_detr


def _build(weights: Weights, names: Sequence[str] | None, settings: dict[str, Any]) -> DetrDetector:
    if weights is None:
        raise ValueError(
            "detr needs weights='...': a folder written by save_pretrained, or a name on the Hugging Face hub such as "
            "'facebook/detr-resnet-50', which transformers downloads on first use"
        )
    module, usual, found = open_pretrained(weights)
    return DetrDetector(module, usual if names is None else names, **{**found, **settings})


FAMILY = Family(
    name="detr",
    adapter=DetrDetector,
    entries=(
        bundled(
            "tiny-detr",
            DetrDetector,
            f"small Conditional DETR {SCENES}; needs transformers",
            tiny_detr,
            IMAGE_SETTINGS,
        ),
        Entry(
            "detr",
            "detr",
            "a folder or hub name: weights='...'; needs transformers",
            "transformers' DETRs: also RT-DETR, D-FINE, DEIMv2, LW-DETR, RF-DETR, YOLOS, Table Transformer",
            _build,
            "library",
        ),
    ),
    stage_patterns=(
        ("outputs", r"(class_labels_classifier|bbox_predictor|class_embed|bbox_embed)\b"),
        ("decoder", r"model\.(decoder|query|ref|level_embed|enc_|pos_trans|tgt)"),
        ("encoder", r"model\.(encoder|\w*input_proj|backbone\.projector|conv_encoder\.(\w*input_proj|fusion_proj))"),
    ),
    needs={"transformers": "detxai-nb[transformers]"},
    knows_names=True,
)
