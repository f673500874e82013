"""Two methods on the same objects."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_evaluation import evaluation

from detxai_nb.evaluation import paired

NAN = float("nan")


def test_differences_are_taken_object_by_object() -> None:
    frame = evaluation(
        {("odam", "compactness"): [1.0, NAN, 3.0, 2.0], ("grad-cam", "compactness"): [2.0, 5.0, 7.0, 1.0]}
    )
    found = paired(frame, "compactness", "odam", "grad-cam")
    assert found.difference == pytest.approx((-1 - 4 + 1) / 3)
    assert found.count == 3
    assert found.better == pytest.approx(2 / 3)  # lower is better
    assert found.verdict == "is undecided"
    assert found.low <= found.difference <= found.high


@pytest.mark.parametrize(
    ("metric", "verdict"), [("energy-pointing-box", "holds"), ("compactness", "is the other way round")]
)
def test_verdict_follows_the_metrics_direction(metric: str, verdict: str) -> None:
    base = np.random.default_rng(0).random(60)
    frame = evaluation({("odam", metric): (base + 0.1).tolist(), ("grad-cam", metric): base.tolist()})
    found = paired(frame, metric, "odam", "grad-cam")
    assert found.verdict == verdict
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
    assert f"odam better than grad-cam by {metric}: {verdict}; difference +0.1" in str(found)
    assert paired(frame, metric, "odam", "odam").verdict == "is undecided"


def test_names_and_objects_that_are_not_there() -> None:
    frame = evaluation({("odam", "vea"): [NAN], ("grad-cam", "vea"): [0.5]})
    with pytest.raises(ValueError, match="no 'odma' among the methods of this table: odam, grad-cam"):
        paired(frame, "vea", "odma", "odam")
    with pytest.raises(ValueError, match="no 'auc' among the metrics"):
        paired(frame, "auc", "odam", "odam")
    with pytest.raises(ValueError, match="no object has a value of 'vea' by both"):
        paired(frame, "vea", "odam", "grad-cam")
