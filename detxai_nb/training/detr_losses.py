"""The losses of tiny-detr: set prediction with groups of queries, focal loss, and a loss after every decoder layer."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_convert, generalized_box_iou, generalized_box_iou_loss, sigmoid_focal_loss

from detxai_nb.detectors.zoo.networks.detr import MEAN, QUERIES, STD
from detxai_nb.training.torchvision_losses import Targets

CLASS_WEIGHT, BOX_WEIGHT, OVERLAP_WEIGHT = 2.0, 5.0, 2.0
"""The weights of focal loss, L1 distance and generalised IoU, in the matching cost and in the loss (Meng 2021)."""

ALPHA, GAMMA = 0.25, 2.0
"""The parameters of the focal loss."""


def detr_losses(model: Any, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Compute the weighted class, box and overlap losses of a batch.

    They are summed over the decoder layers and averaged over the objects and the groups of queries. Each group is
    matched with the objects one to one, on its own, so that an object trains as many queries as there are groups; the
    groups do not attend to each other.

    Args:
        model: ``tiny_detr(names, groups)``.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: for each image "boxes", float ``[n,4]``, xyxy in pixels, and "labels", int64 ``[n]``.
        half: whether the network runs in bfloat16; the losses are computed in float32.

    Returns:
        The losses "class", "box" and "overlap".

    References:
        Carion et al., "End-to-End Object Detection with Transformers" (ECCV 2020): set prediction and a loss after
        every decoder layer. Meng et al., "Conditional DETR" (ICCV 2021): focal loss and the weights. Chen et al.,
        "Group DETR" (ICCV 2023): the groups.
    """
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        logits, boxes = decode_layers(model, normalise(images))
    logits, boxes = logits.float(), boxes.float()
    height, width = images.shape[2:]
    scale = torch.tensor([width, height, width, height], device=images.device, dtype=torch.float32)
    truth = [box_convert(target["boxes"] / scale, "xyxy", "cxcywh") for target in targets]
    labels = [target["labels"] for target in targets]
    picks = [match_queries(logits[:, i], boxes[:, i], truth[i], labels[i]) for i in range(len(targets))]
    return _weighted(logits, boxes, truth, labels, picks)


def normalise(images: Tensor) -> Tensor:
    """Normalise images as the network expects them.

    Args:
        images: uint8 ``[B,3,h,w]``, RGB.

    Returns:
        float32 ``[B,3,h,w]`` in channels-last memory format.
    """
    mean, std = (torch.tensor(value, device=images.device)[:, None, None] for value in (MEAN, STD))
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def decode_layers(model: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Run the network and return its outputs after every decoder layer.

    This is what ``model.forward`` does, but it returns the outputs of all layers and separates the groups of queries
    in self-attention.

    Args:
        model: ``tiny_detr(names, groups)``.
        pixels: normalised images ``[B,3,h,w]``.

    Returns:
        Class logits ``[L,B,Q,C]`` and boxes ``[L,B,Q,4]`` (centre and size, in 0..1) after each of the L layers.
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
    """One decoder layer of transformers, in which each group of queries attends to itself only."""
    images = len(hidden)
    grouped, positions = hidden.reshape(-1, QUERIES, hidden.shape[2]), query.reshape(-1, QUERIES, query.shape[2])
    attended, _ = layer.self_attn(hidden_states=grouped, query_position_embeddings=positions)
    hidden = layer.self_attn_layer_norm(hidden + attended.reshape(images, -1, hidden.shape[2]))
    attended, _ = layer.encoder_attn(
        hidden_states=hidden,
        encoder_hidden_states=memory,
        query_sine_embed=sine,
        encoder_position_embeddings=place,
        query_position_embeddings=query if first else None,
    )
    hidden = layer.encoder_attn_layer_norm(hidden + attended)
    output: Tensor = layer.final_layer_norm(hidden + layer.mlp(hidden))
    return output


def _sine(centre: Tensor, width: int) -> Tensor:
    from transformers.models.conditional_detr.modeling_conditional_detr import encode_sinusoidal_position_embedding

    embedding: Tensor = encode_sinusoidal_position_embedding(centre, num_pos_feats=width // 2)
    return embedding


@torch.no_grad()
def match_queries(logits: Tensor, boxes: Tensor, truth: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Match queries and objects of one image, one to one in each group of each layer, at the lowest cost.

    Args:
        logits: class logits ``[L,Q,C]``.
        boxes: predicted boxes ``[L,Q,4]``, centre and size, in 0..1.
        truth: boxes of the objects ``[n,4]``, centre and size, in 0..1.
        labels: classes of the objects ``[n]``.

    Returns:
        The layer, the query and the object of every matched pair, int64 ``[P]`` each.
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
    """The three losses of the matched pairs, summed over layers, averaged over objects and groups."""
    classes = torch.zeros_like(logits)
    for i, (layer, query, number) in enumerate(picks):
        classes[layer, i, query, labels[i][number]] = 1
    predicted = torch.cat([boxes[layer, i, query] for i, (layer, query, _) in enumerate(picks)])
    matched = torch.cat([truth[i][number] for i, (_, _, number) in enumerate(picks)])
    pairs = max(1.0, len(predicted) / len(logits))
    overlap = generalized_box_iou_loss(_corners(predicted), _corners(matched), reduction="sum")
    return {
        "class": CLASS_WEIGHT * sigmoid_focal_loss(logits, classes, ALPHA, GAMMA, reduction="sum") / pairs,
        "box": BOX_WEIGHT * F.l1_loss(predicted, matched, reduction="sum") / pairs,
        "overlap": OVERLAP_WEIGHT * overlap / pairs,
    }


def _corners(boxes: Tensor) -> Tensor:
    corners: Tensor = box_convert(boxes, "cxcywh", "xyxy")
    return corners
