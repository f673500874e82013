"""Pointing games of tiny objects: which are tiny, in what, and that the others are not counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from pictures import BOXES, HEIGHT, WIDTH, case, detector, found, sample

import detxai_nb as dx
from detxai_nb.data.scenes import make
from detxai_nb.geometry import Placement
from detxai_nb.metrics import METRICS, TINY, canvas_share

NAMES = ("tiny-pointing-game-box", "tiny-energy-pointing-box")
CORNER = (19.0, 11.0, 20.0, 12.0)
"""One pixel at the lower right border: 1/240 of the picture."""


def heat() -> torch.Tensor:
    """Of the corner's map 3 of 4 lie in it and one beside it; of the cup's all in it."""
    maps = torch.zeros(2, HEIGHT, WIDTH)
    maps[0, 11, 19], maps[0, 11, 18], maps[1, 3, 3] = 3, 1, 1
    return maps


def test_only_the_tiny_ones_count() -> None:
    boxes = (CORNER, BOXES[0])
    one = case(heat(), sample=sample(boxes, (0, 0)), detections=found(boxes, labels=(0, 0)))
    values = [METRICS[name].measure(one) for name in NAMES]
    assert [measured.value[0].item() for measured in values] == [1, 0.75]
    assert all(measured.value[1].isnan() for measured in values)
    assert values[0].extras["canvas_share"].tolist() == pytest.approx([1 / 240, 40 / 240])
    for name in NAMES:
        assert METRICS[name].measure(one, at_most=1 / 241).value.isnan().all()
        assert not METRICS[name].measure(one, at_most=1 / 6).value.isnan().any(), "the bound itself is tiny"


def test_the_share_is_of_the_whole_input_with_its_padding() -> None:
    # 12x20 scaled by 3.2 to 38x64 in a square of 64: a box's sides are 19/6 and 3.2 input pixels for each pixel.
    placement = Placement.letterbox((HEIGHT, WIDTH), (64, 64))
    known = replace(found(), canvas_size=placement.canvas_size)
    share = canvas_share(known, HEIGHT, WIDTH)
    boxes = placement.boxes_to_input(known.boxes.double())
    assert share.tolist() == pytest.approx(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / 4096).tolist())
    assert share[0].item() == pytest.approx(10 * 4 * 3.2 * (38 / 12) / 4096)
    assert canvas_share(found(), HEIGHT, WIDTH).tolist() == pytest.approx([1 / 6, 1 / 6])
    assert canvas_share(found([], [], []), HEIGHT, WIDTH).shape == (0,)


def test_without_padding_the_canvas_is_the_image_to_the_last_digit() -> None:
    assert Placement((427, 641), (427, 641), (427, 641)).canvas_size == (427, 641)
    assert Placement((10, 30), (20, 90), (40, 90), (10, 0)).canvas_size == (20, 30)


def test_detectors_tell_their_canvas() -> None:
    image = make(3, mode="tiny", width=320, height=200).image
    for name in ("tiny-fcos", "tiny-yolox"):
        opened = dx.load_detector(name, device="cpu")
        seen = opened.detect([image], 0.05)[0]
        placement = opened.trace(image).placement
        assert seen.canvas_size == placement.canvas_size
        assert seen[:1].to("cpu").canvas_size == seen.canvas_size
    black_box = detector().detect([sample().image])[0]
    assert black_box.canvas_size == (HEIGHT, WIDTH), "nobody sees its input: the image"


def test_mistakes_and_the_papers_bound() -> None:
    assert TINY == 0.005
    assert METRICS[NAMES[0]].settings == {"at_most": 0.005}
    with pytest.raises(ValueError, match="at_most is a share of the network's input, above 0 and up to 1; got 5"):
        METRICS[NAMES[1]].measure(case(heat()), at_most=5)
