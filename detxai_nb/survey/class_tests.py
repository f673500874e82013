"""The papers' tests for many classes at once, from counts; and intervals over persons, whose answers hang together."""

from __future__ import annotations

import numpy as np

LEVEL = 0.05
"""A test that gives less than this is significant."""
RESAMPLES = 2000
"""Draws of persons for an interval."""


def wilcoxon_p(counts: np.ndarray) -> np.ndarray:
    """Return p of Wilcoxon's signed-rank test, two-sided, by the normal distribution with ties at their mean rank.

    Args:
        counts: ``[S,2R+1]``: how often each of the S classes gave the differences -R to R; zeros are left out.

    Returns:
        float64 ``[S]``; 1 where there is no difference but 0.
    """
    reach = counts.shape[1] // 2
    above, below = counts[:, reach + 1 :], counts[:, reach - 1 :: -1] if reach else counts[:, :0]
    both = above + below
    ranks = both.cumsum(axis=1) - both + (both + 1) / 2
    sums = ((above - below) * ranks).sum(axis=1)
    return _normal_p(sums, (both * ranks**2).sum(axis=1))


def sign_p(counts: np.ndarray) -> np.ndarray:
    """Return p of the chi-square test that as many are above 0 as below.

    Args:
        counts: as ``wilcoxon_p``.

    Returns:
        float64 ``[S]``.
    """
    reach = counts.shape[1] // 2
    above, below = counts[:, reach + 1 :].sum(axis=1), counts[:, :reach].sum(axis=1)
    return _normal_p(above - below, above + below)


def welch_p(first: np.ndarray, second: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return p of Welch's t-test, two-sided, of two groups that are given as counts.

    Args:
        first, second: ``[S,V]``: how often each class gave each value.
        values: ``[V]``.

    Returns:
        float64 ``[S]``; 1 where neither group varies.
    """
    from scipy.stats import t

    means, errors, freedom = [], [], 0.0
    for counts in (first, second):
        total = counts.sum(axis=1)
        mean = counts @ values / total
        variance = (counts @ values**2 - total * mean**2) / (total - 1)
        means.append(mean)
        errors.append(np.maximum(variance, 0) / total)
        freedom = freedom + errors[-1] ** 2 / (total - 1)
    error = errors[0] + errors[1]
    varies = error > 1e-12
    safe = np.where(varies, error, 1)
    difference = np.where(varies, means[0] - means[1], 0)
    found: np.ndarray = 2 * t.sf(
        np.abs(difference) / np.sqrt(safe), np.where(varies, error**2 / np.maximum(freedom, 1e-300), 1)
    )
    return found


def shares_p(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return p of the chi-square test of two shares, without a correction.

    Args:
        first, second: ``[S,2]``: how often each class gave 0 and 1.

    Returns:
        float64 ``[S]``; 1 where all answers are the same.
    """
    totals = first.sum(axis=1), second.sum(axis=1)
    pooled = (first[:, 1] + second[:, 1]) / (totals[0] + totals[1])
    difference = first[:, 1] / totals[0] - second[:, 1] / totals[1]
    return _normal_p(difference, pooled * (1 - pooled) * (1 / totals[0] + 1 / totals[1]))


def draws(persons: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Return how often each person is drawn in each of many draws with replacement.

    Args:
        persons: how many.
        count: of draws.
        random: where they come from.

    Returns:
        float64 ``[count,persons]``; each row adds up to ``persons``.
    """
    return random.multinomial(persons, np.full(persons, 1 / persons), count).astype(float)


def interval_over_persons(
    sums: np.ndarray, counts: np.ndarray, other: tuple[np.ndarray, np.ndarray] | None = None, seed: int = 0
) -> tuple[float, float]:
    """Return the 95% bootstrap interval of a mean, or of the difference of two, when persons are drawn.

    The quantiles are further out than 2.5% and 97.5%, which make the interval of a class of thirty too narrow.

    Args:
        sums, counts: ``[P]``: of each person's values the sum, and how many there are.
        other: the same of a second mean, which is subtracted.
        seed: of the draws.

    Returns:
        The lower and the upper end; NaN if there are fewer than two persons.

    References:
        Hesterberg, "What teachers should know about the bootstrap" (The American Statistician 2015): the expanded
        percentile interval.
    """
    if len(sums) < 2:
        return float("nan"), float("nan")
    drawn = draws(len(sums), RESAMPLES, np.random.default_rng(seed))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = drawn @ sums / (drawn @ counts)
        if other is not None:
            found = found - drawn @ other[0] / (drawn @ other[1])
    # A draw of persons none of whom saw a method says nothing about it.
    found = found[np.isfinite(found)]
    if not len(found):
        return float("nan"), float("nan")
    low, high = np.quantile(found, _ends(len(sums)))
    return float(low), float(high)


def apart_over_persons(means: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return for which of many classes the interval over persons does not contain 0.

    Args:
        means: ``[S,P]``: each person's mean difference, of equally many answers.
        drawn: what ``draws`` gave.

    Returns:
        bool ``[S]``.
    """
    found = np.zeros(len(means), bool)
    for start in range(0, len(means), 2000):
        some = means[start : start + 2000] @ drawn.T / means.shape[1]
        low, high = np.quantile(some, _ends(means.shape[1]), axis=1)
        found[start : start + 2000] = (low > 0) | (high < 0)
    return found


def _ends(persons: int) -> tuple[float, float]:
    """The quantiles of a 95% interval of the mean of so few values, as wide as Student's t makes it."""
    from scipy.stats import norm, t

    low = float(norm.cdf(t.ppf(LEVEL / 2, persons - 1) * (persons / (persons - 1)) ** 0.5))
    return low, 1 - low


def _normal_p(sums: np.ndarray, variances: np.ndarray) -> np.ndarray:
    from scipy.special import erfc

    safe = np.where(variances > 0, variances, 1)
    found: np.ndarray = erfc(np.abs(np.where(variances > 0, sums, 0)) / np.sqrt(2 * safe))
    return found
