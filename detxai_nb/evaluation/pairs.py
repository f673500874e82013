"""paired: one method against another on the same objects, to see whether an ordering claimed by a paper holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from detxai_nb.evaluation.reports import RESAMPLES, bootstrap, statistics_table
from detxai_nb.evaluation.runner import ATTRIBUTE
from detxai_nb.metrics.registry import find_metric

if TYPE_CHECKING:
    import pandas

HOLDS, REVERSED, UNDECIDED = "holds", "is the other way round", "is undecided"


@dataclass(frozen=True)
class Paired:
    """The comparison of two methods by one metric.

    Attributes:
        metric, first, second: names in the table of the evaluation.
        difference: mean over objects of the first method's value minus the second's.
        low, high: 95% bootstrap interval of the difference.
        count: number of objects for which both values are defined.
        better: share of these for which the first method is strictly better, 0..1.
        verdict: on "the first is better": "holds" or "is the other way round" if the interval does not contain 0, else
            "is undecided".
    """

    metric: str
    first: str
    second: str
    difference: float
    low: float
    high: float
    count: int
    better: float
    verdict: str

    def __str__(self) -> str:
        return (
            f"{self.first} better than {self.second} by {self.metric}: {self.verdict}; difference "
            f"{self.difference:+.4g} (95% {self.low:+.4g} to {self.high:+.4g}), better for {self.better:.0%} of "
            f"{self.count} objects"
        )


def paired(
    evaluation: pandas.DataFrame | str | os.PathLike[str],
    metric: str,
    first: str,
    second: str,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Paired:
    """Compare two methods of an evaluation by a metric, object by object, which tells more than their two means.

    Args:
        evaluation: what ``evaluate`` returned, or its store.
        metric: the metric's name in the table.
        first, second: the methods' names in the table.
        seed, resamples: of the bootstrap over objects.

    Returns:
        The mean difference with its interval, and a verdict.

    Raises:
        ValueError: for names that the table does not have, and if no object has both values.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> rows = dx.evaluate(detector, dx.data.scenes.Scenes(2), ["odam"], ["energy-pointing-box"], progress=False)
        >>> dx.paired(rows, "energy-pointing-box", "odam", "control: random").verdict
        'holds'
    """
    frame = statistics_table(evaluation)
    settings = frame.attrs[ATTRIBUTE]["settings"]
    for what, name in (("metrics", metric), ("methods", first), ("methods", second)):
        if name not in settings[what]:
            raise ValueError(f"there is no {name!r} among the {what} of this table: {', '.join(settings[what])}")
    rows = frame[frame["metric"] == metric].set_index(["image", "annotation"])
    one, other = (rows.loc[rows["method"] == name, "value"] for name in (first, second))
    both = (one - other).dropna().to_numpy(float)
    if not len(both):
        raise ValueError(f"no object has a value of {metric!r} by both {first!r} and {second!r}")
    low, high = bootstrap(both, seed, resamples)
    sign = 1 if find_metric(settings["metrics"][metric]["metric"]).higher_is_better else -1
    apart = low > 0 or high < 0
    return Paired(
        metric=metric,
        first=first,
        second=second,
        difference=float(both.mean()),
        low=low,
        high=high,
        count=len(both),
        better=float((sign * both > 0).mean()),
        verdict=UNDECIDED if not apart else HOLDS if sign * both.mean() > 0 else REVERSED,
    )
