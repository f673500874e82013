"""What is measured of maps with annotations and without, against sums over pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import stub
import torch
from stub_maps import annotated, stub_maps

from detxai_nb.metrics import METRICS
from detxai_nb.metrics.scoring import MapScorer, mean_of, means

KNOWN = ["pointing-game-box", "energy-pointing-box", "compactness", "odi-box"]


def test_without_annotations_the_detected_boxes_take_their_place() -> None:
    maps = stub_maps()
    judge = MapScorer.of(maps.image, maps.detections, None, None)
    measured = [m.name for m in judge.metrics]
    assert [n for n in measured if n in KNOWN] == KNOWN
    assert measured == [m.name for m in METRICS.values() if m.needs <= {"others"} and m.in_comparison != "on request"]
    found = judge.measure(maps)
    for value, share, (x1, y1, x2, y2) in zip(maps.values.double(), found["energy-pointing-box"], stub.BOXES):
        inside = value[round(y1) : round(y2), round(x1) : round(x2)].sum() / value.sum()
        assert share == pytest.approx(float(inside), abs=1e-9)
    assert found["pointing-game-box"] == [1.0, 1.0, 1.0]


def test_one_object_alone_is_told_apart_from_nothing() -> None:
    maps = stub_maps()[0]
    assert "odi-box" not in [m.name for m in MapScorer.of(maps.image, maps.detections, None, None).metrics]


def test_with_annotations_masks_count_and_objects_without_one_have_no_value() -> None:
    maps = stub_maps()
    judge = MapScorer.of(maps.image, maps.detections, annotated(), None)
    found = judge.measure(maps)
    assert {"energy-pointing-mask", "vea", "odi-mask"} <= set(found)
    assert "part-energy" not in found
    assert "part-energy" in MapScorer.of(maps.image, maps.detections, annotated(parts=True), None).measure(maps)
    values, masks = maps.values.double().numpy(), annotated().masks
    for index in range(2):
        share = values[index][masks[index]].sum() / values[index].sum()
        assert found["energy-pointing-mask"][index] == pytest.approx(share, abs=1e-9)
    assert all(figures[2] is None for figures in found.values()), "the third object has no annotation"


def test_signed_maps_meet_unsigned_metrics_with_their_positive_part() -> None:
    maps = stub_maps(direction="signed")
    found = MapScorer.of(maps.image, maps.detections, None, ["energy-pointing-box", "pointing-game-box"]).measure(maps)
    for value, share, (x1, y1, x2, y2) in zip(maps.values.double(), found["energy-pointing-box"], stub.BOXES):
        positive = value.clamp(min=0)
        inside = positive[round(y1) : round(y2), round(x1) : round(x2)].sum() / positive.sum()
        assert share == pytest.approx(float(inside), abs=1e-6)
    assert found["pointing-game-box"] == [1.0, 1.0, 1.0]


def test_a_map_of_zeros_has_no_compactness() -> None:
    maps = stub_maps()
    empty = replace(maps, grids=tuple(torch.zeros_like(grid) for grid in maps.grids))
    found = MapScorer.of(maps.image, maps.detections, None, None).measure(empty)
    assert found["compactness"] == [None] * 3
    assert found["energy-pointing-box"] == [0.0] * 3


def test_metrics_that_cannot_be_had_are_refused_in_words() -> None:
    maps = stub_maps()
    for name, sample, words in (
        ("deletion-odam", None, "queries the detector with many changed images"),
        ("vea", None, "hand in sample="),
        ("part-energy", annotated(), "this sample has none"),
        ("nope", None, "known: pointing-game-box"),
    ):
        with pytest.raises(ValueError, match=words):
            MapScorer.of(maps.image, maps.detections, sample, [name])


def test_a_dataset_without_masks_offers_what_needs_boxes() -> None:
    def none() -> np.ndarray:
        raise ValueError("this dataset has no masks")

    maps = stub_maps()
    judge = MapScorer.of(maps.image, maps.detections, replace(annotated(), load_masks=none), None)
    assert "vea" not in [m.name for m in judge.metrics]
    assert "odi-box" in [m.name for m in judge.metrics]


def test_means_leave_out_what_has_no_value() -> None:
    figures = {"a": [0.2, None], "b": [0.9, 0.1], "c": [None, None], "d": [0.5, 0.3]}
    assert mean_of([0.2, None, 0.4], [0, 1, 2]) == pytest.approx(0.3)
    assert mean_of([0.2, None, 0.4], [1]) is None
    assert means(figures, [0, 1]) == {"a": 0.2, "b": pytest.approx(0.5), "c": None, "d": pytest.approx(0.4)}
