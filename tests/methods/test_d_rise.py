"""D-RISE against its definition written out, on the same masks; and what an anytime method owes its caller."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from d_rise_by_hand import HEIGHT, NAMES, WIDTH, Glow, maps_by_hand, masks_by_hand, photograph

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.image import FloatImage
from detxai_nb.methods.d_rise import AGREEMENT, DRiseSettings, MaskedDetections, improving
from detxai_nb.types import Cancelled

IMAGE = photograph()


def maps_of(detector: Any = None, **settings: Any) -> dx.HeatMaps:
    """D-RISE on the photograph, with few masks."""
    detector = detector or Glow()
    settings = {"masks": 40, "cells": 5, **settings}
    return dx.explain(detector, IMAGE, Glow().detect([IMAGE])[0], method="d-rise", **settings)


@pytest.mark.parametrize("objectness", [True, False])
@pytest.mark.parametrize(
    ("sampling", "weights", "probability"),
    [("plain", "plain", 0.5), ("plain", "centred", 0.37), ("balanced", "plain", 0.3), ("balanced", "centred", 0.5)],
)
def test_definition(sampling: str, weights: str, probability: float, objectness: bool) -> None:
    detector = Glow(objectness)
    targets = detector.detect([IMAGE])[0]
    settings = DRiseSettings(
        masks=37, cells=5, sampling=sampling, weights=weights, probability=probability, score_threshold=0.2, seed=3
    )
    answers = MaskedDetections(detector, IMAGE, targets, settings)
    masks = masks_by_hand(answers.drawn, 5, (HEIGHT, WIDTH))
    expected = maps_by_hand(detector, IMAGE, targets, masks, 0.2, 37 * probability if weights == "plain" else None)
    found = list(answers.estimates(None))[-1].maps()
    assert found.shape == (3, HEIGHT, WIDTH)
    assert found.dtype == torch.float32
    assert float((found - expected).abs().max()) < 1e-5
    assert expected.std() > 1e-3


def test_bundled_detector_equals_the_definition() -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    image = scenes.make(7, width=200, height=144).image
    targets = detector.detect([image])[0][:3]
    answers = MaskedDetections(detector, image, targets, DRiseSettings(masks=12, cells=6, stop_agreement=None))
    masks = masks_by_hand(answers.drawn, 6, image.shape[:2])
    expected = maps_by_hand(detector, image, targets, masks, 0.05, None)
    assert float((list(answers.estimates(None))[-1].maps() - expected).abs().max()) < 1e-5


def test_brightness_is_found_where_it_counts() -> None:
    maps = maps_of(masks=600, cells=6, stop_agreement=None)
    values = maps.values
    for row, (x1, y1, x2, y2) in enumerate(maps.detections.boxes.round().int().tolist()):
        inside = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
        inside[y1:y2, x1:x2] = True
        assert values[row][inside].mean() > values[row][~inside].mean() + 0.02
        assert inside.flatten()[values[row].argmax()]
    assert min(maps.diagnostics[AGREEMENT]) > 0.3


def test_result_says_how_it_came_about() -> None:
    maps = maps_of(seed=4, stop_agreement=None)
    assert maps.seed == 4
    assert maps.settings["masks made"] == 40
    assert maps.settings["stopped"] == "masks"
    assert maps.settings["rounded"] is False
    assert maps.settings["precision"] == "fp32"
    assert len(maps.diagnostics[AGREEMENT]) == 3
    assert not maps.signed
    assert maps.values.min() >= 0
    assert maps.values.shape == (3, HEIGHT, WIDTH)


def test_same_seed_same_maps_whatever_the_batch() -> None:
    first, again, other = maps_of(), maps_of(batch_size=7), maps_of(seed=1)
    assert torch.allclose(first.values, again.values, atol=1e-6)
    assert first.diagnostics[AGREEMENT] == pytest.approx(again.diagnostics[AGREEMENT], abs=1e-3)
    assert torch.equal(first.values, maps_of().values)
    assert not torch.allclose(first.values, other.values)


def test_global_random_state_stays() -> None:
    before = torch.random.get_rng_state()
    maps_of()
    assert torch.equal(before, torch.random.get_rng_state())


def test_estimates_improve_until_the_halves_agree() -> None:
    targets = Glow().detect([IMAGE])[0]
    found = list(improving(Glow(), IMAGE, targets, masks=5000, cells=4, stop_agreement=0.8))
    counts = [estimate.masks for estimate in found]
    assert counts[0] == 100
    assert all(a < b <= 1.2 * a + 1 for a, b in pairwise(counts))
    assert [e.stopped for e in found] == [None] * (len(found) - 1) + ["agreement"]
    assert all(float(e.agreement.min()) < 0.8 for e in found[:-1])
    assert float(found[-1].agreement.min()) >= 0.8
    assert found[-1].masks < 5000
    # What was asked for later does not change an estimate.
    few = list(improving(Glow(), IMAGE, targets, masks=100, cells=4, stop_agreement=None))[-1]
    assert torch.equal(found[0].maps(), few.maps())
    assert torch.equal(found[0].agreement, few.agreement)


def test_stopping_early_finishes_the_progress() -> None:
    calls: list[tuple[int, int]] = []
    targets = Glow().detect([IMAGE])[0]
    maps = dx.explain(
        Glow(),
        IMAGE,
        targets,
        method="d-rise",
        masks=4000,
        cells=4,
        stop_agreement=0.5,
        progress=lambda *at: calls.append(at),
    )
    assert maps.settings["stopped"] == "agreement"
    assert calls[0] == (0, 3)
    assert calls[-1] == (3, 3)
    assert all(a[0] <= b[0] for a, b in pairwise(calls))


class Cancelling:
    """A progress callback that cancels at its call number ``at``."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def __call__(self, done: int, total: int) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise Cancelled


def test_cancelled_keeps_what_it_had() -> None:
    targets = Glow().detect([IMAGE])[0]
    found = list(
        improving(Glow(), IMAGE, targets, masks=500, cells=5, progress=Cancelling(at=151), stop_agreement=None)
    )
    assert [e.stopped for e in found] == [None, None, None, "cancelled"]
    assert found[-1].masks == 150
    whole = list(improving(Glow(), IMAGE, targets, masks=150, cells=5, stop_agreement=None))[-1]
    assert torch.equal(found[-1].maps(), whole.maps())
    answers = MaskedDetections(Glow(), IMAGE, targets, DRiseSettings(masks=50, cells=5))
    only = list(answers.estimates(Cancelling(at=2)))
    assert [(e.masks, e.stopped) for e in only] == [(1, "cancelled")]
    assert not only[0].agreement.any()
    assert torch.isfinite(only[0].maps()).all()


def test_cancelled_explanation_is_a_result() -> None:
    # explain reports once itself before the method does.
    maps = dx.explain(
        Glow(), IMAGE, Glow().detect([IMAGE])[0], method="d-rise", masks=90, cells=5, progress=Cancelling(at=30)
    )
    assert maps.settings["stopped"] == "cancelled"
    assert 20 < maps.settings["masks made"] < 30


def test_cancelled_with_nothing_goes_on_to_the_caller() -> None:
    detector = Glow()
    with pytest.raises(Cancelled):
        list(improving(detector, IMAGE, Glow().detect([IMAGE])[0], progress=Cancelling(at=1)))
    assert not detector.batches


def test_what_the_detector_raises_goes_on_to_the_caller() -> None:
    def fail(count: int) -> None:
        raise KeyError("my own")

    with pytest.raises(KeyError, match="my own"):
        maps_of(Glow(fails=fail))


def test_an_object_that_is_never_found_again_gets_an_empty_map() -> None:
    targets = Glow().detect([IMAGE])[0]
    detector = dx.wrap_predict(lambda image: ([], [], []), NAMES)
    maps = dx.explain(detector, IMAGE, targets, method="d-rise", masks=30, cells=5)
    assert set(maps.status) == {"no positive evidence"}
    assert maps.diagnostics[AGREEMENT] == (0.0, 0.0, 0.0)
    assert maps.settings["stopped"] == "masks"


def test_a_function_sees_rounded_pixels_and_needs_no_class_probabilities() -> None:
    seen: list[np.ndarray] = []

    def predict(image: np.ndarray) -> Any:
        seen.append(image)
        return {"boxes": [[0, 0, 24, 20]], "scores": [float(image[:20, :24].mean()) / 255], "labels": [1]}

    detector = dx.wrap_predict(predict, NAMES)
    targets = detector.detect([IMAGE], 0.0)[0]
    seen.clear()
    maps = dx.explain(detector, IMAGE, targets, method="d-rise", masks=200, cells=6, stop_agreement=None)
    assert maps.settings["rounded"] is True
    assert all(image.dtype == np.uint8 and image.shape == IMAGE.shape for image in seen)
    assert len(seen) == 1 + 200, "once unmasked, whether it finds the same there"
    y, x = divmod(int(maps.values[0].argmax()), WIDTH)
    assert y < 22
    assert x < 26


def test_an_open_detector_sees_float_pixels() -> None:
    detector = Glow()
    maps_of(detector)
    assert all(isinstance(image, FloatImage) for image in detector.seen)
    assert any(bool((image.values != image.values.round()).any()) for image in detector.seen)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"masks": 1}, "masks is a whole number of at least 2, got 1"),
        ({"masks": 10.0}, "masks is a whole number of at least 2, got 10.0"),
        ({"cells": 1}, "cells is a whole number of at least 2"),
        ({"masks": 1000, "cells": 2000}, r"1000 masks of 2000 x 2000 cells are 4e\+09 values.*Take fewer"),
        ({"batch_size": 0}, "batch_size is a whole number of at least 1, got 0"),
        ({"seed": -1}, "seed is a whole number of at least 0"),
        ({"probability": 1}, "probability, of keeping a cell, lies between 0 and 1, got 1"),
        (
            {"probability": 0.123, "sampling": "balanced"},
            "a fraction with a denominator of at most 20.*or sampling='plain'",
        ),
        ({"stop_agreement": 1.5}, "stop_agreement lies in 0..1, got 1.5"),
        ({"score_threshold": -0.1}, "score_threshold lies in 0..1"),
        ({"sampling": "sobol"}, "sampling of 'd-rise' is one of 'balanced', 'plain'; got 'sobol'"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        maps_of(**settings)


def test_wrong_arguments_are_told_before_the_first_estimate() -> None:
    targets = Glow().detect([IMAGE])[0]
    with pytest.raises(ValueError, match="sampling is one of balanced, plain; got 'sobol'"):
        improving(Glow(), IMAGE, targets, sampling="sobol")
    with pytest.raises(ValueError, match="the detections belong to an image of 70x45 pixels, this one has 45x70"):
        improving(Glow(), IMAGE.transpose(1, 0, 2), targets)
    with pytest.raises(ValueError, match="there is no detection"):
        improving(Glow(), IMAGE, targets[[]])
