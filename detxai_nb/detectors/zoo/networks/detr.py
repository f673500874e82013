"""tiny-detr's network: transformers' Conditional DETR on the bundled detectors' backbone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.detectors.zoo.networks.backbone import CHANNELS, TinyBackbone

QUERIES = 30
"""Object queries of the trained network."""

WIDTH = 128
"""Channels of the transformer."""
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
IMAGE_SETTINGS: dict[str, Any] = {"shortest_edge": 256, "longest_edge": 448, "mean": MEAN, "std": STD}
"""The settings of ``DetrDetector`` for it, the same as tiny-fcos's: a 320x256 image is not resized."""

HEADS = 4
"""Attention heads of each layer."""
_PRIOR = 0.02
"""Initial probability of each class (focal loss)."""
_SHARPNESS = 20.0
"""Initial scale of the positional part of cross-attention: how narrow the attended neighbourhood is."""


class TinyDetrBackbone(nn.Module):
    """``TinyBackbone``'s three levels merged on one grid of stride 16, as the backbone of a DETR of transformers.

    The encoder attends between all cells of one grid. At stride 16 a 320x256 image has 320 cells, and the stride 8
    level, downsampled by a convolution, keeps the detail that small objects need.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = TinyBackbone()
        self.down = nn.Conv2d(CHANNELS, CHANNELS, 3, 2, 1)
        self.intermediate_channel_sizes = [3 * CHANNELS]

    @property
    def stages(self) -> dict[str, nn.Module]:
        """The body's stages by name, in order, which the adapter offers as layers."""
        return dict(self.pyramid.body.items())

    def forward(self, pixel_values: Tensor, pixel_mask: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Compute the map that enters the transformer.

        Args:
            pixel_values: normalised images ``[B,3,h,w]``.
            pixel_mask: ``[B,h,w]``, 1 where there is image and 0 where there is padding.

        Returns:
            A list of one pair: the map ``[B,192,h/16,w/16]`` and its bool mask ``[B,h/16,w/16]``.
        """
        fine, middle, coarse = self.pyramid(pixel_values).values()
        size = middle.shape[-2:]
        merged = torch.cat([self.down(fine), middle, F.interpolate(coarse, size=size, mode="nearest")], dim=1)
        return [(merged, F.interpolate(pixel_mask[None].float(), size=size).to(torch.bool)[0])]


def detr_weights(fcos: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of tiny-fcos's backbone for tiny-detr.

    Args:
        fcos: tiny-fcos's state dict.

    Returns:
        The backbone's tensors by their names in tiny-detr; the head is left out.
    """
    own = {name: x for name, x in fcos.items() if name.startswith("backbone.")}
    return {f"model.backbone.pyramid.{name.removeprefix('backbone.')}": x for name, x in own.items()}


def tiny_detr(names: Sequence[str], groups: int = 1) -> Any:
    """Build transformers' ConditionalDetrForObjectDetection with about 2.3 million parameters.

    2 encoder and 3 decoder layers of width 128, 30 queries.

    Args:
        names: the classes, at least 1.
        groups: 1 for the network that is shipped. More builds the network as it is trained, with that many times 30
            queries (see ``detr_losses``); ``first_group`` of its weights fits the network of one group.

    Returns:
        The network with random weights, which already spread its queries over the image.

    Raises:
        ImportError: if transformers is missing; the message names the pip command.
        ValueError: if there is no class or no group.
    """
    if len(names) < 1 or groups < 1:
        raise ValueError(f"names must hold at least 1 class and groups be at least 1, got {len(names)} and {groups}")
    try:
        from transformers import ConditionalDetrConfig, ConditionalDetrForObjectDetection, ResNetConfig
    except ImportError as error:
        raise ImportError('tiny-detr needs transformers: pip install "detxai-nb[transformers]"') from error
    # transformers builds a backbone of its own first; the smallest possible one is built and then replaced.
    placeholder = ResNetConfig(embedding_size=4, hidden_sizes=[4], depths=[1], layer_type="basic")
    placeholder.out_features = ["stage1"]
    settings: dict[str, Any] = {"attn_implementation": "eager"}
    config = ConditionalDetrConfig(
        backbone_config=placeholder,
        num_queries=QUERIES * groups,
        d_model=WIDTH,
        encoder_layers=2,
        decoder_layers=3,
        encoder_ffn_dim=2 * WIDTH,
        decoder_ffn_dim=2 * WIDTH,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
        dropout=0.0,
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        **settings,
    )
    model = ConditionalDetrForObjectDetection(config)
    model.model.backbone = TinyDetrBackbone()
    (channels,) = model.model.backbone.intermediate_channel_sizes
    # GroupNorm as in Deformable DETR: without it, large features would saturate the encoder's attention.
    model.model.input_projection = nn.Sequential(nn.Conv2d(channels, WIDTH, 3, 1, 1), nn.GroupNorm(32, WIDTH))
    _init_weights(model)
    return model


@torch.no_grad()
def _init_weights(model: Any) -> None:
    """Initial weights that make training short: each query attends around a reference point of its own at once.

    With transformers' own initialisation all queries are alike and attend everywhere; learning that a query should
    attend near its reference point takes DETRs most of their training.
    """
    for part in (model.model.encoder, model.model.decoder, model.bbox_predictor):
        for layer in part.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
    nn.init.normal_(model.class_labels_classifier.weight, std=0.02)
    model.class_labels_classifier.bias.fill_(-math.log((1 - _PRIOR) / _PRIOR))
    nn.init.zeros_(model.bbox_predictor.layers[-1].weight)
    model.bbox_predictor.layers[-1].bias.copy_(torch.tensor([0.0, 0.0, -1.5, -1.5]))
    _init_queries(model.model)
    _init_cross_attention(model.model.decoder)


def _init_queries(network: Any) -> None:
    """Queries whose reference points lie on a 6x5 grid, with a jitter that differs in each group."""
    queries = network.query_position_embeddings.weight
    number = torch.arange(len(queries)) % QUERIES
    place = torch.stack([(number % 6 + 0.5) / 6, (number // 6 + 0.5) / 5], dim=1)
    place = (place + 0.05 * torch.randn_like(place)).clamp(0.04, 0.96)
    queries.copy_(_sine_embedding(place, WIDTH) + 0.3 * torch.randn_like(queries))
    head = network.decoder.ref_point_head.layers
    hidden = head[0](queries).relu()
    # The last layer that gives these points, by ridge regression.
    inner = hidden.T @ hidden + 0.1 * torch.eye(WIDTH)
    head[-1].weight.copy_(torch.linalg.solve(inner, hidden.T @ place.logit()).T)


def _init_cross_attention(decoder: Any) -> None:
    """Cross-attention that peaks at the reference point: query and key get the same sines, split among the heads."""
    nn.init.zeros_(decoder.query_scale.layers[-1].weight)
    decoder.query_scale.layers[-1].bias.fill_(1.0)
    nn.init.zeros_(decoder.layers[0].encoder_attn.q_pos_proj.weight)
    # Channels are y's sines, then x's, as (sine, cosine) pairs of decreasing frequency; a head takes every fourth pair.
    pairs = torch.arange(WIDTH).view(2, WIDTH // 4, 2)
    order = torch.cat([pairs[:, head::HEADS].flatten() for head in range(HEADS)])
    share = torch.eye(WIDTH)[order]
    for layer in decoder.layers:
        layer.encoder_attn.k_pos_proj.weight.copy_(share)
        layer.encoder_attn.q_pos_sine_proj.weight.copy_(_SHARPNESS * share)


def _sine_embedding(place: Tensor, width: int) -> Tensor:
    """Sine position embedding ``[n,width]`` of points ``[n,2]`` (x, y) in 0..1: y's half, then x's, as in DETR."""
    step = 10000 ** (2 * torch.arange(width // 4) / (width // 2))
    angle = 2 * math.pi * place.flip(1)[:, :, None] / step
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def first_group(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of the network with one group of queries.

    Args:
        weights: state dict of the network with several groups, as it was trained.

    Returns:
        The same, with the first 30 queries only.
    """
    name = "model.query_position_embeddings.weight"
    return {**weights, name: weights[name][:QUERIES].clone()}
