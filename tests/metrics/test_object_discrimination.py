"""Object discrimination index: by hand with overlaps and crowds, and one pixel at a time."""

from __future__ import annotations

import math

import pytest
import torch
from pictures import HEIGHT, WIDTH, case, found, sample
from torch import Tensor

from detxai_nb.metrics import METRICS, box_masks, object_discrimination_index

# Three objects in a row of six pixels: 0 and 1 share the third pixel, 2 stands alone at the border.
MASKS = torch.tensor([[[1, 1, 1, 0, 0, 0]], [[0, 0, 1, 1, 0, 0]], [[0, 0, 0, 0, 0, 1]]]).bool()
HEAT = torch.tensor([[[1.0, 2.0, 3.0, 4.0, 50.0, 6.0]]])


def test_by_hand() -> None:
    # Background does not count; of all 16 on objects, the others of object 0 have 3 + 4 + 6, without the shared 3: 10.
    assert object_discrimination_index(HEAT, torch.tensor([0]), MASKS).tolist() == pytest.approx([13 / 16])
    exclusive = object_discrimination_index(HEAT, torch.tensor([0]), MASKS, exclusive=True)
    assert exclusive.tolist() == pytest.approx([10 / 16])


def test_what_is_not_counted_is_background() -> None:
    counted = torch.tensor([True, True, False])
    found = object_discrimination_index(HEAT.expand(2, 1, 6), torch.tensor([0, 2]), MASKS, counted)
    assert found.tolist() == pytest.approx([7 / 10, 10 / 16]), "a target's own object always counts"


def test_undefined_and_alone() -> None:
    maps = torch.cat([torch.zeros(1, 1, 6), HEAT, HEAT])
    found = object_discrimination_index(maps, torch.tensor([0, -1, 1]), MASKS).tolist()
    assert math.isnan(found[0]), "an all-zero map"
    assert math.isnan(found[1]), "no object of its own"
    assert found[2] == pytest.approx(12 / 16)
    assert object_discrimination_index(HEAT, torch.tensor([0]), MASKS[2:]).tolist() == [0]
    assert math.isnan(object_discrimination_index(HEAT, torch.tensor([-1]), MASKS[:0]).item())
    assert object_discrimination_index(maps[:0], torch.zeros(0).long(), MASKS).tolist() == []


def slow(heat: Tensor, target: int, masks: Tensor, counted: Tensor, exclusive: bool) -> float:
    others = objects = 0.0
    for y in range(heat.shape[0]):
        for x in range(heat.shape[1]):
            covering = {n for n in range(len(masks)) if masks[n, y, x] and (counted[n] or n == target)}
            taken = covering - {target}
            objects += heat[y, x].item() * bool(covering)
            others += heat[y, x].item() * bool(taken and not (exclusive and target in covering))
    return others / objects if objects else math.nan


@pytest.mark.parametrize("exclusive", [False, True])
def test_against_loops_over_pixels(exclusive: bool) -> None:
    random = torch.Generator().manual_seed(1)
    maps = torch.rand(4, 5, 8, generator=random) * (torch.rand(4, 5, 8, generator=random) > 0.5)
    masks = torch.rand(5, 5, 8, generator=random) > 0.7
    counted, targets = torch.tensor([True, False, True, True, True]), torch.tensor([3, 1, 0, 4])
    expected = [slow(heat, int(n), masks, counted, exclusive) for heat, n in zip(maps, targets)]
    found = object_discrimination_index(maps, targets, masks, counted, exclusive=exclusive)
    assert found.tolist() == pytest.approx(expected)
    assert 0 < min(expected) < max(expected) < 1


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="non-negative maps"):
        object_discrimination_index(-HEAT, torch.tensor([0]), MASKS)
    with pytest.raises(ValueError, match=r"maps' size \[1, 6\], got \[3, 6, 1\]"):
        object_discrimination_index(HEAT, torch.tensor([0]), MASKS.transpose(1, 2))
    with pytest.raises(ValueError, match="one number for each of the 1 maps, got 2"):
        object_discrimination_index(HEAT, torch.tensor([0, 1]), MASKS)


@pytest.mark.parametrize("crowd", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_many_boxes_give_bit_for_bit_what_a_mask_for_each_of_them_gives(exclusive: bool, crowd: bool) -> None:
    numbers = torch.Generator().manual_seed(3)
    corners = torch.rand(60, 2, 2, generator=numbers) * torch.tensor([1.4 * WIDTH, 1.4 * HEIGHT]) - 4
    boxes = torch.cat([corners.amin(1), corners.amax(1)], 1)
    boxes[:3] = torch.tensor([[3.0, 3.0, 3.0, 9.0], [-9.0, -9.0, -1.0, -1.0], [-5.0, -5.0, 99.0, 99.0]])
    crowds = (torch.rand(60, generator=numbers) < 0.3).tolist()
    many = sample([tuple(box) for box in boxes.tolist()], [0] * 60, crowds)
    heat = torch.rand(2, HEIGHT, WIDTH, generator=numbers)
    counted = torch.ones(60, dtype=torch.bool) if crowd else ~torch.tensor(crowds)
    for pair in ((0, 1), (2, 3), (4, -1), (17, 59)):
        one = case(heat, pair, detections=found()[[0, 0]], sample=many)
        slow = object_discrimination_index(
            heat, torch.tensor(pair), box_masks(boxes, HEIGHT, WIDTH), counted, exclusive=exclusive
        )
        fast = METRICS["odi-box"].measure(one, exclusive=exclusive, crowd=crowd).value
        torch.testing.assert_close(fast, slow, rtol=0, atol=0, equal_nan=True)
