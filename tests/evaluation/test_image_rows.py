"""The rows of one image, against each metric called by hand on each method's own maps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from small_evaluation import NAMES, annotated, colours, network, own_detections
from torch import Tensor

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.image_rows import NOT_FINITE, image_seed, measure_image
from detxai_nb.evaluation.plan import make_plan
from detxai_nb.evaluation.rows import COLUMNS, ImageRows
from detxai_nb.evaluation.selection import Protocol
from detxai_nb.methods import Context
from detxai_nb.metrics.baselines import centred_gaussians
from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.registry import Measured, Metric, find_metric

EVERYTHING = Protocol("everything", score=0.0)


@pytest.fixture(scope="module")
def detector() -> Any:
    return network()


@pytest.fixture(scope="module")
def sample(detector: Any) -> Sample:
    return own_detections(detector, count=1)[0]


def cells(part: ImageRows, method: str, metric: str, column: str) -> list[Any]:
    keys = zip(part.columns["method"], part.columns["metric"])
    return [value for key, value in zip(keys, part.columns[column]) if key == (method, metric)]


def explained(detector: Any, sample: Sample) -> tuple[dx.Detections, Tensor]:
    """The sample's objects, found the plain way: for each annotation, by falling score, its own detection."""
    found = detector.detect([sample.image], 0.0)[0]
    pairs = dx.metrics.match(found, sample)
    return found[pairs >= 0], pairs[pairs >= 0]


def test_each_value_is_the_metric_of_that_methods_map(detector: Any, sample: Sample) -> None:
    methods, metrics = ["odam", "grad-cam", "difference:odam"], ["energy-pointing-box", "odi-box", "deletion-odam"]
    settings = {"odam": {"smooth": "box"}}
    steps = {"deletion-odam": {"every": 50}}
    part = measure_image(
        make_plan(methods, metrics, EVERYTHING, seed=3, method_settings=settings, metric_settings=steps),
        detector,
        sample,
        5,
    )
    found, numbers = explained(detector, sample)
    odam = dx.explain(detector, sample.image, found, method="odam", smooth="box")
    maps = {"odam": odam, "grad-cam": dx.explain(detector, sample.image, found, method="grad-cam")}
    cases = {n: MetricInput(m.values, found, numbers, sample, detector, seed=3) for n, m in maps.items()}
    cases["difference:odam"] = MetricInput(
        odam.difference().values, found, numbers, sample, detector, seed=3, signed=True
    )
    gaussians = centred_gaussians(found.boxes, *sample.image.shape[:2])
    cases["control: Gaussian"] = MetricInput(gaussians, found, numbers, sample, detector, seed=3)
    for method, case in cases.items():
        for name in metrics:
            metric = find_metric(name)
            wanted = metric.measure(
                case if metric.signed else case.positive_part() if case.signed else case, **steps.get(name, {})
            )
            values = cells(part, method, name, "value")
            assert values == pytest.approx(wanted.value.tolist(), abs=1e-9, nan_ok=True), (method, name)
            if wanted.curve is not None:
                assert np.allclose(cells(part, method, name, "curve"), wanted.curve.numpy(), equal_nan=True)
            if wanted.ties is not None:
                assert cells(part, method, name, "ties") == pytest.approx(wanted.ties.tolist())
    assert cells(part, "odam", "energy-pointing-box", "annotation") == numbers.tolist()
    assert cells(part, "odam", "energy-pointing-box", "score") == pytest.approx(found.scores.tolist())
    assert cells(part, "odam", "energy-pointing-box", "iou") == pytest.approx([1.0] * len(found), abs=1e-5)
    assert set(part.columns["image"]) == {5}


def test_there_is_a_row_for_each_object_method_and_metric(detector: Any, sample: Sample) -> None:
    part = measure_image(make_plan(["odam"], ["compactness", "odi-box"], EVERYTHING), detector, sample, 0)
    assert len(part) == part.record.objects * 3 * 2
    assert {len(column) for column in part.columns.values()} == {len(part)}
    assert list(part.columns) == list(COLUMNS)
    keys = list(zip(*(part.columns[name] for name in ("method", "metric", "annotation"))))
    assert len(set(keys)) == len(keys)
    assert cells(part, "odam", "odi-box", "extras") == [{"others": len(sample) - 1.0}] * part.record.objects
    assert set(cells(part, "odam", "compactness", "extras")) == {None}


def test_methods_of_several_targets_and_layers_in_one_table(detector: Any, sample: Sample) -> None:
    settings = {
        "x1": {"method": "odam", "target": "x1"},
        "deep": {"method": "odam", "layer": "backbone.dark4"},
        "joined": {"method": "odam", "target": "combined", "combine": "normalized"},
    }
    plan = make_plan(["odam", *settings], ["energy-pointing-box"], EVERYTHING, method_settings=settings, controls=False)
    part = measure_image(plan, detector, sample, 0)
    found, numbers = explained(detector, sample)
    for name, arguments in {"odam": {"method": "odam"}, **settings}.items():
        maps = dx.explain(detector, sample.image, found, **arguments)  # type: ignore[arg-type]
        wanted = find_metric("energy-pointing-box").measure(MetricInput(maps.values, found, numbers, sample))
        assert cells(part, name, "energy-pointing-box", "value") == pytest.approx(wanted.value.tolist(), abs=1e-9), name


def test_a_map_of_zeros_is_marked_and_counts_as_a_miss(detector: Any, sample: Sample) -> None:
    def nothing(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
        return gradient.new_zeros(len(gradient), *activation.shape[-2:])

    plan = make_plan([nothing], ["pointing-game-box", "energy-pointing-box", "vea", "compactness"], EVERYTHING)
    part = measure_image(plan, detector, sample, 0)
    count = part.record.objects
    assert cells(part, "nothing", "vea", "map") == ["no positive evidence"] * count
    for name in ("pointing-game-box", "energy-pointing-box", "vea"):
        assert cells(part, "nothing", name, "value") == [0.0] * count
    assert all(math.isnan(value) for value in cells(part, "nothing", "compactness", "value"))
    assert set(cells(part, "control: random", "vea", "map")) == {"ok"}


def test_a_map_that_is_not_finite_is_marked_and_has_no_values(detector: Any, sample: Sample) -> None:
    def broken(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
        maps = gradient.abs().sum(1)
        maps[0, 0, 0] = float("inf")
        return maps

    part = measure_image(make_plan([broken], ["energy-pointing-box"], EVERYTHING), detector, sample, 0)
    states = cells(part, "broken", "energy-pointing-box", "map")
    values = cells(part, "broken", "energy-pointing-box", "value")
    assert NOT_FINITE in states
    assert [math.isnan(value) for value in values] == [state == NOT_FINITE for state in states]


def test_random_control_depends_on_seed_image_and_annotation_only() -> None:
    image = np.zeros((40, 64, 3), np.uint8)
    image[5:15, 4:20, 0], image[8:20, 40:60, 1] = 200, 180
    boxes = [[4.0, 5, 20, 15], [40.0, 8, 60, 20]]

    def values(labels: list[int], image_id: int = 1, seed: int = 0, only: slice = slice(None)) -> dict[int, float]:
        sample = annotated(image, boxes[only], labels[only], image_id)
        part = measure_image(make_plan([], ["energy-pointing-box"], EVERYTHING, seed=seed), colours(), sample, 9)
        random = [cells(part, "control: random", "energy-pointing-box", column) for column in ("annotation", "value")]
        return dict(zip(*random))

    both = values([0, 1])
    assert sorted(both) == [0, 1]
    assert values([0, 1], only=slice(0, 1)) == {0: both[0]}
    assert values([0, 1], seed=1)[0] != both[0]
    assert values([0, 1], image_id=2)[0] != both[0]


def test_a_method_with_a_seed_gets_one_of_the_image(detector: Any, sample: Sample) -> None:
    seeds: list[int] = []

    def drawn(activation: Tensor, gradient: Tensor, context: Context, *, seed: int = 0) -> Tensor:
        seeds.append(seed)
        return gradient.abs().sum(1)

    plan = make_plan([drawn], ["compactness"], EVERYTHING, seed=4, controls=False)
    measure_image(plan, detector, sample, 0)
    assert set(seeds) == {image_seed(4, sample.image_id)}
    seeds.clear()
    fixed = make_plan([drawn], ["compactness"], EVERYTHING, method_settings={"drawn": {"seed": 11}}, controls=False)
    measure_image(fixed, detector, sample, 0)
    assert set(seeds) == {11}
    assert plan.record()["methods"]["drawn"]["settings"] == {"seed": "of each image"}


def test_what_a_method_says_about_its_maps_stands_beside_them() -> None:
    image = np.zeros((40, 64, 3), np.uint8)
    image[5:15, 4:20, 0] = 200
    sample = annotated(image, [[4.0, 5, 20, 15]], [0])
    plan = make_plan(["d-rise"], ["compactness"], EVERYTHING, method_settings={"d-rise": {"masks": 8, "cells": 2}})
    part = measure_image(plan, colours(), sample, 0)
    (figures,) = cells(part, "d-rise", "compactness", "map_figures")
    assert list(figures) == ["split-half correlation"]
    assert -1 <= figures["split-half correlation"] <= 1
    assert cells(part, "control: random", "compactness", "map_figures") == [None]


def test_pictures_that_methods_have_in_common_are_asked_once() -> None:
    asked: list[int] = []

    def predict(image: np.ndarray) -> dict[str, Any]:
        asked.append(int(image.sum()))
        return {"boxes": [[4, 5, 20, 15]], "scores": [0.9], "labels": [0]}

    sample = annotated(np.full((40, 64, 3), 7, np.uint8), [[4.0, 5, 20, 15]], [0])
    plan = make_plan([], ["insertion-odam", "deletion-odam"], EVERYTHING)
    measure_image(plan, dx.wrap_predict(predict, NAMES), sample, 0)
    assert asked.count(int(sample.image.sum())) == 2  # once to find the objects, once for all curves
    assert asked.count(0) == 1


def test_errors_name_the_image(sample: Sample, detector: Any) -> None:
    def fails(case: MetricInput) -> Measured:
        raise RuntimeError("no")

    plan = make_plan([], [Metric("fails", "", fails, True, "")], EVERYTHING)
    with pytest.raises(RuntimeError, match="no") as caught:
        measure_image(plan, detector, sample, 3)
    assert caught.value.__notes__ == [f"this happened while image 3 of the dataset, {sample.file_name}, was measured"]


def test_an_image_without_objects_has_a_record_and_no_rows(detector: Any) -> None:
    sample = annotated(np.zeros((40, 64, 3), np.uint8), [[0.0, 0, 30, 30]], [1], crowd=[True])
    part = measure_image(make_plan(["odam"], ["compactness"], EVERYTHING), detector, sample, 2)
    assert len(part) == 0
    assert (part.record.image, part.record.objects, part.record.annotations) == (2, 0, 1)
    assert part.record.left_out == {"marked as crowd": 1}
    assert torch.is_grad_enabled()
