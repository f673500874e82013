"""What an evaluation is asked to do, checked before anything is computed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from detxai_nb.evaluation.plan import CONTROLS, EvaluationPlan, make_plan
from detxai_nb.evaluation.selection import PROTOCOLS
from detxai_nb.methods import Context
from detxai_nb.metrics.registry import METRICS, Measured, Metric


def plan(methods: Any = ("odam",), metrics: Any = ("compactness",), **settings: Any) -> EvaluationPlan:
    return make_plan(methods, metrics, PROTOCOLS["default"], **settings)


def mine(activation: Tensor, gradient: Tensor, context: Context, *, power: int = 2) -> Tensor:
    return (gradient.abs() ** power).sum(1)


def half(case: Any, *, factor: float = 0.5) -> Measured:
    return Measured(torch.full((len(case),), factor))


def test_controls_are_added_and_can_be_left_out() -> None:
    assert [row.name for row in plan().methods] == ["odam", *CONTROLS]
    assert [row.name for row in plan(controls=False).methods] == ["odam"]
    assert [row.name for row in plan(()).methods] == list(CONTROLS)


def test_record_names_every_setting() -> None:
    record = plan(method_settings={"odam": {"direction": "absolute", "target": "x1", "layer": "neck"}}, seed=7).record()
    assert record["methods"]["odam"] == {
        "method": "odam",
        "settings": {"direction": "absolute", "smooth": None},
        "target": {"part": "x1", "score": "prob", "label": None},
        "layer": "neck",
    }
    assert record["metrics"] == {"compactness": {"metric": "compactness", "settings": {}}}
    assert record["seed"] == 7
    assert json.loads(json.dumps(record)) == record


def test_a_method_and_a_metric_can_stand_twice_under_names_of_ones_own() -> None:
    both = plan(
        ["odam", "odam, boxed", "difference:odam, boxed"],
        ["deletion", "deletion, s2"],
        method_settings={"odam, boxed": {"method": "odam", "smooth": "box"}},
        metric_settings={"deletion, s2": {"metric": "deletion", "score": "s2"}},
    )
    record = both.record()
    assert record["methods"]["odam, boxed"]["settings"]["smooth"] == "box"
    assert record["methods"]["difference:odam, boxed"]["difference"] is True
    assert record["methods"]["difference:odam, boxed"]["settings"]["smooth"] == "box"
    assert record["metrics"]["deletion, s2"] == {
        "metric": "deletion",
        "settings": {**METRICS["deletion"].settings, "score": "s2"},
    }
    runs = {row.name: row.run for row in both.methods if row.run is not None}
    assert runs["odam, boxed"].same_maps(runs["difference:odam, boxed"])
    assert not runs["odam, boxed"].same_maps(runs["odam"])


def test_difference_uses_settings_of_a_base_that_is_not_in_the_table() -> None:
    record = plan(["difference:odam"], method_settings={"odam": {"target": "combined"}}).record()
    assert record["methods"]["difference:odam"]["target"]["part"] == "combined"
    assert record["methods"]["difference:odam"]["settings"]["combine"] == "maximum"


def test_functions_and_metrics_of_ones_own() -> None:
    own = Metric("half", "Half", half, True, "nowhere")
    made = plan([mine], [own], method_settings={"mine": {"power": 3}}, metric_settings={"half": {"factor": 0.25}})
    record = made.record()
    assert record["methods"]["mine"]["settings"] == {"power": 3}
    assert "mine" in record["methods"]["mine"]["method"]
    assert record["metrics"]["half"]["settings"] == {"factor": 0.25}
    assert made.metrics[0].metric is own


def test_needs_are_those_of_the_metrics() -> None:
    made = plan(metrics=["energy-pointing-mask", "deletion"])
    assert [made.needs(what) for what in ("mask", "detector", "part")] == [True, True, False]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"methods": "odam"}, TypeError, "lists of names"),
        ({"metrics": "compactness"}, TypeError, "lists of names"),
        ({"methods": ["oddam"]}, ValueError, "unknown method 'oddam'"),
        ({"methods": ["difference:oddam"]}, ValueError, "unknown method 'oddam'"),
        ({"methods": ["odam", "odam"]}, ValueError, "odam appears twice among the methods"),
        ({"methods": [], "controls": False}, ValueError, "methods is empty"),
        ({"methods": ["control: random"]}, ValueError, "is added by itself"),
        ({"metrics": []}, ValueError, "metrics is empty"),
        ({"metrics": ["auc"]}, ValueError, "unknown metric 'auc'"),
        ({"metrics": [3]}, TypeError, "a metric is a name"),
        ({"method_settings": {"odam": {"smoth": "box"}}}, TypeError, "has no setting 'smoth'"),
        ({"method_settings": {"odam": {"target": "middle"}}}, ValueError, "unknown target 'middle'"),
        ({"method_settings": {"grad-cam": {}}}, ValueError, "settings for grad-cam, which are not among the methods"),
        (
            {"methods": ["difference:odam"], "method_settings": {"difference:odam": {}}},
            ValueError,
            "give its settings under that name",
        ),
        ({"metric_settings": {"compactness": {"steps": 3}}}, TypeError, "has no setting 'steps'"),
        ({"metric_settings": {"vea": {}}}, ValueError, "settings for vea"),
        ({"seed": -1}, ValueError, "seed is a whole number"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        plan(**arguments)
