"""One option against another: the paper's test, the interval over persons, the size of the effect, and plain words."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from detxai_nb.survey.class_tests import LEVEL, interval_over_persons

Values = dict[str, list[float]]
"""By seat the values of its answers."""


@dataclass(frozen=True)
class SurveyTest:
    """The comparison of two options.

    Attributes:
        test: such as "Wilcoxon signed-rank".
        first, second: names of the options.
        better: what it means that the difference is above 0, such as "is ranked better than".
        difference: of the first from the second, in the unit of the table.
        low, high: its 95% bootstrap interval over persons.
        p: of the test, which takes all answers for independent.
        holm: p after Holm's correction for all comparisons of this test in the section.
        effect, effect_name: the size of the effect and which one it is.
        answers: how many are compared; of two groups those of both.
        persons: how many gave them.
    """

    test: str
    first: str
    second: str
    better: str
    difference: float
    low: float
    high: float
    p: float
    holm: float
    effect: float
    effect_name: str
    answers: int
    persons: int

    @property
    def decided(self) -> bool:
        """Whether both the corrected test and the interval over persons say that there is a difference."""
        return self.holm < LEVEL and (self.low > 0 or self.high < 0)

    def __str__(self) -> str:
        if not self.answers:
            return f"{self.first} against {self.second}: nothing can be said, there are no answers that compare them."
        numbers = (
            f"difference {self.difference:+.2f} (95% over {self.persons} persons {self.low:+.2f} to {self.high:+.2f}), "
            f"{self.test} p {_p(self.p)}, {_p(self.holm)} after Holm, {self.effect_name} {self.effect:+.2f}, "
            f"{self.answers} answers"
        )
        if not self.decided:
            why = ""
            if self.holm < LEVEL:
                why = " (the test alone is significant; answers of one person hang together, and by persons it is open)"
            elif self.low > 0 or self.high < 0:
                why = " (the interval alone is off 0, and that is not enough)"
            return (
                f"{self.first} against {self.second}: nothing is decided, both may be equal or either the better "
                f"one{why}; {numbers}."
            )
        order = (self.first, self.second) if self.difference > 0 else (self.second, self.first)
        return f"{order[0]} {self.better} {order[1]}; {numbers}."


def paired_ranks(first: str, second: str, differences: Values) -> SurveyTest:
    """Compare the places of two options in the same rankings, by Wilcoxon's signed-rank test.

    Args:
        first, second: their names.
        differences: by seat the place of the second minus that of the first.

    Returns:
        The comparison; its effect is the matched-pairs rank-biserial correlation, -1 to 1.
    """
    values = _all(differences)
    p, effect = 1.0, 0.0
    if values.any():
        from scipy.stats import rankdata, wilcoxon

        p = float(wilcoxon(values, correction=False).pvalue)
        off = values[values != 0]
        ranks = rankdata(abs(off))
        effect = float((np.sign(off) * ranks).sum() / ranks.sum())
    return _over(
        "Wilcoxon signed-rank", (first, second), "is ranked better than", differences, p, (effect, "rank-biserial r")
    )


def chosen_oftener(first: str, second: str, signs: Values, better: str) -> SurveyTest:
    """Compare how often each of two options was chosen, by a chi-square test that takes both for equally likely.

    Args:
        first, second: their names.
        signs: by seat 1 for an answer that chose the first, -1 for the second, 0 for neither.
        better: what it means to be chosen, for the words.

    Returns:
        The comparison; its difference is that of the shares of all answers, its effect Cohen's h of the choices of
        the first among those that chose, from a half.
    """
    values = _all(signs)
    ones, others = int((values > 0).sum()), int((values < 0).sum())
    p, effect = 1.0, 0.0
    if ones + others:
        from scipy.stats import chisquare

        p = float(chisquare([ones, others]).pvalue)
        effect = 2 * math.asin(math.sqrt(ones / (ones + others))) - math.pi / 2
    return _over("chi-square of the choices", (first, second), better, signs, p, (effect, "Cohen's h"))


def shares_apart(first: str, second: str, ones: Values, others: Values) -> SurveyTest:
    """Compare the shares of right answers with two options, by the chi-square test of a 2x2 table.

    Args:
        first, second: their names.
        ones, others: by seat 1 for each right answer and 0 for each wrong one, with the first and the second.

    Returns:
        The comparison; its effect is Cohen's h.
    """
    a, b = _all(ones), _all(others)
    p, effect = 1.0, 0.0
    if len(a) and len(b):
        table = np.array([[a.sum(), len(a) - a.sum()], [b.sum(), len(b) - b.sum()]])
        if table.sum(axis=0).all():
            from scipy.stats import chi2_contingency

            p = float(chi2_contingency(table, correction=False).pvalue)
        effect = 2 * math.asin(math.sqrt(a.mean())) - 2 * math.asin(math.sqrt(b.mean()))
    return _over(
        "chi-square of 2x2", (first, second), "is right more often than", ones, p, (effect, "Cohen's h"), others
    )


def means_apart(first: str, second: str, ones: Values, others: Values) -> SurveyTest:
    """Compare the mean confidences with two options, by Welch's t-test.

    Args:
        first, second: their names.
        ones, others: by seat the confidences with the first and the second.

    Returns:
        The comparison; its effect is Cohen's d.
    """
    a, b = _all(ones), _all(others)
    p, effect = 1.0, 0.0
    if min(len(a), len(b)) > 1 and (np.ptp(a) or np.ptp(b)):
        from scipy.stats import ttest_ind

        with warnings.catch_warnings():
            # Of answers that are all alike, whose variance of 0 is exact, it says that they are nearly identical.
            warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
            p = float(ttest_ind(a, b, equal_var=False).pvalue)
        spread = math.sqrt((a.var(ddof=1) * (len(a) - 1) + b.var(ddof=1) * (len(b) - 1)) / (len(a) + len(b) - 2))
        effect = float(a.mean() - b.mean()) / spread
    return _over(
        "Welch's t-test", (first, second), "gives more confidence than", ones, p, (effect, "Cohen's d"), others
    )


def corrected(tests: Sequence[SurveyTest]) -> tuple[SurveyTest, ...]:
    """Return comparisons with Holm's correction, each test among those of its name.

    Args:
        tests: of one section.

    Returns:
        The same in the same order, with ``holm``.

    References:
        Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    found: dict[int, SurveyTest] = {}
    for name in dict.fromkeys(one.test for one in tests):
        rows = sorted((row for row, one in enumerate(tests) if one.test == name), key=lambda row: tests[row].p)
        least = 0.0
        for place, row in enumerate(rows):
            least = min(1.0, max(least, tests[row].p * (len(rows) - place)))
            found[row] = replace(tests[row], holm=least)
    return tuple(found[row] for row in range(len(tests)))


def _over(
    test: str,
    names: tuple[str, str],
    better: str,
    ones: Values,
    p: float,
    effect: tuple[float, str],
    others: Values | None = None,
) -> SurveyTest:
    """With the mean or the difference of means and its interval over persons."""
    a, b = _all(ones), _all(others or {})
    persons = [seat for seat in dict.fromkeys((*ones, *(others or {}))) if ones.get(seat) or (others or {}).get(seat)]
    first, second = _sums(ones, persons), None if others is None else _sums(others, persons)
    empty = not len(a) or (others is not None and not len(b))
    difference = float("nan") if empty else float(a.mean()) - (0.0 if others is None else float(b.mean()))
    low, high = (float("nan"),) * 2 if empty else interval_over_persons(*first, second)
    count = 0 if empty else len(a) + len(b)
    return SurveyTest(test, *names, better, difference, low, high, p, p, *effect, count, len(persons))


def _sums(values: Values, persons: list[str]) -> tuple[np.ndarray, np.ndarray]:
    some = [values.get(seat, []) for seat in persons]
    return np.array([sum(one) for one in some], float), np.array([len(one) for one in some], float)


def _all(values: Values) -> Any:
    return np.array([value for some in values.values() for value in some], float)


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
