"""The losses of tiny-detr: set prediction with groups of queries, focal loss, and a loss after every decoder layer."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_convert, generalized_box_iou, generalized_box_iou_loss, sigmoid_focal_loss

from detxai_nb.detectors.zoo.networks.detr import MEAN, QUERIES, STD
from detxai_nb.training.losses import Targets

CLASS_WEIGHT, BOX_WEIGHT, OVERLAP_WEIGHT = 2.0, 5.0, 2.0
"""Of the focal loss, the L1 distance and the generalised IoU, in the matching's cost and in the loss (Meng 2021)."""

ALPHA, GAMMA = 0.25, 2.0


def detr_losses(model: Any, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Class, box and overlap loss of a batch, already weighted and averaged over layers' sum per object.

    ``model``: ``tiny_detr(names, groups)``; ``images``: uint8 [B,3,h,w]; ``targets``: for each image "boxes" float
    [n,4], xyxy in pixels, and "labels" int64 [n]. The network runs in bfloat16 if ``half``, the losses in float32.

    Each group of queries is matched with the objects one to one on its own (Chen et al., Group DETR, 2023), so that
    an object teaches as many queries as there are groups; the groups do not see each other.
    """
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        logits, boxes = decode_layers(model, normalised(images))
    logits, boxes = logits.float(), boxes.float()
    height, width = images.shape[2:]
    scale = torch.tensor([width, height, width, height], device=images.device, dtype=torch.float32)
    truth = [box_convert(target["boxes"] / scale, "xyxy", "cxcywh") for target in targets]
    labels = [target["labels"] for target in targets]
    picks = [match_queries(logits[:, i], boxes[:, i], truth[i], labels[i]) for i in range(len(targets))]
    return _weighted(logits, boxes, truth, labels, picks)


def normalised(images: Tensor) -> Tensor:
    """uint8 images [B,3,h,w] as the network takes them, channels last."""
    mean, std = (torch.tensor(value, device=images.device)[:, None, None] for value in (MEAN, STD))
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def decode_layers(model: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Class logits [L,B,Q,C] and boxes [L,B,Q,4] (centre and size in 0..1) after each of the L decoder layers.

    What ``model.forward`` does, with the outputs of all layers and with groups of queries kept apart in self-attention.
    """
    network, decoder = model.model, model.model.decoder
    mask = torch.ones(len(pixels), *pixels.shape[2:], device=pixels.device)
    features, grid_mask = network.backbone(pixels, mask)[-1]
    place = network.position_embedding(shape=features.shape, device=pixels.device, dtype=pixels.dtype, mask=grid_mask)
    place = place.flatten(2).transpose(1, 2)
    tokens = network.input_projection(features).flatten(2).transpose(1, 2)
    memory = network.encoder(inputs_embeds=tokens, spatial_position_embeddings=place).last_hidden_state
    query = network.query_position_embeddings.weight[None].expand(len(pixels), -1, -1)
    centre = decoder.ref_point_head(query).float()
    sine = _sine(centre.sigmoid(), query.shape[-1])
    hidden, states = torch.zeros_like(query), []
    for number, layer in enumerate(decoder.layers):
        scaled = sine * decoder.query_scale(hidden) if number else sine
        hidden = _decoder_layer(layer, hidden, query, scaled, memory, place, first=number == 0)
        states.append(decoder.layernorm(hidden))
    output = torch.stack(states)
    logits, offset = model.class_labels_classifier(output), model.bbox_predictor(output).float()
    boxes = torch.cat([offset[..., :2] + centre, offset[..., 2:]], dim=-1).sigmoid()
    return logits, boxes


def _decoder_layer(
    layer: Any, hidden: Tensor, query: Tensor, sine: Tensor, memory: Tensor, place: Tensor, first: bool
) -> Tensor:
    """One decoder layer of transformers, each group of queries attending to itself only."""
    images = len(hidden)
    alone, own = hidden.reshape(-1, QUERIES, hidden.shape[2]), query.reshape(-1, QUERIES, query.shape[2])
    heard, _ = layer.self_attn(hidden_states=alone, query_position_embeddings=own)
    hidden = layer.self_attn_layer_norm(hidden + heard.reshape(images, -1, hidden.shape[2]))
    seen, _ = layer.encoder_attn(
        hidden_states=hidden,
        encoder_hidden_states=memory,
        query_sine_embed=sine,
        encoder_position_embeddings=place,
        query_position_embeddings=query if first else None,
    )
    hidden = layer.encoder_attn_layer_norm(hidden + seen)
    return layer.final_layer_norm(hidden + layer.mlp(hidden))


def _sine(centre: Tensor, width: int) -> Tensor:
    from transformers.models.conditional_detr.modeling_conditional_detr import encode_sinusoidal_position_embedding

    return encode_sinusoidal_position_embedding(centre, num_pos_feats=width // 2)


@torch.no_grad()
def match_queries(logits: Tensor, boxes: Tensor, truth: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Layer, query and object of every matched pair in one image: each group of each layer, one to one.

    ``logits`` [L,Q,C], ``boxes`` [L,Q,4] and ``truth`` [n,4] as centre and size in 0..1, ``labels`` [n].
    """
    from scipy.optimize import linear_sum_assignment

    layers, queries = logits.shape[:2]
    probability = logits[:, :, labels].sigmoid()
    positive = ALPHA * (1 - probability) ** GAMMA * -(probability + 1e-8).log()
    negative = (1 - ALPHA) * probability**GAMMA * -(1 - probability + 1e-8).log()
    distance = torch.cdist(boxes.flatten(0, 1), truth, p=1)
    overlap = generalized_box_iou(_corners(boxes.flatten(0, 1)), _corners(truth))
    cost = BOX_WEIGHT * distance - OVERLAP_WEIGHT * overlap
    cost = cost.view(layers, queries, -1) + CLASS_WEIGHT * (positive - negative)
    found: list[tuple[int, int, int]] = []
    for layer, table in enumerate(cost.cpu().numpy()):
        for start in range(0, queries, QUERIES):
            rows, columns = linear_sum_assignment(table[start : start + QUERIES])
            found += [(layer, start + int(row), int(column)) for row, column in zip(rows, columns)]
    pairs = torch.tensor(found, dtype=torch.int64, device=logits.device).reshape(-1, 3)
    return pairs[:, 0], pairs[:, 1], pairs[:, 2]


def _weighted(
    logits: Tensor,
    boxes: Tensor,
    truth: list[Tensor],
    labels: list[Tensor],
    picks: list[tuple[Tensor, Tensor, Tensor]],
) -> dict[str, Tensor]:
    """The three losses of matched pairs, summed over layers, averaged over objects and groups."""
    wanted = torch.zeros_like(logits)
    for i, (layer, query, thing) in enumerate(picks):
        wanted[layer, i, query, labels[i][thing]] = 1
    found = torch.cat([boxes[layer, i, query] for i, (layer, query, _) in enumerate(picks)])
    aim = torch.cat([truth[i][thing] for i, (_, _, thing) in enumerate(picks)])
    pairs = max(1.0, len(found) / len(logits))
    return {
        "class": CLASS_WEIGHT * sigmoid_focal_loss(logits, wanted, ALPHA, GAMMA, reduction="sum") / pairs,
        "box": BOX_WEIGHT * F.l1_loss(found, aim, reduction="sum") / pairs,
        "overlap": OVERLAP_WEIGHT * generalized_box_iou_loss(_corners(found), _corners(aim), reduction="sum") / pairs,
    }


def _corners(boxes: Tensor) -> Tensor:
    return box_convert(boxes, "cxcywh", "xyxy")
