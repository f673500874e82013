"""A pilot run for D-RISE: how many masks each setting would need, and which setting to take."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from detxai_nb.image import load_image
from detxai_nb.methods.d_rise import DRiseSettings, MaskedDetections
from detxai_nb.methods.d_rise.estimate import estimate, rank_correlation
from detxai_nb.types import Detections, Detector, Progress

if TYPE_CHECKING:
    import pandas

_HALVINGS = 20


@dataclass(frozen=True)
class Trial:
    """One setting as tried. ``needed``: for each object the masks that it is expected to need, inf for no sign of one.

    ``seconds``: of the trial's ``masks`` masks.
    """

    cells: int
    probability: float
    masks: int
    needed: tuple[float, ...]
    seconds: float

    @property
    def median(self) -> float:
        """Masks that half of the objects are expected to do with, inf if more than half show nothing yet."""
        ordered = sorted(self.needed)
        return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


@dataclass(frozen=True)
class Suggestion:
    """What a pilot run found. ``settings``: for ``explain(..., method="d-rise", **settings)``; ``trials``: all tried.

    ``reached``: whether half of the objects are expected to reach the agreement within the budget.
    """

    settings: dict[str, Any]
    reached: bool
    trials: tuple[Trial, ...]

    def table(self) -> pandas.DataFrame:
        """A row for each setting tried: expected masks (median and largest over the objects), milliseconds a mask."""
        import pandas as pd

        rows = [
            {
                "cells": trial.cells,
                "probability": trial.probability,
                "masks, median object": trial.median,
                "masks, hardest object": max(trial.needed),
                "ms a mask": 1000 * trial.seconds / trial.masks,
            }
            for trial in self.trials
        ]
        return pd.DataFrame(rows)


def suggest(
    detector: Detector,
    image: Any,
    detections: Detections,
    *,
    agreement: float = 0.8,
    cells: Sequence[int] = (8, 12, 16),
    probabilities: Sequence[float] = (0.25, 0.5, 0.75),
    trial: int = 120,
    progress: Progress | None = None,
    **settings: Any,
) -> Suggestion:
    """Try each number of cells with each probability on ``trial`` masks, and suggest one for the budget ``masks``.

    The finest grid of which half of the objects are expected to reach the split-half correlation ``agreement`` within
    ``settings["masks"]`` (by default those of ``d_rise``), with the probability that needs the fewest; if there is none
    the setting that needs the fewest. Coarser grids need fewer masks and show less. ``settings``: others of ``d_rise``.

    A pilot sees little of objects that are rarely found in masked images: its numbers are a guide, the correlation that
    the maps carry in the end is the measurement. Raises ``ValueError`` for empty or wrong choices.
    """
    if not cells or not probabilities:
        raise ValueError("cells and probabilities hold the settings to try, at least one each")
    if not 0 < agreement < 1:
        raise ValueError(f"agreement lies between 0 and 1, got {agreement!r}")
    pixels, budget = load_image(image), DRiseSettings(**settings).masks
    asked = [(c, p) for c in sorted(cells, reverse=True) for p in probabilities]
    tried = []
    for number, (count, probability) in enumerate(asked):
        chosen = DRiseSettings(**{**settings, "masks": trial, "cells": count, "probability": probability})
        started = time.perf_counter()
        answers = MaskedDetections(detector, pixels, detections, chosen)
        while answers.done < trial:
            if progress is not None:
                progress(number * trial + answers.done, len(asked) * trial)
            answers.ask(trial)
        needed = masks_needed(answers, agreement).tolist()
        tried.append(Trial(count, probability, trial, tuple(needed), time.perf_counter() - started))
    enough = [t for t in tried if t.median <= budget]
    finest = [t for t in enough if t.cells == max(e.cells for e in enough)]
    best = min(finest or tried, key=lambda t: t.median)
    return Suggestion({"cells": best.cells, "probability": best.probability}, bool(enough), tuple(tried))


def masks_needed(answers: MaskedDetections, agreement: float) -> Tensor:
    """How many masks each object is expected to need for a split-half correlation of ``agreement``: float64 ``[N]``.

    The correlation ``r`` of the halves of the masks there are, as the mean over many random halvings, and the rule of
    Spearman and Brown: with c times as many masks it is ``c r / (1 + (c - 1) r)``. inf where ``r <= 0``: nothing shows
    yet, a longer trial may find it. Too few where most of the image is nothing to the object: its pixels stay in a
    random order however many masks there are, and the correlation of ranks does not come near 1.
    """
    drawn, kind = answers.drawn[: answers.done], answers.settings.weights
    groups = answers.done // drawn.group
    if groups < 2:
        raise ValueError(f"{answers.done} masks are {groups} whole groups of {drawn.group}; two are the least")
    count = groups * drawn.group
    masks = answers.grid.masks(drawn[:count], lattice=True).flatten(1)
    weights = torch.cat([answers.weights[:count].to(masks.dtype), masks.new_ones(count, 1)], dim=1)
    random = torch.Generator().manual_seed(answers.settings.seed)
    found = torch.zeros(weights.shape[1] - 1, dtype=torch.float64)
    for _ in range(_HALVINGS):
        first = (torch.randperm(groups, generator=random) < groups // 2).repeat_interleave(drawn.group)
        maps = []
        for half in (first, ~first):
            mine = half.to(masks.device)
            sums, total = weights[mine].T @ masks[mine], weights[mine].sum(dim=0)
            expected = int(half.sum()) * answers.settings.probability
            maps.append(estimate(sums[:-1], sums[-1], total[:-1] / total[-1], expected, kind))
        found += rank_correlation(maps[0], maps[1]).cpu().double() / _HALVINGS
    needed = agreement / (1 - agreement) * (1 - found) / found * count
    return torch.where(found > 0, needed, math.inf)
