"""From maps to the rows of a check's table, the control's maps, and the entropy of the detector's scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
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

    from detxai_nb.sanity.settings import Similarity


def similarity_table(
    originals: Mapping[str, HeatMaps],
    maps: Mapping[tuple[str, int, int], HeatMaps],
    scores: Mapping[tuple[int, int], Tensor],
    steps: Sequence[Step],
    comparison: Similarity,
    known: MutableMapping[Any, tuple[tuple[str, float, str], ...]] | None = None,
) -> pandas.DataFrame:
    """Return the table of a check, as ``SanityResult.table`` describes it.

    Args:
        originals: by method the maps of the trained network.
        maps: by (method, step number, seed) the maps of the randomized network.
        scores: by (step number, seed) the explained scalars ``[N]``, those of the trained network under (0, 0).
        steps: the steps of the check, in order.
        comparison: the measures, and the region of the maps that is compared.
        known: figures that earlier calls with fewer of the same maps have measured; those of this call are added.

    Returns:
        A row for each method, step, seed, object and measure.
    """
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    measured = {} if known is None else known
    for name, trained in originals.items():
        runs = [(number, seed) for method, number, seed in maps if method == name]
        for i, grid in enumerate(trained.grids):
            states = [grid, *(maps[(name, *run)].grids[i] for run in runs)]
            whole = [grid_of(one) for one in states]
            region = support_of(whole, comparison.region)
            grids = [one[region] for one in whole]
            # The control's map is one and the same in every state, and is measured once.
            same: dict[tuple[int, bool], tuple[tuple[str, float, str], ...]] = {}
            for (number, seed), state, now in zip([(0, -1), *runs], states, grids):
                stage = steps[number - 1].stage if number else TRAINED
                score = scores.get((number, max(seed, 0)))
                before = scores.get((0, 0))
                key, one = (name, number, seed, i, str(region)), (id(state), number > 0)
                figures = measured.get(key) or same.get(one)
                if figures is None:
                    figures = tuple(_figures(grids[0], now, comparison.measures if number else ()))
                measured[key] = same[one] = figures
                for measure, value, status in figures:
                    rows.append((name, number, stage, seed, i, measure, value, status))
                if score is not None and before is not None:
                    rows.append((name, number, stage, seed, i, "score", float(score[i]), OK))
                    change = float(score[i]) - float(before[i])
                    rows.append((name, number, stage, seed, i, "score change", change, OK))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": "float64"})


def crop_to_support(grids: Sequence[np.ndarray], region: str = "support") -> list[np.ndarray]:
    """Return the part of one prediction's maps that is compared.

    It is the smallest rectangle that holds every cell that is not 0 in any of the maps. Outside of it are the cells
    that cannot matter to the prediction, whatever the weights: those beyond a head's window or a pooled region.

    Args:
        grids: maps ``[h,w]`` of one grid, in different states of the network.
        region: "support", or "image" for the whole maps; see ``Similarity``.

    Returns:
        The maps, all cropped to the same rectangle.
    """
    where = support_of(grids, region)
    return [grid[where] for grid in grids]


def support_of(grids: Sequence[np.ndarray], region: str = "support") -> tuple[slice, slice]:
    """Return where the part of one prediction's maps lies that is compared, as ``crop_to_support`` crops them.

    Args:
        grids: maps ``[h,w]`` of one grid, in different states of the network.
        region: "support", or "image" for the whole maps.

    Returns:
        The rectangle's rows and columns.
    """
    any_at = np.any([np.nan_to_num(grid, nan=1.0) != 0 for grid in grids], axis=0)
    if region == "image" or not any_at.any():
        return slice(0, any_at.shape[0]), slice(0, any_at.shape[1])
    rows, columns = (np.flatnonzero(any_at.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _figures(original: np.ndarray, now: np.ndarray, measures: Sequence[str]) -> Iterator[tuple[str, float, str]]:
    """Measure, value and status of one map beside the original one."""
    status = _status(original, now)
    for measure in measures:
        yield measure, map_similarity(measure, original, now) if status == OK else float("nan"), status
    yield "complexity", complexity(now), status


def edge_maps(images: Sequence[np.ndarray], like: HeatMaps) -> HeatMaps:
    """Return the maps of the control: the Sobel magnitude of the image, the same map for every object.

    Args:
        images: uint8 ``[H,W,3]``; of several (noisy copies) the mean of their magnitudes.
        like: maps of the same objects, for everything that is not the map itself.

    Returns:
        Maps ``[H,W]`` in pixels of the image.
    """
    edges = torch.from_numpy(np.mean([sobel(image) for image in images], axis=0))
    count, (height, width) = len(like), edges.shape
    return replace(
        like,
        grids=(edges,) * count,
        strides=((1.0, 1.0),) * count,
        corners=(),
        shifts=(),
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
    """Return the entropy in bits of each prediction's scores over all classes, as shares of their sum.

    Args:
        trace: a forward pass of the image of the detections.
        detections: N predictions.

    Returns:
        N numbers, 0 to log2 of the number of classes; NaN if all scores are 0.
    """
    columns = [trace.scalars(detections, Target(label=label)) for label in range(len(detections.names))]
    scores = torch.stack(columns, dim=1).double().clamp(min=0).cpu().numpy()
    return tuple(entropy(row) for row in scores)


def _status(original: np.ndarray, now: np.ndarray) -> str:
    if not (np.isfinite(original).all() and np.isfinite(now).all()):
        return NOT_FINITE
    if not np.ptp(original) > 0:
        return NO_ORIGINAL
    return OK if np.ptp(now) > 0 else VANISHED
