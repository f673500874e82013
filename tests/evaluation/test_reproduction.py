"""A paper's table from one call: what it runs, what it leaves out, and that it says so."""

from __future__ import annotations

import pytest
from small_evaluation import FEW_STEPS, Squares, colours, network, own_detections

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
