"""tiny-detr's network: transformers' Conditional DETR on the bundled detectors' backbone, small enough to ship."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.detectors.zoo.networks.torchvision import CHANNELS, TinyBackbone

QUERIES = 30
"""Object queries of the finished network."""

WIDTH = 128
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
IMAGE_SETTINGS: dict[str, Any] = {"shortest_edge": 256, "longest_edge": 448, "mean": MEAN, "std": STD}
"""How ``DetrDetector`` has to prepare images for it: those of tiny-fcos, so that a 320x256 image passes as it is."""

HEADS = 4
_PRIOR = 0.02
_SHARPNESS = 20.0


class PyramidMemory(nn.Module):
    """``TinyBackbone``'s three levels gathered on one grid of stride 16, as the backbone of a DETR of transformers.

    The encoder attends between all cells of one grid; stride 16 makes 320 of them of a 320x256 image, and the stride 8
    level, brought down by a convolution, keeps what small objects need.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = TinyBackbone()
        self.down = nn.Conv2d(CHANNELS, CHANNELS, 3, 2, 1)
        self.intermediate_channel_sizes = [3 * CHANNELS]

    @property
    def stages(self) -> dict[str, nn.Module]:
        """The body's stages by name, in order, for whoever wants to look at them."""
        return dict(self.pyramid.body.items())

    def forward(self, pixel_values: Tensor, pixel_mask: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Normalised images [B,3,h,w] and their mask [B,h,w] to one map [B,192,h/16,w/16] and its mask."""
        fine, middle, coarse = self.pyramid(pixel_values).values()
        size = middle.shape[-2:]
        merged = torch.cat([self.down(fine), middle, F.interpolate(coarse, size=size, mode="nearest")], dim=1)
        return [(merged, F.interpolate(pixel_mask[None].float(), size=size).to(torch.bool)[0])]


def detr_weights(fcos: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of tiny-fcos's backbone under the names that they have in tiny-detr."""
    own = {name: x for name, x in fcos.items() if name.startswith("backbone.")}
    return {f"model.backbone.pyramid.{name.removeprefix('backbone.')}": x for name, x in own.items()}


def tiny_detr(names: Sequence[str], groups: int = 1) -> Any:
    """transformers' ConditionalDetrForObjectDetection of about 2.3 million parameters, with random weights.

    2 encoder and 3 decoder layers of width 128, 30 queries, a class output for each of ``names``. ``groups``: more than
    1 makes the network as it is trained, with that many times 30 queries (see ``detr_losses``); ``first_group`` of its
    weights fits the network of one group.

    Raises ``ImportError`` naming the pip command where transformers is missing.
    """
    if len(names) < 1 or groups < 1:
        raise ValueError(f"names holds 1 or more classes and groups is 1 or more, got {len(names)} and {groups}")
    try:
        from transformers import ConditionalDetrConfig, ConditionalDetrForObjectDetection, ResNetConfig
    except ImportError as error:
        raise ImportError('tiny-detr needs transformers: pip install "detxai-nb[transformers]"') from error
    # transformers builds a backbone of its own first; the smallest one is put away for ours.
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
    model.model.backbone = PyramidMemory()
    (channels,) = model.model.backbone.intermediate_channel_sizes
    # Normalised as in Deformable DETR: features of any size would saturate the encoder's attention.
    model.model.input_projection = nn.Sequential(nn.Conv2d(channels, WIDTH, 3, 1, 1), nn.GroupNorm(32, WIDTH))
    _start(model)
    return model


@torch.no_grad()
def _start(model: Any) -> None:
    """Weights from which a short training gets far: each query looks around a place of its own from the beginning.

    transformers' own start makes all queries alike and lets them attend everywhere; finding out that a query should
    look near its reference point takes DETRs most of their training.
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
    _start_places(model.model)
    _start_looking(model.model.decoder)


def _start_places(network: Any) -> None:
    """Queries whose reference points lie on a 6x5 grid with some jitter, anew in each group."""
    queries = network.query_position_embeddings.weight
    number = torch.arange(len(queries)) % QUERIES
    place = torch.stack([(number % 6 + 0.5) / 6, (number // 6 + 0.5) / 5], dim=1)
    place = (place + 0.05 * torch.randn_like(place)).clamp(0.04, 0.96)
    queries.copy_(_waves(place, WIDTH) + 0.3 * torch.randn_like(queries))
    head = network.decoder.ref_point_head.layers
    hidden = head[0](queries).relu()
    # The last layer that gives these places, by ridge regression.
    inner = hidden.T @ hidden + 0.1 * torch.eye(WIDTH)
    head[-1].weight.copy_(torch.linalg.solve(inner, hidden.T @ place.logit()).T)


def _start_looking(decoder: Any) -> None:
    """Cross-attention that is a bump around the reference point: equal waves on both sides, each head some of them."""
    nn.init.zeros_(decoder.query_scale.layers[-1].weight)
    decoder.query_scale.layers[-1].bias.fill_(1.0)
    nn.init.zeros_(decoder.layers[0].encoder_attn.q_pos_proj.weight)
    # Channels are y's waves, then x's, as (sine, cosine) pairs of falling frequency; a head takes every fourth pair.
    pairs = torch.arange(WIDTH).view(2, WIDTH // 4, 2)
    order = torch.cat([pairs[:, head::HEADS].flatten() for head in range(HEADS)])
    share = torch.eye(WIDTH)[order]
    for layer in decoder.layers:
        layer.encoder_attn.k_pos_proj.weight.copy_(share)
        layer.encoder_attn.q_pos_sine_proj.weight.copy_(_SHARPNESS * share)


def _waves(place: Tensor, width: int) -> Tensor:
    """Sines and cosines of places (x, y) in 0..1, ``[n,2]`` to ``[n,width]``: y's half, then x's, as in DETR."""
    step = 10000 ** (2 * torch.arange(width // 4) / (width // 2))
    angle = 2 * math.pi * place.flip(1)[:, :, None] / step
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def first_group(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the network with one group of queries, from those of the network as it was trained."""
    name = "model.query_position_embeddings.weight"
    return {**weights, name: weights[name][:QUERIES].clone()}
