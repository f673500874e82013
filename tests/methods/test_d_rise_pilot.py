"""The pilot: its forecast against what many masks show, and what it suggests."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from d_rise_by_hand import NAMES, Glow, photograph

import detxai_nb as dx
from detxai_nb.methods.d_rise import DRiseSettings, MaskedDetections
from detxai_nb.methods.d_rise.estimate import SplitHalves
from detxai_nb.methods.d_rise.pilot import Trial, masks_needed, suggest

IMAGE = photograph()
TARGETS = Glow().detect([IMAGE])[0]


@pytest.mark.parametrize("goal", [0.6, 0.9])
@pytest.mark.parametrize("sampling", ["balanced", "plain"])
def test_forecast_holds_in_shorter_and_longer_runs(sampling: str, goal: float) -> None:
    """Weights that depend on the whole image, and on chance."""
    answers = MaskedDetections(Glow(), IMAGE, TARGETS, DRiseSettings(masks=12000, cells=5, sampling=sampling))
    random = torch.Generator().manual_seed(0)
    masks = answers.grid.masks(answers.drawn, lattice=True).flatten(1)
    field = F.interpolate(torch.rand(1, 3, 5, 5, generator=random), size=[len(x) for x in answers.grid.lattice])
    seen = masks @ field[0].flatten(1).T / masks.shape[1]
    answers.weights[:] = seen + 0.05 * torch.rand(12000, 3, generator=random)
    answers.done = 1200
    needed = masks_needed(answers, goal)
    assert 20 < needed.min() < needed.max() < 6000
    reached = []
    for row, count in enumerate((2 * (needed / 2).round().int()).tolist()):
        for first in range(0, 12000 - count, count):
            halves = SplitHalves(answers.grid, 3, 0.5, "centred")
            halves.add(answers.drawn[first : first + count], first, answers.weights[first : first + count])
            reached.append(halves.agreement()[row] / (12000 // count))
    assert float(sum(reached)) / 3 == pytest.approx(goal, abs=0.1)


def test_no_sign_of_an_object_needs_masks_without_end() -> None:
    nothing = dx.wrap_predict(lambda image: ([], [], []), NAMES)
    found = MaskedDetections(
        nothing, IMAGE, TARGETS, DRiseSettings(masks=20, cells=4, sampling="balanced", probability=0.5)
    )
    found.ask(20)
    with pytest.raises(ValueError, match="1 masks are 0 whole groups of 2; two are the least"):
        masks_needed(found, 0.8)
    while found.done < 20:
        found.ask(20)
    assert masks_needed(found, 0.8).tolist() == [math.inf] * 3


def test_suggestion_is_the_finest_grid_within_the_budget() -> None:
    calls: list[tuple[int, int]] = []
    settings: dict[str, Any] = {"cells": (10, 4), "probabilities": (0.5, 0.75), "trial": 60, "batch_size": 8}
    found = suggest(
        Glow(), IMAGE, TARGETS, masks=100000, progress=lambda *at: calls.append(at), agreement=0.7, **settings
    )
    assert [(t.cells, t.probability) for t in found.trials] == [(10, 0.5), (10, 0.75), (4, 0.5), (4, 0.75)]
    assert found.reached
    assert found.settings["cells"] == 10
    finest = min(found.trials[:2], key=lambda t: t.median)
    assert found.settings["probability"] == finest.probability
    assert calls[0] == (0, 240)
    assert calls[-1][0] < 240
    assert list(found.table()["cells"]) == [10, 10, 4, 4]
    maps = dx.explain(Glow(), IMAGE, TARGETS, method="d-rise", masks=10, **found.settings)
    assert maps.settings["cells"] == 10
    poor = suggest(Glow(), IMAGE, TARGETS, masks=2, **settings)
    assert not poor.reached
    assert min(t.median for t in poor.trials) == next(
        t.median for t in poor.trials if (t.cells, t.probability) == tuple(poor.settings.values())
    )


def test_median_of_a_trial() -> None:
    assert Trial(8, 0.5, 10, (3.0, 1.0, math.inf), 1.0).median == 3
    assert Trial(8, 0.5, 10, (3.0, 1.0), 1.0).median == 2
    assert Trial(8, 0.5, 10, (3.0, math.inf, math.inf), 1.0).median == math.inf


def test_wrong_choices() -> None:
    with pytest.raises(ValueError, match="cells and probabilities hold the settings to try"):
        suggest(Glow(), IMAGE, TARGETS, cells=())
    with pytest.raises(ValueError, match="agreement lies between 0 and 1, got 1"):
        suggest(Glow(), IMAGE, TARGETS, agreement=1)
    with pytest.raises(ValueError, match="cells is a whole number of at least 2, got 1"):
        suggest(Glow(), IMAGE, TARGETS, cells=(1,))
