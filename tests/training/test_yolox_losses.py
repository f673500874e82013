"""YOLOX's losses: SimOTA on cases small enough to see, input as the detector prepares it, losses that fall."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.data import scenes
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.detectors.yolox.network import TINY, TINY_INPUT, Yolox, YoloxSize
from detxai_nb.statistics import paired_iou
from detxai_nb.training.yolox_losses import (
    CANDIDATES,
    RADIUS,
    PaddedTargets,
    anchor_points,
    assign_simota,
    decode,
    prepare_yolox_batch,
    yolox_losses,
)

SMALL = YoloxSize(0.33, 0.125)
SIZES = [(8, 12), (4, 6), (2, 3)]
POINTS = anchor_points(SIZES, torch.device("cpu"))
COUNT = len(POINTS.stride)


def small_network(seed: int = 0) -> Yolox:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Yolox(4, SMALL)


def objects(boxes: list[list[float]], labels: list[int]) -> PaddedTargets:
    return PaddedTargets.pad([{"boxes": torch.tensor(boxes), "labels": torch.tensor(labels)}], torch.device("cpu"))


def everywhere(box: list[float]) -> Tensor:
    """Predictions that are the same box at every place."""
    return torch.tensor(box).expand(1, COUNT, 4)


def slow_assign(boxes: Tensor, logits: Tensor, truth: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """SimOTA for one image, object by object, as the official code goes about it."""
    centre = (truth[:, :2] + truth[:, 2:]) / 2
    near = ((POINTS.centre - centre[:, None]).abs().amax(-1) < RADIUS * POINTS.stride).T
    chosen, overlap = torch.full((COUNT,), -1), torch.zeros(COUNT)
    candidates = near.any(1).nonzero()[:, 0]
    iou = torch.stack([paired_iou(boxes[candidates], one) for one in truth])
    joint = (logits[candidates, :1].sigmoid() * logits[candidates, 1:].sigmoid()).sqrt()
    wanted = F.one_hot(labels, joint.shape[1]).float()
    classes = torch.stack([F.binary_cross_entropy(joint, w.expand_as(joint), reduction="none").sum(1) for w in wanted])
    cost = classes - 3 * (iou + 1e-8).log() + 1e6 * ~near[candidates].T
    match = torch.zeros_like(cost)
    for row in range(len(truth)):
        many = max(1, int(iou[row].topk(min(CANDIDATES, len(candidates))).values.sum()))
        match[row, cost[row].topk(many, largest=False).indices] = 1
    for column, place in enumerate(candidates.tolist()):
        if match[:, column].sum() > 1:
            number = int(cost[:, column].argmin())
        elif match[:, column].sum() == 1:
            number = int(match[:, column].argmax())
        else:
            continue
        chosen[place], overlap[place] = number, iou[number, column]
    return chosen, overlap


def test_assignment_is_that_of_the_slow_obvious_way() -> None:
    random = torch.Generator().manual_seed(3)
    several = 0
    for _ in range(5):
        count = int(torch.randint(1, 7, (1,), generator=random))
        corner = torch.rand(count, 2, generator=random) * torch.tensor([60.0, 36.0])
        truth = torch.cat([corner, corner + 6 + 24 * torch.rand(count, 2, generator=random)], dim=1)
        labels = torch.randint(0, 4, (count,), generator=random)
        raw = torch.randn(1, COUNT, 9, generator=random)
        boxes = decode(raw[..., :4], POINTS)
        found = objects(truth.tolist(), labels.tolist())
        chosen, overlap = assign_simota(boxes, raw[..., 4:], found, POINTS)
        expected, overlaps = slow_assign(boxes[0], raw[0, :, 4:], truth, labels)
        assert torch.equal(chosen[0], expected)
        at = expected >= 0
        torch.testing.assert_close(overlap[0, at], overlaps[at])
        several += int(at.sum())
    assert several > 15


def test_an_object_gets_as_many_places_as_its_best_overlaps_add_up_to() -> None:
    truth = [[30.0, 22.0, 46.0, 38.0]]
    logits = torch.zeros(1, COUNT, 5)
    for width, expected in ((16.0, 10), (8.0, 5), (0.1, 1)):
        predicted = everywhere([30.0, 22.0, 30.0 + width, 38.0])
        chosen, overlap = assign_simota(predicted, logits, objects(truth, [1]), POINTS)
        assert int((chosen >= 0).sum()) == expected
        assert overlap[chosen >= 0].tolist() == pytest.approx([width / 16] * expected, rel=1e-5)


def test_chosen_places_lie_near_the_centre() -> None:
    box = [30.0, 22.0, 46.0, 38.0]
    chosen, _ = assign_simota(everywhere(box), torch.zeros(1, COUNT, 5), objects([box], [0]), POINTS)
    distance = (POINTS.centre - torch.tensor([38.0, 30.0])).abs().amax(1)
    assert bool((distance < RADIUS * POINTS.stride)[chosen[0] >= 0].all())


def test_places_with_the_right_class_are_preferred() -> None:
    box = [30.0, 22.0, 46.0, 38.0]
    near = ((POINTS.centre - torch.tensor([38.0, 30.0])).abs().amax(1) < RADIUS * POINTS.stride).nonzero()[:, 0]
    logits = torch.zeros(1, COUNT, 5)
    logits[0, near[4], 1 + 2] = 3.0
    predicted = everywhere([30.0, 22.0, 32.0, 38.0])  # an overlap of 1/8 each: ten add up to 1
    chosen, _ = assign_simota(predicted, logits, objects([box], [2]), POINTS)
    assert (chosen[0] >= 0).nonzero()[:, 0].tolist() == [int(near[4])]


def test_a_place_wanted_by_two_objects_gets_the_one_that_suits_it_better() -> None:
    truth = [[30.0, 22.0, 46.0, 38.0], [31.0, 23.0, 47.0, 39.0]]
    chosen, overlap = assign_simota(everywhere(truth[1]), torch.zeros(1, COUNT, 5), objects(truth, [0, 0]), POINTS)
    assert set(chosen[chosen >= 0].tolist()) == {1}
    assert overlap[chosen >= 0].tolist() == pytest.approx([1.0] * int((chosen >= 0).sum()))


def test_images_of_a_batch_are_assigned_one_by_one_whatever_the_padding() -> None:
    random = torch.Generator().manual_seed(5)
    raw = torch.randn(3, COUNT, 9, generator=random)
    boxes = decode(raw[..., :4], POINTS)
    targets = [
        {"boxes": torch.tensor([[5.0, 4, 30, 25], [50, 30, 90, 60]]), "labels": torch.tensor([1, 3])},
        {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)},
        {"boxes": torch.tensor([[40.0, 10, 52, 30]]), "labels": torch.tensor([0])},
    ]
    together, overlap = assign_simota(boxes, raw[..., 4:], PaddedTargets.pad(targets, raw.device), POINTS)
    assert not (together[1] >= 0).any()
    for row in range(3):
        alone, same = assign_simota(
            boxes[row : row + 1], raw[row : row + 1, :, 4:], PaddedTargets.pad([targets[row]], raw.device), POINTS
        )
        assert torch.equal(alone[0], together[row])
        torch.testing.assert_close(same[0], overlap[row])


@pytest.mark.parametrize(("height", "width"), [(256, 320), (240, 320), (256, 304)])
def test_training_sees_what_the_detector_prepares(height: int, width: int) -> None:
    scene = scenes.make(0, seed=5, width=width, height=height)
    detector = YoloxDetector(small_network(), list("abcd"), convention="rgb-imagenet", input_size=TINY_INPUT)
    expected, placement = detector._prepare(scene.image)
    assert placement.resized == (height, width)
    batch = torch.from_numpy(np.stack([scene.image])).permute(0, 3, 1, 2)
    torch.testing.assert_close(prepare_yolox_batch(batch)[0], expected)


def test_boxes_are_decoded_as_the_detector_decodes_them() -> None:
    network = small_network().eval()
    detector = YoloxDetector(network, list("abcd"), convention="rgb-imagenet", input_size=(64, 96), nms_threshold=1.0)
    image = scenes.make(1, seed=5, width=96, height=64).image
    found = detector.detect([image], score_threshold=0.0)[0]
    with torch.no_grad():
        levels = network(prepare_yolox_batch(torch.from_numpy(image.copy()).permute(2, 0, 1)[None]))
    raw = torch.cat([level.flatten(2) for level in levels], dim=2).transpose(1, 2)
    boxes = decode(raw[..., :4], POINTS)[0]
    starts = torch.tensor([0, 96, 120])
    columns = torch.tensor([12, 6, 3])
    level, row, column = found.origins.T
    mine = boxes[starts[level] + row * columns[level] + column]
    limits = torch.tensor([96.0, 64.0, 96.0, 64.0])
    torch.testing.assert_close(mine.clamp(min=0).minimum(limits), found.boxes, rtol=1e-4, atol=1e-3)


def test_losses_have_their_closed_form_where_nothing_is_annotated() -> None:
    network = small_network().train()
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    parts = yolox_losses(network, images, [empty, empty], half=False)
    with torch.no_grad():
        levels = network(prepare_yolox_batch(images))
    expected = sum(F.softplus(level[:, 4]).sum() for level in levels)
    torch.testing.assert_close(parts["objectness"].detach(), expected, rtol=1e-4, atol=1e-4)
    assert parts["box"].item() == parts["class"].item() == 0


def test_training_lowers_the_losses_of_one_batch() -> None:
    network = small_network().train()
    made = [scenes.make(i, seed=5, width=96, height=64) for i in range(4)]
    images = torch.from_numpy(np.stack([scene.image for scene in made])).permute(0, 3, 1, 2)
    targets = [{"boxes": torch.from_numpy(scene.boxes), "labels": torch.from_numpy(scene.labels) % 4} for scene in made]
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    values = []
    for _ in range(15):
        parts = yolox_losses(network, images, targets, half=False)
        optimizer.zero_grad()
        total = sum(parts.values())
        total.backward()
        optimizer.step()
        values.append(float(total.detach()))
    assert np.mean(values[-3:]) < 0.8 * values[0]
    assert all(np.isfinite(values))


def test_a_fresh_network_finds_nothing_anywhere() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Yolox(10, TINY)
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_243_405
    detector = YoloxDetector(network, scenes.NAMES, convention="rgb-imagenet", input_size=TINY_INPUT)
    found = detector.detect([scenes.make(0, seed=5).image], score_threshold=0.3)[0]
    assert len(found) == 0
    assert found.highest_score < 0.1
