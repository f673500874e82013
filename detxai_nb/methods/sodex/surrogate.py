"""LIME's surrogate: a linear model of what a detector answers while parts of an image are hidden."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# A score that varies by less than this share of itself does not vary: a float32 has no more digits.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A linear model for each of T objects: float64, on the CPU.

    Attributes:
        coefficients: ``[T,S]``, what showing each of the S parts adds to the score.
        intercepts: ``[T]``, the score with every part hidden.
        determination: ``[T]``, the weighted R² of the fit, at most 1; NaN for a score that never changed, whose
            coefficients are 0.
        left_out: ``[T]``, the weighted R² of each sample's score as predicted by the model of all other samples; NaN
            likewise.
    """

    coefficients: Tensor
    intercepts: Tensor
    determination: Tensor
    left_out: Tensor


def draw_shown(samples: int, parts: int, seed: int) -> Tensor:
    """Draw which parts are shown in each sample.

    Args:
        samples: number of samples, at least 1.
        parts: number of parts.
        seed: the same seed gives the same on every machine.

    Returns:
        bool ``[samples,parts]``: all in the first sample, in the others each with a probability of 0.5, independently.
    """
    random = torch.Generator().manual_seed(seed)
    shown = torch.randint(0, 2, (samples, parts), generator=random, dtype=torch.uint8, device="cpu").bool()
    shown[0] = True
    return shown


def nearness(shown: Tensor, width: float) -> Tensor:
    """Return how much each sample counts: ``sqrt(exp(-(d / width)²))``.

    d is the cosine distance of the sample's row to that of the whole image, 1 for a row that shows nothing.

    Args:
        shown: bool ``[N,S]``, the parts shown in each sample.
        width: of the kernel, above 0.

    Returns:
        float64 ``[N]`` in 0..1.

    References:
        Ribeiro et al., LIME (KDD 2016), with the kernel of their package lime.
    """
    distance = 1 - shown.double().mean(dim=1).sqrt()
    return torch.exp(-((distance / width) ** 2) / 2)


def fit(shown: Tensor, scores: Tensor, weights: Tensor, alpha: float) -> Surrogate:
    """Fit a weighted ridge regression of the scores on the shown parts, for all objects at once.

    It is the minimum of ``sum_i weights_i (score_i - intercept - coefficients . shown_i)² + alpha |coefficients|²``;
    the intercept is not penalised.

    Args:
        shown: bool ``[N,S]``, the parts shown in each of N samples.
        scores: ``[N,T]``, of each object in each sample.
        weights: ``[N]``, how much each sample counts.
        alpha: of the penalty; above 0 there is always exactly one minimum.

    Returns:
        The linear models.
    """
    scores, weights = scores.double(), weights.double()[:, None]
    rows = shown.double()
    share = weights / weights.sum()
    mean_row, mean_score = (share * rows).sum(dim=0), (share * scores).sum(dim=0)
    rows, centred = rows - mean_row, scores - mean_score
    total = (weights * centred**2).sum(dim=0)
    constant = total <= _ROUNDING**2 * (weights * scores**2).sum(dim=0)
    matrix = rows.T @ (weights * rows) + alpha * torch.eye(rows.shape[1], dtype=torch.float64, device="cpu")
    solved = torch.cholesky_solve((weights * rows).T, torch.linalg.cholesky(matrix))
    found = torch.where(constant, 0.0, solved @ centred)
    residual = centred - rows @ found
    # How far each sample's score pulls the model's value there: what divides its residual once it is left out.
    leverage = share[:, 0] + (rows * solved.T).sum(dim=1)

    def explained(residual: Tensor) -> Tensor:
        left = (weights * residual**2).sum(dim=0)
        return torch.where(constant, math.nan, 1 - left / torch.where(constant, 1.0, total))

    left_out = explained(residual / (1 - leverage[:, None]))
    return Surrogate(found.T, mean_score - mean_row @ found, explained(residual), left_out)
