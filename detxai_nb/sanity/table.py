"""From maps to the rows of a check's table, the control's maps, and the entropy of what the detector says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.sanity.result import COLUMNS, EDGES, NO_ORIGINAL, NOT_FINITE, OK, TRAINED, VANISHED, Step
from detxai_nb.sanity.similarity import complexity, entropy, grid_of, map_similarity, sobel
from detxai_nb.types import Detections, Target, Trace

if TYPE_CHECKING:
    import pandas


def similarity_table(
    originals: Mapping[str, HeatMaps],
    maps: Mapping[tuple[str, int, int], HeatMaps],
    scores: Mapping[tuple[int, int], Tensor],
    steps: Sequence[Step],
    measures: Sequence[str],
    within: str,
) -> pandas.DataFrame:
    """A row for every figure of a check, as ``SanityResult.table`` has them.

    ``scores``: the explained scalars ``[N]`` by (step's number, seed), those of the trained network as (0, 0).
    """
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for name, trained in originals.items():
        runs = [(number, seed) for method, number, seed in maps if method == name]
        for i, grid in enumerate(trained.grids):
            states = [grid, *(maps[(name, *run)].grids[i] for run in runs)]
            grids = within_reach([grid_of(one) for one in states], within)
            for (number, seed), now in zip([(0, -1), *runs], grids):
                stage = steps[number - 1].stage if number else TRAINED
                score = scores.get((number, max(seed, 0)))
                before = scores.get((0, 0))
                for measure, value, status in _figures(grids[0], now, measures if number else ()):
                    rows.append((name, number, stage, seed, i, measure, value, status))
                if score is not None and before is not None:
                    rows.append((name, number, stage, seed, i, "score", float(score[i]), OK))
                    change = float(score[i]) - float(before[i])
                    rows.append((name, number, stage, seed, i, "score change", change, OK))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def within_reach(grids: Sequence[np.ndarray], within: str = "reach") -> list[np.ndarray]:
    """The part of the maps of one prediction that is compared: the smallest rectangle that holds all that is not 0.

    In any of the ``grids``. Outside of it lie the cells that cannot matter to the prediction, whatever the weights:
    those beyond a head's window or a pooled region. With ``within`` "image" it is the whole map.
    """
    any_at = np.any([np.nan_to_num(grid, nan=1.0) != 0 for grid in grids], axis=0)
    if within == "image" or not any_at.any():
        return list(grids)
    rows, columns = (np.flatnonzero(any_at.any(axis=axis)) for axis in (1, 0))
    return [grid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] for grid in grids]


def _figures(original: np.ndarray, now: np.ndarray, measures: Sequence[str]) -> Iterator[tuple[str, float, str]]:
    """Measure, value and status of one map beside the original one."""
    status = _status(original, now)
    for measure in measures:
        yield measure, map_similarity(measure, original, now) if status == OK else float("nan"), status
    yield "complexity", complexity(now), status


def edge_maps(images: Sequence[np.ndarray], like: HeatMaps) -> HeatMaps:
    """The control: the Sobel magnitude of the image (mean over several), the same map for every object of ``like``."""
    edges = torch.from_numpy(np.mean([sobel(image) for image in images], axis=0))
    count, (height, width) = len(like), edges.shape
    return replace(
        like,
        grids=(edges,) * count,
        strides=((1.0, 1.0),) * count,
        corners=(None,) * count,
        placement=Placement.identity(height, width),
        method=EDGES,
        layer=None,
        settings={},
        seed=None,
        seconds=0.0,
        signed=False,
        diagnostics={},
    )


def score_entropies(trace: Trace, detections: Detections) -> tuple[float, ...]:
    """Of each prediction the entropy in bits of its scores over all classes, as shares of their sum."""
    columns = [trace.scalars(detections, Target(label=label)) for label in range(len(detections.names))]
    scores = torch.stack(columns, dim=1).double().clamp(min=0).cpu().numpy()
    return tuple(entropy(row) for row in scores)


def _status(original: np.ndarray, now: np.ndarray) -> str:
    if not (np.isfinite(original).all() and np.isfinite(now).all()):
        return NOT_FINITE
    if not np.ptp(original) > 0:
        return NO_ORIGINAL
    return OK if np.ptp(now) > 0 else VANISHED
