"""A paper's table from one call: what it runs, what it leaves out, and that it says so."""

from __future__ import annotations

import pytest
from small_evaluation import FEW_STEPS, Squares, colours, network, own_detections
from torch import nn

import detxai_nb as dx
from detxai_nb.evaluation.papers import PAPERS, Figure, Paper
from detxai_nb.evaluation.reproduction import methods_of, metrics_of
from detxai_nb.methods import METHODS
from detxai_nb.metrics import METRICS

OWN = Paper(
    "Mine",
    "a detector",
    "data",
    {
        ("odam", "energy-pointing-box"): Figure(0.7, "table 9"),
        ("difference:odam", "energy-pointing-box"): Figure(0.8, "table 9"),
        ("d-rise", "odi-mask"): Figure(0.5, "table 9"),
        ("bbam", "deletion: s2"): Figure(0.5, "table 9"),
        ("another", "odi-mask"): Figure(0.6, "table 9"),
    },
    targets={"odam": "x1", "*": "class"},
)


def test_every_printed_method_and_metric_is_there() -> None:
    for paper in PAPERS.values():
        assert {name.removeprefix("difference:") for name in methods_of(paper)} <= METHODS.keys()
        assert set(metrics_of(paper)) <= METRICS.keys()
    assert methods_of(OWN) == ("odam", "difference:odam", "d-rise", "bbam", "another")
    assert metrics_of(OWN) == ("energy-pointing-box", "odi-mask", "deletion")


def test_what_does_not_fit_is_left_out_and_named() -> None:
    detector = network()
    found = dx.reproduce(
        OWN,
        detector,
        own_detections(detector),
        exclude=["deletion"],
        progress=False,
        protocol=dx.evaluation.Protocol("all", score=0.0),
    )
    assert set(found.table.reset_index()["method"]) == {
        "odam",
        "difference:odam",
        "control: random",
        "control: Gaussian",
    }
    assert set(found.table.reset_index()["metric"]) == {"energy-pointing-box", "odi-mask"}
    assert found.table.loc[("energy-pointing-box", "difference:odam"), "paper"] == 0.8
    said = "\n".join(found.notes)
    assert "left out: deletion, excluded" in said
    assert "left out: d-rise, takes thousands of forward passes" in said
    assert "left out: bbam, needs a detector that offers regions" in said
    assert "left out: another, is no method of this package" in said
    assert "the paper explains the target" not in said


def test_masks_that_are_not_there_and_mistakes() -> None:
    class Maskless(Squares):
        has_masks = False

    paper = Paper("Mine", "a", "b", {("d-rise", "odi-mask"): Figure(0.5, "t"), ("d-rise", "odi-box"): Figure(0.5, "t")})
    few = {"d-rise": {"masks": 8, "cells": 3}}
    found = dx.reproduce(paper, colours, Maskless(1), include_slow=True, method_settings=few, progress=False)
    assert "left out: odi-mask, the dataset has no masks" in found.notes
    assert set(found.table.reset_index()["metric"]) == {"odi-box"}
    with pytest.raises(ValueError, match=r"vea: not of this paper, which has odam, .*"):
        dx.reproduce(OWN, network(), Squares(1), exclude=["vea"], metric_settings=FEW_STEPS)
    with pytest.raises(ValueError, match="unknown paper 'odma'; known: odam"):
        dx.reproduce("odma", network(), Squares(1))


def test_the_global_guidance_papers_figures_against_the_page() -> None:
    first, second, third = (PAPERS[f"global-guidance{table}"].figures for table in ("", "-coco", "-imagenet"))
    assert len(first) == 70
    assert len(second) == len(third) == 40
    assert first["global-guidance", "zone-iou-mask"] == Figure(0.1321, "table 1")
    assert first["relevance-cam", "pointing-game-box"].value == 0.532
    assert first["integrated-grad-cam", "context-zone-drop"].value == 0.8124
    assert first["smooth-fullgrad", "saliency-zone-drop"].value == 0.8762
    assert second["cameras", "saliency-zone-increase"] == Figure(0.0935, "table 2")
    assert third["score-cam", "context-zone-increase"] == Figure(0.0468, "table 3")
    guidance = PAPERS["global-guidance"]
    assert [guidance.score_of(name) for name in ("grad-cam", "score-cam")] == ["logit", "prob"]
    assert PAPERS["odam"].score_of("odam") == "prob"


def test_the_rows_of_a_classifier_are_image_and_class() -> None:
    scenes = dx.data.scenes.Scenes(3, mode="several", width=96, height=96)
    detector = dx.load_detector("tiny-resnet", device="cpu")
    few = ["score-cam", "cameras", "integrated-grad-cam", "smooth-fullgrad"]
    found = dx.reproduce("global-guidance", detector, scenes, exclude=few, progress=False)
    rows = found.table.reset_index()
    assert set(rows["metric"]) == set(metrics_of(PAPERS["global-guidance"]))
    assert {"grad-cam", "global-guidance", "relevance-cam", "control: random", "control: Gaussian"} <= set(
        rows["method"]
    )
    assert (rows["count"] == 3).all()
    said = "\n".join(found.notes)
    assert "selected by protocol 'classes' (each annotated class, score > 0)" in said
    objects = sum(len(sample) for sample in scenes)
    assert f"3 of {objects} annotated objects" in said
    assert f"{objects - 3} measured together with another of its class" in said
    assert "of 3 zones 0.0% are empty" in said
    assert "cannot be means over the same zones" in said


def test_a_method_without_a_rule_for_a_layer_is_left_out_and_named() -> None:
    scenes = dx.data.scenes.Scenes(1, mode="single", width=64, height=64)
    stem = (nn.Conv2d(3, 4, 4, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = nn.Sequential(*stem, nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 10))
    detector = dx.wrap(network, family="classifier", names=scenes.names, input_size=32)
    slow = ["score-cam", "cameras", "integrated-grad-cam", "smooth-fullgrad"]
    found = dx.reproduce("global-guidance", detector, scenes, exclude=slow, progress=False)
    assert "relevance-cam" not in found.table.reset_index()["method"].tolist()
    assert any(note.startswith("left out: relevance-cam, refuses this network: ") for note in found.notes)
    assert "grad-cam" in found.table.reset_index()["method"].tolist()
