"""Whose a box is where objects crowd: the detections are shared out among the annotations, one to one."""

from __future__ import annotations

import numpy as np


def share_out(weights: np.ndarray) -> np.ndarray:
    """Assign columns to rows, one to one, so that the sum of the weights is as large as can be.

    The shortest augmenting paths of Jonker and Volgenant, with potentials.

    Args:
        weights: float ``[M,N]``, 0 or more; 0 where a row and a column have nothing to do with each other.

    Returns:
        int64 ``[N]``: the row of each column, -1 for none.

    Raises:
        ValueError: if the weights are no matrix of finite numbers that are 0 or more.

    References:
        Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment problems"
        (Computing 38, 1987).
    """
    if weights.ndim != 2 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("weights are a matrix of finite numbers, 0 or more")
    rows, columns = weights.shape
    found = np.full(columns, -1, np.int64)
    if not rows or not columns:
        return found
    # As many columns of weight 0 as rows: a row may stay without one.
    costs = np.concatenate([-weights.astype(np.float64), np.zeros((rows, rows))], axis=1)
    owner = np.full(costs.shape[1], -1, np.int64)
    of_rows, of_columns = np.zeros(rows), np.zeros(costs.shape[1])
    for start in range(rows):
        distance = np.full(costs.shape[1], np.inf)
        before = np.full(costs.shape[1], -1, np.int64)
        done = np.zeros(costs.shape[1], bool)
        row, column, reached = start, -1, 0.0
        visited = [(start, 0.0)]
        while row >= 0:
            through = reached + costs[row] - of_rows[row] - of_columns
            better = ~done & (through < distance)
            distance[better], before[better] = through[better], column
            column = int(np.where(done, np.inf, distance).argmin())
            reached, row = float(distance[column]), int(owner[column])
            done[column] = True
            if row >= 0:
                visited.append((row, reached))
        for one, at in visited:
            of_rows[one] += reached - at
        of_columns[done] -= reached - distance[done]
        while column >= 0:
            owner[column] = owner[before[column]] if before[column] >= 0 else start
            column = int(before[column])
    found[:] = np.where(
        (owner[:columns] >= 0) & (weights[owner[:columns], np.arange(columns)] > 0), owner[:columns], -1
    )
    return found
