"""What is timed and what is not; no test asserts a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pictures import detector, sample

import detxai_nb as dx
from detxai_nb.methods import find_method


@pytest.fixture(scope="module")
def opened() -> Any:
    return dx.load_detector("tiny-fcos", device="cpu")


def test_a_method_of_an_open_detector(opened: Any) -> None:
    image = dx.data.scenes.make(1).image
    found = opened.detect([image])[0]
    runs = []

    def counted(activation: torch.Tensor, gradient: torch.Tensor, context: object) -> torch.Tensor:
        runs.append(len(gradient))
        return find_method("odam").function(activation, gradient, context)

    time = dx.metrics.running_time(opened, image, found, counted, repeats=2, warm_up=1)
    assert (time.method, time.objects, time.repeats, time.device) == ("counted", len(found), 2, "cpu")
    assert sum(runs) == 3 * len(found), "once to warm up and twice timed"
    assert 0 < time.fastest <= time.per_object <= time.slowest
    assert time.forward > 0
    assert list(time.row()) == ["method", "objects", "per_object", "fastest", "slowest", "forward", "repeats", "device"]


def test_a_method_that_only_asks_shares_no_forward_pass() -> None:
    box = detector()
    found = box.detect([sample().image])[0]
    time = dx.metrics.running_time(box, sample().image, found, "d-rise", repeats=1, settings={"masks": 4, "cells": 3})
    assert (time.forward, time.objects) == (0, 2)
    assert time.per_object > 0


def test_mistakes_are_named() -> None:
    box = detector()
    image = sample().image
    found = box.detect([image])[0]
    with pytest.raises(TypeError, match=r"'odam' needs a white-box detector, and a .* is a black box"):
        dx.metrics.running_time(box, image, found)
    with pytest.raises(TypeError, match=r"running_time has no argument 'masks'; the method's own go into settings="):
        dx.metrics.running_time(box, image, found, "d-rise", masks=4)
    with pytest.raises(ValueError, match="repeats is 1 or more and warm_up 0 or more, got 0 and 1"):
        dx.metrics.running_time(box, image, found, repeats=0)
    with pytest.raises(ValueError, match="there is no detection"):
        dx.metrics.running_time(box, image, found[:0])
    with pytest.raises(ValueError, match="the detections belong to an image of 20x12 pixels"):
        dx.metrics.running_time(box, np.zeros((9, 9, 3), np.uint8), found)
