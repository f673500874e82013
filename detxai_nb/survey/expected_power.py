"""What a class can show: how often a test would be significant if the paper's shares held, and if nothing did."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from detxai_nb.survey import paper_tables as paper
from detxai_nb.survey.class_tests import (
    LEVEL,
    apart_over_persons,
    draws,
    shares_p,
    sign_p,
    welch_p,
    wilcoxon_p,
)

_DRAWS = 500


@dataclass(frozen=True)
class SurveyEffect:
    """A difference that a study may show.

    Attributes:
        source: where its size is from.
        test: the test, as the paper has it.
        shares: of the values of one answer; for tests of two groups those of the first group.
        values: what the shares are of: differences, confidences, or wrong (0) and right (1).
        second: the shares of the second group; None where one answer compares both.
    """

    source: str
    test: str
    shares: tuple[float, ...]
    values: tuple[float, ...]
    second: tuple[float, ...] | None = None


@dataclass(frozen=True)
class PowerEstimate:
    """What a class of some size can show.

    Attributes:
        effect: its name in ``effects``.
        source, test: of the effect.
        seats: how many persons.
        answers: of all of them together; for two groups in each of the two.
        classes: how many were simulated.
        dependence: of one person's answers.
        power: share of classes in which the test is significant if the effect is as large as in the paper.
        over_persons: share in which the bootstrap interval over persons does not contain 0.
        false_alarms, false_alarms_over_persons: the same if there is no effect; 0.05 is meant.
        error: one standard error of a false-alarm rate of 0.05 from so many classes.
    """

    effect: str
    source: str
    test: str
    seats: int
    answers: int
    classes: int
    dependence: float
    power: float
    over_persons: float
    false_alarms: float
    false_alarms_over_persons: float
    error: float

    def __str__(self) -> str:
        shown = "likely shows" if self.power >= 0.8 else "may or may not show" if self.power >= 0.3 else "hardly shows"
        return (
            f"A class of {self.seats} with {self.answers} answers {shown} {self.effect!r}: {self.test} significant in "
            f"{self.power:.0%} of {self.classes:,} simulated classes ({self.over_persons:.0%} by the interval over "
            f"persons), and in {self.false_alarms:.1%} ({self.false_alarms_over_persons:.1%}) without any effect. "
            f"Size of the effect: {self.source}."
        )


def effects() -> Mapping[str, SurveyEffect]:
    """Return the differences whose power can be asked for.

    Of a ranking the paper prints shares of places, not which places go together. Where all shares are used the joint
    distribution is the one of the largest entropy; "odam against d-rise" uses first places only and is the cautious
    one: every further place is chosen like the first (Luce).

    Returns:
        By name the effect.
    """
    return _effects()


def power(
    effect: str,
    *,
    seats: int = 30,
    per_seat: int = 8,
    classes: int = 2000,
    dependence: float = 0.0,
    seed: int = 0,
) -> PowerEstimate:
    """Say beforehand how likely a class is to show a difference, by simulating classes that answer as in the paper.

    Args:
        effect: a name of ``effects()``, such as "odam against d-rise".
        seats: persons, 2 or more.
        per_seat: answers of each person; for two groups, such as "odam-train against odam", of each method.
        classes: how many are simulated, with the effect and as many without any.
        dependence: how alike one person's answers are, the intraclass correlation, 0 to below 1; with more than 0 a
            test that takes answers for independent raises false alarms, and the interval over persons does not.
        seed: of the simulation.

    Returns:
        The power of the paper's test and of the interval over persons, and their false-alarm rates.

    Raises:
        TypeError: if a number is no whole number.
        ValueError: for an unknown effect, or a number out of range.

    Example:
        >>> import detxai_nb as dx
        >>> many, few = (dx.survey.power("odam against d-rise", per_seat=n, classes=500) for n in (8, 4))
        >>> many.answers, few.answers, many.power > few.power
        (240, 120, True)
    """
    known = effects()
    if effect not in known:
        raise ValueError(f"there is no effect {effect!r:.60}; there are {', '.join(map(repr, known))}")
    for name, value, least in (("seats", seats, 2), ("per_seat", per_seat, 1), ("classes", classes, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name} is a whole number, got {value!r:.40}")
        if not least <= value <= 100_000:
            raise ValueError(f"{name} is from {least} to 100,000, got {value}")
    if not 0 <= dependence < 1:
        raise ValueError(f"dependence is from 0 to below 1, got {dependence}")
    one = known[effect]
    size = (int(classes), int(seats), int(per_seat))
    with_effect = _significant(one, one.shares, one.second, size, dependence, seed)
    without = _significant(one, *_no_effect(one), size, dependence, seed + 1)
    return PowerEstimate(
        effect=effect,
        source=one.source,
        test=one.test,
        seats=int(seats),
        answers=int(seats) * int(per_seat),
        classes=int(classes),
        dependence=float(dependence),
        power=with_effect[0],
        over_persons=with_effect[1],
        false_alarms=without[0],
        false_alarms_over_persons=without[1],
        error=float((LEVEL * (1 - LEVEL) / classes) ** 0.5),
    )


@functools.cache
def _effects() -> Mapping[str, SurveyEffect]:
    found: dict[str, SurveyEffect] = {}
    luce = paper.with_first_shares([shares[0] for shares in paper.TABLE_2.values()])
    _add_ranking(found, "odam against d-rise", paper.TABLE_2, luce, "ODAM, table 2, first places")
    whole = paper.with_all_shares(list(paper.TABLE_2.values()))
    _add_ranking(found, "odam against d-rise, all places", paper.TABLE_2, whole, "ODAM, table 2, all places")
    sides = paper.with_all_shares(list(paper.TABLE_10.values()))
    for other in ("signed", "absolute", "negative"):
        _add_ranking(found, f"positive against {other}", paper.TABLE_10, sides, "ODAM, table 10, all places")
    better = tuple(share / 100 for share in reversed(paper.BETTER))
    found["better detector"] = SurveyEffect("ODAM, section 4.2", "chi-square of the choices", better, (-1.0, 0.0, 1.0))
    levels = (1.0, 2.0, 3.0, 4.0, 5.0)
    for first, second in (("odam-train", "odam"), ("odam", "d-rise")):
        pair = [tuple(np.array(paper.TABLE_6[name]) / sum(paper.TABLE_6[name])) for name in (first, second)]
        name = f"{first} against {second}" + (", confidence" if second == "d-rise" else "")
        found[name] = SurveyEffect("ODAM, table 6, confidence", "Welch's t-test", pair[0], levels, pair[1])
    right = [(1 - paper.ACCURACY[name] / 100, paper.ACCURACY[name] / 100) for name in ("odam", "d-rise")]
    found["odam against d-rise, boxes"] = SurveyEffect(
        "ODAM, table 6, accuracy", "chi-square of right boxes", right[0], (0.0, 1.0), right[1]
    )
    return MappingProxyType(found)


def _add_ranking(
    found: dict[str, SurveyEffect], name: str, table: paper.Shares, probabilities: np.ndarray, source: str
) -> None:
    names = list(table)
    first, second = (names.index(one.split(",")[0]) for one in name.split(" against "))
    shares = paper.rank_differences(probabilities, first, second)
    reach = len(shares) // 2
    values = tuple(float(value) for value in range(-reach, reach + 1))
    found[name] = SurveyEffect(source, "Wilcoxon signed-rank", tuple(shares / shares.sum()), values)


def _no_effect(one: SurveyEffect) -> tuple[tuple[float, ...], tuple[float, ...] | None]:
    """The same answers without a difference: both directions alike, or both groups alike."""
    if one.second is None:
        return tuple((np.array(one.shares) + one.shares[::-1]) / 2), None
    pooled = tuple((np.array(one.shares) + one.second) / 2)
    return pooled, pooled


def _significant(
    one: SurveyEffect,
    shares: tuple[float, ...],
    second: tuple[float, ...] | None,
    size: tuple[int, int, int],
    dependence: float,
    seed: int,
) -> tuple[float, float]:
    """In which share of classes the test is significant, and in which the interval over persons is off 0."""
    random, values = np.random.default_rng(seed), np.array(one.values)
    counts = _answered(shares, size, dependence, random)
    means = counts @ values / size[2]
    tests: dict[str, Callable[[np.ndarray], Any]] = {
        "Wilcoxon signed-rank": wilcoxon_p,
        "chi-square of the choices": sign_p,
    }
    if second is None:
        found = tests[one.test](counts.sum(axis=1))
    else:
        others = _answered(second, size, dependence, random)
        means = means - others @ values / size[2]
        groups = counts.sum(axis=1), others.sum(axis=1)
        found = welch_p(*groups, values) if len(values) > 2 else shares_p(*groups)
    apart = apart_over_persons(means, draws(size[1], _DRAWS, random))
    return float((found < LEVEL).mean()), float(apart.mean())


def _answered(
    shares: tuple[float, ...], size: tuple[int, int, int], dependence: float, random: np.random.Generator
) -> np.ndarray:
    """How often each person of each class gives each value, int ``[classes,seats,V]``.

    With dependence each person has shares of their own, from a Dirichlet distribution around the given ones.
    """
    classes, seats, each = size
    whole = np.array(shares) / np.sum(shares)
    if not dependence:
        return random.multinomial(each, whole, (classes, seats))
    own = random.standard_gamma(np.maximum(whole, 1e-9) * (1 / dependence - 1), (classes, seats, len(whole)))
    own = np.maximum(own, 1e-300)
    return random.multinomial(each, own / own.sum(axis=2, keepdims=True))
