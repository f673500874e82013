"""Kinds of the DETR family for the contract: transformers' classes from small configurations, random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.detectors.detr.detector import DetrDetector
from detxai_nb.testing import NAMES, Kind, in_common, photograph
from detxai_nb.types import SIDES, Target

IMAGE = photograph()
STAGES = ("stage2", "stage3", "stage4")


def lively(module: nn.Module, seed: int = 3) -> nn.Module:
    """Random weights, the same every time, with which no output is constant and no gradient vanishes."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.ndim > 1:
                fan = 1 if "embedding" in name else weight[0].numel()
                # RT-DETR's hybrid encoder adds up branches: with more its features grow until float32 loses digits.
                gain = 0.7 if weight.ndim == 4 and name.startswith("model.encoder.") else 1.0
                weight.normal_(0, gain * (1.5 / fan) ** 0.5, generator=random)
            else:
                weight.normal_(1.0 if name.endswith("weight") else 0.1, 0.2, generator=random)
        for name, value in module.named_buffers():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1, generator=random)
            elif name.endswith("running_var"):
                value.uniform_(0.3, 1, generator=random)
    return module.eval()


def module_of(kind: str, **changes: Any) -> Any:
    """A small module of transformers with random weights."""
    import transformers

    labels = {"id2label": dict(enumerate(NAMES)), "label2id": {name: i for i, name in enumerate(NAMES)}}
    sizes = {"d_model": 32, "num_queries": 9, "encoder_layers": 2, "decoder_layers": 2, "dropout": 0.0}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
    widths = {"encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    resnet = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 1, 1], layer_type="basic"
    )
    hidden = {"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 4}
    decoder = {"d_model": 32, "decoder_layers": 2, "decoder_ffn_dim": 48, "decoder_n_points": 2, "group_detr": 2}
    decoder |= {"decoder_self_attention_heads": 4, "decoder_cross_attention_heads": 4, "num_queries": 9, "dropout": 0.0}
    lw_vit = {"image_size": 64, "num_windows": 4, "window_block_indices": [0, 2], "out_features": ["stage2", "stage4"]}
    rf_vit = {"image_size": 96, "patch_size": 8, "num_windows": 2, "out_features": ["stage2", "stage4"]}
    dinov3 = {"intermediate_size": 48, "hidden_size": 32, "out_features": ["stage2", "stage3", "stage4"]}
    levels = {"feat_strides": [8, 16, 32], "encoder_in_channels": [12, 16, 24], "decoder_in_channels": [32, 32, 32]}
    hybrid = {"encoder_hidden_dim": 32, "num_feature_levels": 3, "num_denoising": 0, **levels}
    resnet.out_features = ["stage4"]
    if kind in ("deformable-detr", "rt-detr", "rt-detr-v2", "d-fine", "deimv2"):
        resnet.out_features = list(STAGES)
    if kind == "deimv2-lite":
        resnet.out_features = ["stage3"]
    backbones: dict[str, Any] = {
        "yolos": None,
        "lw-detr": {"model_type": "lw_detr_vit", **hidden, **lw_vit},
        "rf-detr": {"model_type": "rf_detr_dinov2", **hidden, **rf_vit},
        "deimv2-dinov3": {"model_type": "dinov3_vit", **hidden, **dinov3},
    }
    several = {"num_feature_levels": 4, "encoder_n_points": 2, "decoder_n_points": 2}
    make: dict[str, tuple[str, dict[str, Any]]] = {
        "detr": ("Detr", {**sizes, **heads, **widths}),
        "conditional-detr": ("ConditionalDetr", {**sizes, **heads, **widths}),
        "dab-detr": ("DabDetr", {**{k: v for k, v in sizes.items() if k != "d_model"}, "hidden_size": 32, **heads}),
        "deformable-detr": ("DeformableDetr", {**sizes, **heads, **widths, **several}),
        "rt-detr": ("RTDetr", {**_without_encoder(sizes), **heads, **widths, **hybrid}),
        "rt-detr-v2": ("RTDetrV2", {**_without_encoder(sizes), **heads, **widths, **hybrid}),
        "d-fine": ("DFine", {**_without_encoder(sizes), **heads, **widths, **hybrid}),
        "table-transformer": ("TableTransformer", {**sizes, **heads, **widths}),
        "deimv2": ("Deimv2", {**_without_encoder(sizes), **heads, **widths, **hybrid}),
        "deimv2-lite": ("Deimv2", {**_without_encoder(sizes), **heads, **widths, **hybrid, **_LITE}),
        "deimv2-dinov3": ("Deimv2", {**_without_encoder(sizes), **heads, **widths, **hybrid, "decoder_layers": 3}),
        "yolos": ("Yolos", {**hidden, "intermediate_size": 48, "image_size": (96, 128), "num_detection_tokens": 9}),
        "lw-detr": ("LwDetr", {**decoder, "projector_scale_factors": [1.0]}),
        "rf-detr": ("RfDetr", decoder),
    }
    name, settings = make[kind]
    given = {} if kind == "yolos" else {"backbone_config": backbones.get(kind, resnet)}
    config = getattr(transformers, f"{name}Config")(**{**given, **settings, **labels, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = getattr(transformers, f"{name}ForObjectDetection")(config)
    return lively(module)


def in_whole_float64(module: nn.Module) -> nn.Module:
    """PyTorch's own norms for those that DEIMv2 computes in float32 whatever its weights are, and float64 weights."""
    for part in list(module.modules()):
        for name, norm in part.named_children():
            if type(norm).__name__ == "Deimv2RMSNorm":
                own = nn.RMSNorm(norm.weight.shape, eps=norm.variance_epsilon)
                own.weight = norm.weight
                setattr(part, name, own)
    return module.double()


_LITE = {"encoder_type": "lite", "encoder_in_channels": [16], "decoder_in_channels": [32, 32], "num_feature_levels": 2}


def _without_encoder(sizes: dict[str, Any]) -> dict[str, Any]:
    return {**sizes, "encoder_layers": 1}


def builder(kind: str, **changes: Any) -> Callable[..., DetrDetector]:
    def build(dtype: torch.dtype = torch.float32, **settings: Any) -> DetrDetector:
        given = {"shortest_edge": 96, "longest_edge": 160, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
        if kind.startswith(("rt-detr", "d-fine", "deimv2", "lw-detr")):
            given["fixed_size"] = (96, 128)
        if kind == "rf-detr":
            given["fixed_size"] = (96, 96)
        module = module_of(kind, **changes)
        module = in_whole_float64(module) if dtype == torch.float64 else module.to(dtype)
        return DetrDetector(module, NAMES, **{**given, **settings})

    return build


def scalar(
    detector: DetrDetector, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    module = detector.module
    outputs = outputs_from(detector, trace.layer, leaves[0])
    height, width = trace.placement.input_size
    query = _query(detector, outputs, one)
    if target.part in SIDES:
        x, y, w, h = outputs.pred_boxes[0, query].unbind()
        sides = {"x1": w / 2 - x, "y1": h / 2 - y, "x2": w / 2 + x, "y2": h / 2 + y}
        return sides[target.part] * (width if target.part[0] == "x" else height)
    logits = outputs.logits[0, query]
    if target.score == "logit":
        return logits[label]
    softmax = type(module).__name__.startswith(("DetrFor", "TableTransformer", "Yolos"))
    return logits.softmax(0)[label] if softmax else logits[label].sigmoid()


@in_common
def outputs_from(detector: DetrDetector, layer: str, leaf: Tensor) -> Any:
    """The whole module with forward hooks that put the leaf in place of the layer's output."""
    part, changed = _replacement(detector, layer, leaf)
    hook = part.register_forward_hook(changed)
    try:
        return detector.module(pixel_values=detector._prepare([IMAGE])[0].to(leaf.dtype))
    finally:
        hook.remove()


def _replacement(detector: DetrDetector, layer: str, leaf: Tensor) -> tuple[nn.Module, Callable[..., Any]]:
    kind, _, name = layer.partition(".")
    if type(detector.module).__name__.startswith("Yolos"):
        return _replacement_in_tokens(detector.module.vit, name, leaf)
    network = detector.module.model
    if not hasattr(network, "encoder"):
        return _replacement_before_decoder(network.backbone, layer, leaf)
    if hasattr(network, "conv_encoder"):
        return _replacement_of_grids(network, kind, name, leaf)
    backbone = getattr(network.backbone, "conv_encoder", network.backbone)
    if layer == "backbone":
        return backbone, lambda _, __, output: [*output[:-1], (leaf, output[-1][1])]
    if kind == "backbone":
        return backbone.model.encoder.stages[int(name[-1]) - 1], lambda *_: leaf
    if kind == "neck":
        projections = network.input_proj if hasattr(network, "input_proj") else network.encoder_input_proj
        return projections[int(name)], lambda *_: leaf
    return network.encoder, lambda _, __, output: _with_memory(output, leaf, int(name or 0))


def _replacement_in_tokens(network: Any, name: str, leaf: Tensor) -> tuple[nn.Module, Callable[..., Any]]:
    """YOLOS: the tokens are one of a class, the patches, and the queries."""
    if name == "patches":
        return network.embeddings.patch_embeddings.projection, lambda *_: leaf
    blocks = network.encoder.layer
    block = blocks[int(name.removeprefix("block")) - 1] if name else blocks[-1].layernorm_before
    tokens, queries = leaf.flatten(2).transpose(1, 2), network.config.num_detection_tokens
    return block, lambda _, __, output: torch.cat([output[:, :1], tokens, output[:, -queries:]], dim=1)


def _replacement_before_decoder(backbone: Any, layer: str, leaf: Tensor) -> tuple[nn.Module, Callable[..., Any]]:
    """LW-DETR and RF-DETR: a vision transformer's maps and what the projector makes of them."""
    if layer == "backbone":
        parts = leaf.split(backbone.backbone.config.hidden_size, dim=1)
        return backbone.backbone, lambda _, __, output: _with_maps(output, parts)
    scales = getattr(backbone.projector, "scale_layers", [backbone.projector])
    return scales[int(layer.partition(".")[2] or 0)], lambda *_: leaf


def _replacement_of_grids(network: Any, kind: str, name: str, leaf: Tensor) -> tuple[nn.Module, Callable[..., Any]]:
    """DEIMv2, on a convolutional backbone or on a vision transformer."""
    whole, plain = network.conv_encoder, hasattr(network.conv_encoder, "model")
    if kind == "neck":
        return (whole.encoder_input_proj if plain else whole.fusion_proj)[int(name)], lambda *_: leaf
    if kind == "encoder":
        level = int(name)
        return network.encoder, lambda _, __, output: _with_maps(
            output, [*output.feature_maps[:level], leaf, *output.feature_maps[level + 1 :]]
        )
    if name:
        return whole.model.encoder.stages[int(name[-1]) - 1], lambda *_: leaf
    if plain:
        return whole.model, lambda _, __, output: _with_maps(output, [*output.feature_maps[:-1], leaf])
    return whole.backbone, lambda _, __, output: _with_maps(output, leaf.chunk(len(output.feature_maps), dim=1))


def _with_maps(output: Any, maps: Any) -> Any:
    output.feature_maps = tuple(maps)
    return output


def _with_memory(output: Any, leaf: Tensor, level: int) -> Any:
    memory = output.last_hidden_state
    if isinstance(memory, (list, tuple)):
        output.last_hidden_state = [*memory[:level], leaf, *memory[level + 1 :]]
        return output
    tokens = leaf.flatten(2).transpose(1, 2)
    # Of several levels the grids of a 96x136 picture: 12x17, 6x9, 3x5, 2x3.
    sizes = [204, 54, 15, 6] if memory.shape[1] != tokens.shape[1] else [tokens.shape[1]]
    parts = list(memory.split(sizes, dim=1))
    output.last_hidden_state = torch.cat([*parts[:level], tokens, *parts[level + 1 :]], dim=1)
    return output


def _query(detector: DetrDetector, outputs: Any, one: dx.Detections) -> int:
    if one.origin_fields == ("query",):
        return int(one.origins[0, 0])
    first = type(detector.module).__name__ == "DeformableDetrForObjectDetection"
    scores = outputs.enc_outputs_class[0]
    best = (scores[:, 0] if first else scores.amax(1)).topk(outputs.logits.shape[1]).indices
    return int((best == one.origins[0, 1]).nonzero())


def everything(detector: DetrDetector, image: np.ndarray) -> dx.Detections:
    return detector.detect([image], 0.0)[0]


def choose(found: dx.Detections, trace: Any) -> dx.Detections:
    """Six detections of different queries."""
    seen: dict[int, int] = {}
    for row, query in enumerate(found.origins[:, 0].tolist()):
        seen.setdefault(query, row)
    return found[list(seen.values())[:6]]


def kind(name: str, **changes: Any) -> Kind:
    # Through encoder and decoder float32's last digits add up: 1.05e-4 was seen, on one processor and not on another.
    return Kind(builder(name, **changes), scalar, everything, choose, layer_scalar=scalar, float32=3e-4)


KINDS = {
    "detr": kind("detr"),
    "conditional-detr": kind("conditional-detr"),
    "deformable-detr": kind("deformable-detr", two_stage=True, with_box_refine=True, two_stage_num_proposals=9),
    "rt-detr": kind("rt-detr"),
    "table-transformer": kind("table-transformer"),
    "yolos": kind("yolos"),
    "lw-detr": kind("lw-detr"),
    "rf-detr": replace(kind("rf-detr"), layer_scalar=None),
    "deimv2": kind("deimv2"),
}
