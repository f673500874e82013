"""Heat-effect correlation: patches, effects and correlations by hand, on detectors that use known pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.metrics import METRICS, DetectionCache, MetricInput, heat_effect_correlation, patches_of_box
from detxai_nb.metrics.heat_effect import heat_in_patches
from detxai_nb.statistics import rank_correlation
from detxai_nb.types import Detections

HEIGHT, WIDTH = 48, 64
BOX = (8.0, 6.0, 44.0, 42.0)
IMAGE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
USED = np.linspace(0, 1, 36)[np.random.default_rng(1).permutation(36)]
"""What each of 36 patches is worth to the detector."""
LABELS, COUNT = patches_of_box(IMAGE, BOX)


def predict(image: np.ndarray) -> dict[str, Any]:
    """A box whose score falls by what each changed pixel's patch is worth."""
    changed = (image != IMAGE).any(axis=2)
    weight = np.where(LABELS >= 0, USED[LABELS.clip(0)], 0)
    return {"boxes": [BOX], "scores": [0.9 - 0.8 * float((weight * changed).sum() / weight.sum())], "labels": [0]}


def case(maps: Any, function: Any = predict, **about: Any) -> MetricInput:
    none = np.zeros((0, HEIGHT, WIDTH), bool)
    sample = Sample(
        IMAGE, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool), 1, "a.png", ("x",), lambda: none
    )
    found = Detections(torch.tensor([BOX]), torch.tensor([0.9]), torch.tensor([0]), ("x",))
    values = torch.as_tensor(np.asarray(maps), dtype=torch.float32)[None]
    return MetricInput(values, found, torch.tensor([-1]), sample, dx.wrap_predict(function, ("x",)), **about)


def measure(one: MetricInput, **settings: Any) -> Any:
    return METRICS["heat-effect"].measure(one, **settings)


def test_a_box_is_cut_into_equal_patches() -> None:
    assert COUNT == 36
    assert (np.bincount(LABELS[LABELS >= 0]) == 36).all()
    assert LABELS[6, 8] == 0
    assert LABELS[41, 43] == 35
    assert patches_of_box(IMAGE, (3, 3, 6, 40))[1] == 18
    assert patches_of_box(IMAGE, (70, 3, 90, 40))[1] == 0
    with pytest.raises(ValueError, match="count is a whole number"):
        patches_of_box(IMAGE, BOX, 0)
    with pytest.raises(ValueError, match="patches is one of"):
        patches_of_box(IMAGE, BOX, patches="hexagons")


def test_a_map_that_marks_what_the_detector_uses_agrees_perfectly() -> None:
    worth = np.where(LABELS >= 0, USED[LABELS.clip(0)], 0)
    found = measure(case(worth**3))
    assert float(found.value) == pytest.approx(1, abs=0.02)
    assert float(measure(case(-worth, signed=True)).value) == pytest.approx(-float(found.value), abs=1e-9)
    assert float(found.extras["patches"]) == 36
    assert float(found.extras["fills agree"]) == pytest.approx(1, abs=0.02)
    assert float(found.extras["lost on background"]) == 0
    # Every pixel that is filled is changed, but for a few that had the colour already.
    assert float(found.extras["lost"]) == pytest.approx(0.8 / 36, rel=0.02)
    assert float(found.extras["low"]) < float(found.value) <= 1


def test_the_correlation_is_that_of_means_over_fills_and_patches() -> None:
    heat = np.random.default_rng(5).random((HEIGHT, WIDTH))
    found = measure(case(heat), fills="noise", count=3, patches="grid")
    labels, number = patches_of_box(IMAGE, BOX, 3)
    means = [heat[labels == patch].mean() for patch in range(number)]
    lost = [0.9 - predict_filled(labels == patch) for patch in range(number)]
    expected = rank_correlation(torch.tensor([means], dtype=torch.float64), torch.tensor([lost], dtype=torch.float64))
    assert float(found.value) == pytest.approx(float(expected), abs=1e-9)
    assert float(found.extras["with noise"]) == float(found.value)
    assert math.isnan(float(found.extras["fills agree"]))
    assert heat_in_patches(torch.from_numpy(heat), labels).tolist() == pytest.approx(means)


def predict_filled(mask: np.ndarray) -> float:
    """The score where every pixel of a patch is changed."""
    image = IMAGE.copy()
    image[mask] = 255 - image[mask]
    score: float = predict(image)["scores"][0]
    return score


def test_superpixels_are_patches_too() -> None:
    pytest.importorskip("skimage")
    labels, number = patches_of_box(IMAGE, BOX, 4, "superpixels")
    assert number >= 4
    assert ((labels >= 0) == (LABELS >= 0)).all()
    assert math.isfinite(
        float(measure(case(np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)), patches="superpixels").value)
    )


def test_methods_of_one_photograph_share_the_answers() -> None:
    calls = []

    def counting(image: np.ndarray) -> dict[str, Any]:
        calls.append(1)
        return predict(image)

    first = case(np.ones((HEIGHT, WIDTH)), counting)
    answers = DetectionCache(first.detector)  # type: ignore[arg-type]
    one = MetricInput(first.maps, first.detections, first.annotations, first.sample, first.detector, answers=answers)
    assert float(measure(one).value) == 0
    asked = len(calls)
    assert asked == 2 * (36 + 4)
    measure(replace(one, maps=1 - first.maps))
    assert len(calls) == asked


def test_without_effects_or_patches_there_is_no_correlation() -> None:
    def constant(image: np.ndarray) -> dict[str, Any]:
        return {"boxes": [BOX], "scores": [0.9], "labels": [0]}

    assert math.isnan(float(measure(case(IMAGE[..., 0], constant)).value))
    assert math.isnan(float(measure(case(IMAGE[..., 0]), count=1).value))


def test_the_interval_is_bonett_and_wrights() -> None:
    heat = torch.arange(40.0)
    lost = heat.clone()
    lost[:20] = lost[:20].flip(0)
    value, low, high = heat_effect_correlation(heat, lost)
    error = math.sqrt((1 + value**2 / 2) / 37)
    assert math.atanh(low) == pytest.approx(math.atanh(value) - 1.959964 * error)
    assert math.atanh(high) == pytest.approx(math.atanh(value) + 1.959964 * error)
    assert all(math.isnan(one) for one in heat_effect_correlation(heat, torch.ones(40)))


@pytest.mark.parametrize("fills", ["", "blurr", "blur, blur", "picture"])
def test_fills_that_are_none_are_refused(fills: str) -> None:
    with pytest.raises(ValueError, match="fills are one or more of blur, mean"):
        measure(case(IMAGE[..., 0]), fills=fills)
