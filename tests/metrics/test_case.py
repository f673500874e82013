"""What a Case brings, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pictures import BOXES, HEIGHT, WIDTH, box_mask, case, detector, found, sample

from detxai_nb.metrics import DetectionCache, MetricInput

MAPS = torch.rand(2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


def test_annotated_boxes_masks_and_parts_follow_the_annotations() -> None:
    one = case(MAPS, (1, -1))
    assert one.annotated.tolist() == [True, False]
    assert one.boxes[0].tolist() == list(BOXES[1])
    assert one.boxes[1].isnan().all()
    assert torch.equal(one.masks[0], torch.from_numpy(box_mask(BOXES[1])))
    assert torch.equal(one.masks, one.box_masks)
    assert not one.masks[1].any()
    assert one.parts.sum((1, 2)).tolist() == [10, 0]
    assert one.size == (HEIGHT, WIDTH)
    assert len(one) == 2


def test_seeds_belong_to_objects() -> None:
    both, turned = case(MAPS, (0, 1)), case(MAPS, (1, 0))
    assert both.object_seed(0) == turned.object_seed(1) != both.object_seed(1)
    assert both.object_seed(0) != both.object_seed(0, "order") != both.object_seed(0, "fill")
    assert both.object_seed(0) != case(MAPS, (0, 1), seed=1).object_seed(0)
    assert both.object_seed(0) != case(MAPS, (0, 1), sample=sample(image_id=6)).object_seed(0)
    without = case(MAPS, (-1, -1))
    assert without.object_seed(0) != without.object_seed(1)
    alone = MetricInput(MAPS[:1], found()[1], torch.tensor([-1]), sample())
    assert alone.object_seed(0) == without.object_seed(1)
    assert both.object_seed(0) == 9118021830836641121, "figures of earlier runs can be made again"


def test_the_positive_part_is_what_unsigned_metrics_take() -> None:
    signed = torch.stack([MAPS[0] - 0.5, -MAPS[1]])
    part = case(signed, signed=True).positive_part()
    assert not part.signed
    assert part.maps[0].max() == 1
    assert torch.allclose(part.maps[0], (MAPS[0] - 0.5).clamp(min=0) / (MAPS[0].max() - 0.5))
    assert not part.maps[1].any()


def test_answers_are_shared_or_the_cases_own() -> None:
    black_box = detector()
    answers = DetectionCache(black_box)
    assert case(MAPS, detector=black_box, answers=answers).ask() is answers
    own = case(MAPS, detector=black_box)
    assert own.ask() is own.ask() is not answers
    with pytest.raises(ValueError, match="no detector to query"):
        case(MAPS).ask()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"maps": MAPS.transpose(1, 2)}, r"maps are \[N,H,W\] = \[2, 12, 20\] for 2 detections .* got \[2, 20, 12\]"),
        ({"maps": MAPS[:1]}, r"for 2 detections"),
        ({"maps": -MAPS}, "signed=True"),
        ({"maps": MAPS * float("nan"), "signed": True}, "NaN or infinity"),
        ({"annotations": (0,)}, "one for each of the 2 detections"),
        ({"annotations": (0, 2)}, r"from 0 to 1, or -1 for none; got \[0, 2\]"),
        ({"annotations": (-2, 0)}, "or -1 for none"),
        ({"answers": DetectionCache(detector())}, "another detector"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        case(**{"maps": MAPS, **change})


def test_parts_that_are_not_there() -> None:
    with pytest.raises(ValueError, match="has no masks of parts"):
        _ = case(MAPS, sample=sample(load_parts=None)).parts
