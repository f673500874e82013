"""Batches that fit: memory that runs out, and pixels that no detector rounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from d_rise_by_hand import Glow, photograph

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.image import FloatImage, load_image
from detxai_nb.methods.perturbed_detection import BatchedDetector, fitting_batch

IMAGE = photograph()


def asker(detector: Any, **settings: Any) -> BatchedDetector:
    return BatchedDetector(detector, IMAGE, score_threshold=0.05, **settings)


def test_the_batch_is_one_on_the_cpu_and_what_was_asked_for_elsewhere() -> None:
    assert asker(Glow()).batch_size == 1
    detector = Glow()
    several = asker(detector, batch_size=4)
    assert len(several.ask(lambda count: several.pixels.expand(count, -1, -1, -1), 3)) == 3
    assert len(several.ask(lambda count: several.pixels.expand(count, -1, -1, -1), 9)) == 4
    assert detector.batches == [3, 4]


def test_the_batch_shrinks_where_memory_runs_out() -> None:
    def fail(count: int) -> None:
        if count > 2:
            raise torch.OutOfMemoryError("no memory")

    detector, made = Glow(fails=fail), []

    def make(count: int) -> torch.Tensor:
        made.append(count)
        return several.pixels.expand(count, -1, -1, -1)

    several = asker(detector, batch_size=11)
    assert len(several.ask(make, 50)) == 2
    assert len(several.ask(make, 50)) == 2
    assert made == [11, 5, 2, 2]
    assert several.batch_size == 2


def test_maps_are_the_same_after_memory_ran_out() -> None:
    def fail(count: int) -> None:
        if count > 3:
            raise torch.OutOfMemoryError("no memory")

    targets = Glow().detect([IMAGE])[0]
    settings: dict[str, Any] = {"method": "d-rise", "masks": 30, "cells": 5}
    detector = Glow(fails=fail)
    found = dx.explain(detector, IMAGE, targets, batch_size=16, **settings)
    assert torch.allclose(found.values, dx.explain(Glow(), IMAGE, targets, **settings).values, atol=1e-6)
    assert sum(detector.batches) == 30


def test_one_image_that_does_not_fit_is_an_error() -> None:
    def fail(count: int) -> None:
        raise torch.OutOfMemoryError("no memory")

    several = asker(Glow(fails=fail), batch_size=4)
    with pytest.raises(torch.OutOfMemoryError, match="no memory"):
        several.ask(lambda count: several.pixels.expand(count, -1, -1, -1), 4)


@pytest.mark.parametrize(
    ("free", "taken", "batch"), [(1000, 100, 4), (1000, 10**6, 1), (10**12, 1, 64), (100, 0, 32), (1000, 75, 8)]
)
def test_fitting_batch(free: int, taken: int, batch: int) -> None:
    assert fitting_batch(free, taken) == batch


@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-ssd", "tiny-resnet"])
def test_float_pixels_reach_the_network(name: str) -> None:
    detector = dx.load_detector(name, device="cpu")
    image = scenes.make(3, width=200, height=144).image
    values = torch.from_numpy(image).permute(2, 0, 1).float()
    whole, same = detector.detect([image], 0.05)[0], detector.detect([FloatImage(values)], 0.05)[0]
    assert torch.equal(whole.boxes, same.boxes)
    # Classifiers round what they have scaled to whole numbers, but for an image of floats.
    torch.testing.assert_close(whole.scores, same.scores, rtol=0, atol=5e-3 if name == "tiny-resnet" else 0)
    dimmed = FloatImage(values * 0.9991)
    between, rounded = detector.detect([dimmed], 0.05)[0], detector.detect([np.asarray(dimmed)], 0.05)[0]
    assert (between.highest_score, between.image_size) != (rounded.highest_score, None)
    assert between.highest_score != whole.highest_score
    assert between.highest_score == pytest.approx(whole.highest_score, abs=0.05)


def test_a_float_image_is_kept_and_rounds_for_arrays() -> None:
    image = FloatImage(torch.tensor([0.4, 127.6, 300.0])[:, None, None].expand(3, 2, 5))
    assert load_image(image) is image
    assert image.shape == (2, 5, 3)
    assert np.asarray(image)[1, 4].tolist() == [0, 128, 255]
    assert np.asarray(image).dtype == np.uint8
    assert np.asarray(image, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match=r"a FloatImage holds float values \[3,H,W\], got torch.uint8 \[3, 2, 2\]"):
        FloatImage(torch.zeros(3, 2, 2, dtype=torch.uint8))
