"""tiny-detr's training losses: the network's own outputs, groups kept apart, the best matching, and learning."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.ops import generalized_box_iou

from detxai_nb.detectors.zoo.networks.detr import QUERIES, tiny_detr
from detxai_nb.training import detr_losses as module
from detxai_nb.training.detr_losses import decode_layers, detr_losses, match_queries, normalise

NAMES = tuple("abcd")


def network(groups: int = 1, seed: int = 0) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = tiny_detr(NAMES, groups)
        # Random everywhere, so that nothing that should matter is multiplied by zero.
        for name, weight in model.named_parameters():
            if "bbox_predictor" in name or "query_scale" in name or "q_pos_proj" in name:
                torch.nn.init.normal_(weight, std=0.1)
    return model.eval()


def batch(seed: int = 0) -> tuple[Tensor, list[dict[str, Tensor]]]:
    """Two images of 96x128 with two objects and one."""
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (2, 3, 96, 128), generator=random, dtype=torch.uint8)
    first = {"boxes": torch.tensor([[10.0, 20, 50, 60], [70, 5, 120, 90]]), "labels": torch.tensor([1, 3])}
    return images, [first, {"boxes": torch.tensor([[30.0, 30, 64, 90]]), "labels": torch.tensor([0])}]


def test_the_last_layer_is_what_the_network_reports() -> None:
    model = network()
    pixels = normalise(batch()[0])
    with torch.no_grad():
        logits, boxes = decode_layers(model, pixels)
        outputs = model(pixel_values=pixels)
    assert logits.shape == (3, 2, QUERIES, 4)
    assert torch.allclose(logits[-1], outputs.logits, atol=1e-4)
    assert torch.allclose(boxes[-1], outputs.pred_boxes, atol=1e-5)


def test_groups_do_not_see_each_other() -> None:
    model = network(groups=2)
    pixels = normalise(batch()[0])
    with torch.no_grad():
        logits, boxes = decode_layers(model, pixels)
        model.model.query_position_embeddings.weight[QUERIES:] += 1
        changed, moved = decode_layers(model, pixels)
    assert torch.allclose(changed[:, :, :QUERIES], logits[:, :, :QUERIES], atol=1e-4)
    assert torch.allclose(moved[:, :, :QUERIES], boxes[:, :, :QUERIES], atol=1e-5)
    assert not torch.allclose(changed[:, :, QUERIES:], logits[:, :, QUERIES:], atol=1e-2)


def test_every_group_of_every_layer_is_matched_at_least_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against all ways of giving two objects to three queries."""
    monkeypatch.setattr(module, "QUERIES", 3)
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 6, 4, generator=random)
    boxes = torch.rand(2, 6, 4, generator=random) * 0.4 + 0.2
    truth, labels = torch.tensor([[0.3, 0.4, 0.2, 0.3], [0.6, 0.5, 0.4, 0.3]]), torch.tensor([2, 0])
    layer, query, thing = match_queries(logits, boxes, truth, labels)
    found = {(int(a), int(b)): int(c) for a, b, c in zip(layer, query, thing, strict=True)}
    assert len(found) == 2 * 2 * 2
    for number in range(2):
        for start in (0, 3):
            cost = _cost(logits[number, start : start + 3], boxes[number, start : start + 3], truth, labels)
            best = min(permutations(range(3), 2), key=lambda rows: cost[rows[0], 0] + cost[rows[1], 1])
            mine = {
                thing: query - start for (at, query), thing in found.items() if at == number and 0 <= query - start < 3
            }
            assert (mine[0], mine[1]) == best


def _cost(logits: Tensor, boxes: Tensor, truth: Tensor, labels: Tensor) -> Tensor:
    cost = torch.zeros(len(boxes), len(truth))
    for query in range(len(boxes)):
        for thing in range(len(truth)):
            p = logits[query, labels[thing]].sigmoid()
            focal = 0.25 * (1 - p) ** 2 * -p.log() - 0.75 * p**2 * -(1 - p).log()
            overlap = generalized_box_iou(_corners(boxes[query]), _corners(truth[thing]))[0, 0]
            cost[query, thing] = 2 * focal + 5 * (boxes[query] - truth[thing]).abs().sum() - 2 * overlap
    return cost


def _corners(box: Tensor) -> Tensor:
    return torch.cat([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])[None]


def test_perfect_answers_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three layers of perfect queries; the other queries say that there is nothing."""
    images, targets = batch()
    logits, boxes = torch.full((3, 2, QUERIES, 4), -20.0), torch.full((3, 2, QUERIES, 4), 0.5)
    for i, target in enumerate(targets):
        for number, (x1, y1, x2, y2) in enumerate((target["boxes"] / torch.tensor([128, 96, 128, 96])).tolist()):
            boxes[:, i, 7 + number] = torch.tensor([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])
            logits[:, i, 7 + number, target["labels"][number]] = 20.0
    monkeypatch.setattr(module, "decode_layers", lambda *_: (logits, boxes))
    found = detr_losses(None, images, targets, half=False)
    assert list(found) == ["class", "box", "overlap"]
    assert all(float(value) == pytest.approx(0, abs=1e-5) for value in found.values())
    boxes[..., 0] += 0.1
    moved = detr_losses(None, images, targets, half=False)
    # 0.1 for every pair in each of three layers, with a weight of 5.
    assert float(moved["box"]) == pytest.approx(3 * 5 * 0.1, rel=1e-4)


def test_images_without_objects_teach_too() -> None:
    images, _ = batch()
    empty = [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}] * 2
    found = detr_losses(network(), images, empty, half=False)
    assert float(found["class"].detach()) > 0
    assert float(found["box"].detach()) == float(found["overlap"].detach()) == 0


@pytest.mark.parametrize("half", [False, True])
def test_a_few_steps_learn(half: bool) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = tiny_detr(NAMES, groups=2).train()
    images, targets = batch()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-4)
    values = []
    for _ in range(6):
        total = torch.stack(list(detr_losses(model, images, targets, half).values())).sum()
        assert total.dtype == torch.float32
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        values.append(float(total.detach()))
    assert values[-1] < 0.9 * values[0]
