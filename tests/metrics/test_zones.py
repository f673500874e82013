"""The zones that maps mark, and their overlap with the truth: by hand, and one pixel at a time."""

from __future__ import annotations

import pytest
import torch
from pictures import BOXES, HEIGHT, WIDTH, box_mask, case, found

from detxai_nb.metrics import METRICS, saliency_zones, zone_dice, zone_figures, zone_iou


def by_pixels(heat: torch.Tensor, mask: torch.Tensor, threshold: float) -> tuple[float, float, float]:
    """Share of the zone, Dice and IoU, as the words say it."""
    high = max(float(value) for value in heat.flatten())
    zone = both = either = true = 0
    for y in range(heat.shape[0]):
        for x in range(heat.shape[1]):
            inside = high > 0 and float(heat[y, x]) / high > threshold
            zone += inside
            true += bool(mask[y, x])
            both += inside and bool(mask[y, x])
            either += inside or bool(mask[y, x])
    return zone / heat.numel(), 2 * both / max(zone + true, 1), both / max(either, 1)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.9])
def test_against_loops_over_pixels(threshold: float) -> None:
    drawn = torch.Generator().manual_seed(1)
    maps = torch.rand(5, 6, 9, generator=drawn, dtype=torch.float64) * torch.tensor([1, 1e-3, 40, 1, 1])[:, None, None]
    maps[3], maps[4] = 0, 7
    masks = torch.rand(5, 6, 9, generator=drawn) > 0.6
    masks[2] = False
    zones = saliency_zones(maps, threshold)
    measured = (zone_figures(zones)["zone_share"], zone_dice(zones, masks), zone_iou(zones, masks))
    for row in range(5):
        expected = by_pixels(maps[row], masks[row], threshold)
        assert [float(values[row]) for values in measured] == pytest.approx(expected, abs=1e-12)


def test_by_hand() -> None:
    zone = torch.tensor([[[1, 1, 0, 0], [1, 0, 0, 0]]]).bool()
    mask = torch.tensor([[[1, 0, 0, 1], [1, 0, 0, 0]]]).bool()
    assert (float(zone_dice(zone, mask)), float(zone_iou(zone, mask))) == (pytest.approx(4 / 6), pytest.approx(2 / 4))
    nothing = torch.zeros_like(zone)
    assert (float(zone_dice(nothing, nothing)), float(zone_iou(nothing, nothing))) == (0, 0)


def test_iou_is_dice_over_two_minus_dice() -> None:
    drawn = torch.Generator().manual_seed(2)
    zones, masks = (torch.rand(40, 5, 7, generator=drawn) > 0.5 for _ in range(2))
    dice, iou = zone_dice(zones, masks), zone_iou(zones, masks)
    torch.testing.assert_close(iou, dice / (2 - dice))
    assert iou.mean() >= dice.mean() / (2 - dice.mean())


def test_empty_and_full_zones_are_told_apart_and_the_pixel_at_the_threshold_is_outside() -> None:
    maps = torch.tensor([[[0.0, 0, 0]], [[3.0, 3, 3]], [[4.0, 2, 2.01]], [[1e-44, 0, 0]]])
    figures = zone_figures(saliency_zones(maps))
    assert figures["zone_share"].tolist() == pytest.approx([0, 1, 2 / 3, 1 / 3])
    assert figures["empty_zone"].tolist() == [1, 0, 0, 0]
    assert figures["full_zone"].tolist() == [0, 1, 0, 0]
    assert saliency_zones(maps[:0]).shape == (0, 1, 3)


def test_the_metrics_take_the_objects_box_or_mask_and_the_threshold_is_a_setting() -> None:
    heat = torch.zeros(1, HEIGHT, WIDTH)
    own = torch.from_numpy(box_mask(BOXES[0]))
    heat[0] = own * 0.6
    heat[0, 11, 19] = 1
    one = case(heat, (0,), detections=found()[:1])
    area = int(own.sum())
    for kind in ("box", "mask"):
        assert METRICS[f"zone-iou-{kind}"].measure(one).value.item() == pytest.approx(area / (area + 1))
        assert METRICS[f"zone-dice-{kind}"].measure(one).value.item() == pytest.approx(2 * area / (2 * area + 1))
        strict = METRICS[f"zone-iou-{kind}"].measure(one, threshold=0.7)
        assert (strict.value.item(), strict.extras["zone_share"].item()) == (0, pytest.approx(1 / own.numel()))


def test_mistakes_are_named() -> None:
    maps = torch.ones(1, 2, 3)
    for wrong in (1.0, -0.1, 2, True, float("nan")):
        with pytest.raises(ValueError, match="threshold is a share of the map's maximum, at least 0 and below 1"):
            saliency_zones(maps, wrong)
    with pytest.raises(ValueError, match="non-negative maps"):
        saliency_zones(-maps)
    with pytest.raises(ValueError, match=r"\[1, 2, 3\] and \[1, 3, 2\]"):
        zone_iou(maps > 0, torch.ones(1, 3, 2, dtype=torch.bool))
