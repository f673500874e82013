"""Every setting of every method and metric, given values that it cannot have: refused in words that name it."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import detxai_nb as dx
from detxai_nb.methods import Method, all_methods
from detxai_nb.metrics import all_metrics

LONG = int(os.environ.get("DETXAI_NB_FUZZ", "0"))
IMAGE = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
NO_VALUE = ("x", "", b"a", None, [], [1], {}, (1, 2), object(), np.zeros(3), torch.tensor(1), 3 + 1j, 2**70, 10**400)
"""What no setting is, but for a text or None that is one of its choices."""


@pytest.fixture(scope="module")
def classifier() -> Any:
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
    network = nn.Sequential(maps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    return dx.wrap(network, family="classifier", names=list("abc"), input_size=16)


def settings_of_methods(detector: Any) -> list[tuple[Method, str]]:
    there = [m for m in all_methods().values() if m.kind == "perturbation" or set(m.needs) <= set(detector.offers)]
    return [(method, name) for method in there for name in method.defaults]


def few(method: Method, name: str, value: Any) -> dict[str, Any]:
    """The setting with others that keep the work small where it is accepted."""
    small = {"masks": 4, "samples": 12, "cells": 2, "steps": 2, "sizes": 1, "segments": 9}
    return {**{k: v for k, v in small.items() if k in method.defaults}, name: value}


def test_what_cannot_be_a_setting_is_refused_in_words_that_name_it(classifier: Any) -> None:
    found = classifier.detect([IMAGE], 0.0)[0][:1]
    cases = []
    for method, name in settings_of_methods(classifier):
        fine = (method.defaults[name], *method.choices.get(name, ()))
        cases += [(method, name, v) for v in NO_VALUE if not isinstance(v, (str, type(None))) or v not in fine]
    if not LONG:
        cases = Random(0).sample(cases, 60)
    unclear, accepted = [], []
    for method, name, value in cases:
        told = f"{method.name}.{name} = {str(value)[:20]} ({type(value).__name__})"
        try:
            dx.explain(classifier, IMAGE, found, method=method.name, **few(method, name, value))
            accepted.append(told)
        except (ValueError, TypeError) as error:
            if name not in str(error) or "not supported" in str(error) or "ambiguous" in str(error):
                unclear.append(f"{told}: {error}")
    assert not unclear, "\n".join(unclear)
    # None is a number of channels or a limit where it is annotated as one.
    assert all(" = None" in told for told in accepted), "\n".join(accepted)


@pytest.mark.parametrize("value", ["no", 0, 1, None, 0.0, np.zeros(1)])
def test_a_yes_or_no_is_nothing_else(classifier: Any, value: Any) -> None:
    found = classifier.detect([IMAGE], 0.0)[0][:1]
    for method, name in (("relevance-cam", "contrastive"), ("smoothgrad", "times_input"), ("g-came", "as_published")):
        with pytest.raises(ValueError, match=f"{name} of '{method}' is (True or False|one of False, True); got"):
            dx.explain(classifier, IMAGE, found, method=method, **{name: value})


def test_numbers_of_numpy_are_numbers(classifier: Any) -> None:
    found = classifier.detect([IMAGE], 0.0)[0][:1]
    maps = dx.explain(classifier, IMAGE, found, method="score-cam", channels=np.int64(2))
    assert maps.settings["channels"] == 2
    assert type(maps.settings["channels"]) is int
    plain = dx.explain(classifier, IMAGE, found, method="smoothgrad", samples=np.int32(2), noise=np.float64(0.25))
    again = dx.explain(classifier, IMAGE, found, method="smoothgrad", samples=2, noise=0.25)
    assert torch.equal(plain.values, again.values)
    maps = dx.explain(classifier, IMAGE, found, method="relevance-cam", contrastive=np.bool_(False))
    assert maps.settings["contrastive"] is False


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        (
            "score-cam",
            {"channels": 0},
            "channels of 'score-cam' is a whole number of at least 1, or None for all; got 0",
        ),
        ("ablation-cam", {"channels": -1}, "channels of 'ablation-cam' is a whole number of at least 1"),
        ("global-guidance", {"smoothing": -1}, r"standard deviation in grid cells, 0 \(none\) to 100; got -1"),
        ("global-guidance", {"smoothing": 101}, "0 .none. to 100; got 101"),
        ("integrated-gradients", {"steps": 0}, "steps of 'integrated-gradients' is a whole number of at least 1"),
        ("integrated-gradients", {"steps": 10**7}, "at most 100000"),
        ("integrated-gradients", {"steps": 5000}, "at most 1000 with the rule 'gauss-legendre'"),
        ("integrated-grad-cam", {"steps": 10**12}, "steps of 'integrated-grad-cam' is at most 100000"),
        ("cameras", {"sizes": 10**6}, "sizes of 'cameras' is at most 1000"),
        ("smoothgrad", {"samples": 10**9}, "samples of 'smoothgrad' is at most 100000"),
        (
            "smoothgrad",
            {"noise": 1e300},
            "noise of 'smoothgrad' is a share of the input's range, at least 0 and at most",
        ),
        ("smooth-fullgrad", {"noise": float("nan")}, "noise of 'smooth-fullgrad'"),
        ("integrated-gradients", {"baseline": np.zeros((3, 5, 5))}, r"network's input, \[3, 16, 16\]; got \[3, 5, 5\]"),
        ("integrated-gradients", {"baseline": np.full((3, 16, 16), np.nan)}, "not finite"),
        ("integrated-grad-cam", {"baseline": np.zeros((3, 16, 16))}, "baseline of 'integrated-grad-cam' is one of"),
        ("sodex", {"sigma": 1e300}, "sigma, in pixels, is at least 0, got 1e.300; the widest is 1000"),
        ("sodex", {"samples": 2**40}, "samples of 100 segments .* Take fewer samples or segments"),
    ],
)
def test_a_setting_out_of_range_says_the_range(
    classifier: Any, method: str, settings: dict[str, Any], words: str
) -> None:
    found = classifier.detect([IMAGE], 0.0)[0][:1]
    with pytest.raises(ValueError, match=words):
        dx.explain(classifier, IMAGE, found, method=method, **settings)


NO_NUMBERS = (np.full((3, 16, 16), "a"), np.zeros((3, 16, 16), dtype=object), 1j * np.ones((3, 16, 16)))


@pytest.mark.parametrize("values", NO_NUMBERS, ids=lambda values: values.dtype.kind)
def test_a_baseline_holds_real_numbers(classifier: Any, values: np.ndarray) -> None:
    found = classifier.detect([IMAGE], 0.0)[0][:1]
    with pytest.raises(TypeError, match="baseline of 'integrated-gradients' holds numbers, got an array of"):
        dx.explain(classifier, IMAGE, found, method="integrated-gradients", baseline=values)
    complex_ones = torch.ones(3, 16, 16, dtype=torch.complex64)
    with pytest.raises(TypeError, match="holds real numbers, got torch"):
        dx.explain(classifier, IMAGE, found, method="integrated-gradients", baseline=complex_ones)


def test_more_channels_than_there_are_is_all_of_them(classifier: Any) -> None:
    found = classifier.detect([IMAGE], 0.0)[0][:1]
    for method in ("score-cam", "ablation-cam"):
        whole = dx.explain(classifier, IMAGE, found, method=method)
        many = dx.explain(classifier, IMAGE, found, method=method, channels=10**6)
        assert torch.equal(whole.values, many.values)
        assert many.diagnostics["channels used"] == (4.0,)


def test_settings_of_metrics_are_checked_by_the_same_door() -> None:
    for metric in all_metrics().values():
        for name, default in metric.settings.items():
            if isinstance(default, (bool, float)) or name in metric.choices:
                with pytest.raises(ValueError, match=f"{name} of '{metric.name.replace('+', '.')}' is"):
                    metric.complete({name: np.zeros(3)})
