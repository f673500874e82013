"""A pilot run for D-RISE: how many masks each setting would need, and which setting to take."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from detxai_nb.detections import as_detections, require_own
from detxai_nb.image import ImageSource, load_image
from detxai_nb.methods.d_rise import DRiseSettings, MaskedDetections
from detxai_nb.methods.d_rise.estimate import estimate
from detxai_nb.statistics import rank_correlation
from detxai_nb.types import Detections, Detector, Progress

if TYPE_CHECKING:
    import pandas

_HALVINGS = 20


@dataclass(frozen=True)
class Trial:
    """One setting of D-RISE as it was tried.

    Attributes:
        cells: of the grid on each axis.
        probability: of keeping a cell.
        masks: how many masks the trial used.
        needed: for each object the masks that it is expected to need; inf if nothing shows yet.
        seconds: running time of the trial.
    """

    cells: int
    probability: float
    masks: int
    needed: tuple[float, ...]
    seconds: float

    @property
    def median(self) -> float:
        """Masks that should suffice for half of the objects; inf if nothing shows yet for more than half."""
        ordered = sorted(self.needed)
        return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


@dataclass(frozen=True)
class Suggestion:
    """What a pilot run found.

    Attributes:
        settings: for ``explain(..., method="d-rise", **settings)``.
        reached: whether half of the objects are expected to reach the agreement within the budget.
        trials: every setting that was tried.
    """

    settings: dict[str, Any]
    reached: bool
    trials: tuple[Trial, ...]

    def table(self) -> pandas.DataFrame:
        """Return the trials as a table.

        Returns:
            A row for each setting: expected masks (median and largest over the objects) and milliseconds a mask.
        """
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
    image: ImageSource,
    detections: Detections,
    *,
    agreement: float = 0.8,
    cells: Sequence[int] = (8, 12, 16),
    probabilities: Sequence[float] = (0.25, 0.5, 0.75),
    trial: int = 120,
    progress: Progress | None = None,
    **settings: Any,
) -> Suggestion:
    """Try settings of D-RISE on a few masks each and suggest one for the budget of masks.

    It is the finest grid with which half of the objects are expected to reach the agreement within the budget, with the
    probability that needs the fewest masks; if there is none, the setting that needs the fewest. Coarser grids need
    fewer masks and show less.

    A pilot sees little of objects that are rarely found in masked images: its numbers are a guide, the correlation that
    the maps carry in the end is the measurement.

    Args:
        detector: any detector.
        image: what ``load_image`` takes.
        detections: the objects to explain, of this image.
        agreement: split-half correlation to reach, between 0 and 1.
        cells: grids to try.
        probabilities: of keeping a cell, to try with each grid.
        trial: masks for each setting.
        progress: called between batches as ``progress(masks done, masks)``; what it raises ends the work.
        **settings: other fields of ``DRiseSettings``; ``masks`` is the budget.

    Returns:
        The suggestion with all trials.

    Raises:
        ValueError: for empty or wrong choices.
    """
    if not cells or not probabilities:
        raise ValueError("cells and probabilities hold the settings to try, at least one each")
    if not 0 < agreement < 1:
        raise ValueError(f"agreement lies between 0 and 1, got {agreement!r}")
    pixels, detections = load_image(image), as_detections(detections)
    detections.require_nonempty()
    detections.require_image(*pixels.shape[:2])
    require_own(detector, pixels, detections)
    budget = DRiseSettings(**settings).masks
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
    """Estimate how many masks each object needs for a split-half correlation.

    The correlation ``r`` of the halves of the masks so far is the mean over many random halvings; by the rule of
    Spearman and Brown it is ``c r / (1 + (c - 1) r)`` with c times as many masks. The estimate is too low if most of
    the image does not matter to the object: its pixels stay in a random order however many masks there are, and the
    correlation of ranks does not come near 1.

    Args:
        answers: the masks so far with their weights, at least two groups.
        agreement: the correlation to reach, between 0 and 1.

    Returns:
        float64 ``[N]``; inf if ``r <= 0``: nothing shows yet, a longer trial may find it.

    Raises:
        ValueError: if there are fewer than two groups of masks.
    """
    drawn, kind = answers.drawn[: answers.done], answers.settings.weights
    groups = answers.done // drawn.group
    if groups < 2:
        raise ValueError(f"{answers.done} masks are {groups} whole groups of {drawn.group}; two are the least")
    count = groups * drawn.group
    masks = answers.grid.masks(drawn[:count], lattice=True).flatten(1)
    weights = torch.cat([answers.weights[:count].to(masks.dtype), masks.new_ones(count, 1)], dim=1)
    random = torch.Generator().manual_seed(answers.settings.seed)
    found = torch.zeros(weights.shape[1] - 1, dtype=torch.float64, device="cpu")
    for _ in range(_HALVINGS):
        first = (torch.randperm(groups, generator=random, device="cpu") < groups // 2).repeat_interleave(drawn.group)
        maps = []
        for half in (first, ~first):
            mine = half.to(masks.device)
            sums, total = weights[mine].T @ masks[mine], weights[mine].sum(dim=0)
            expected = int(half.sum()) * answers.settings.probability
            maps.append(estimate(sums[:-1], sums[-1], total[:-1] / total[-1], expected, kind))
        found += rank_correlation(maps[0], maps[1]).cpu().double() / _HALVINGS
    needed = agreement / (1 - agreement) * (1 - found) / found * count
    return torch.where(found > 0, needed, math.inf)
