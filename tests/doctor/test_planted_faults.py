"""Each planted fault is found by the check that is for it, in three families; healthy detectors are called healthy."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import planted
import pytest

import detxai_nb as dx
from detxai_nb.data.coco import CocoDataset

ALWAYS_ASKED = {"expected", "names", "colours"}
"""What cannot be judged on drawn scenes without being told more: their classes can be told by shape alone."""


@functools.cache
def scenes() -> list[Any]:
    """Two annotated scenes with several objects each."""
    return [dx.data.scenes.Scenes(2, seed=100)[i] for i in range(2)]


@pytest.mark.parametrize("fault", planted.FAULTS)
def test_each_fault_is_found_in_three_families(fault: str) -> None:
    if "tiny-detr" in planted.FAMILIES:
        pytest.importorskip("transformers")
    about = planted.FAULTS[fault]
    # Two scenes only where classes are counted; elsewhere one has objects enough.
    samples = scenes() if about.told == "samples" else scenes()[:1]
    for name in planted.FAMILIES:
        found = planted.examined(name, fault, samples, about.check)[about.check]
        assert found.verdict == "wrong", (name, str(found))
        assert found.means
        assert found.remedy


@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-faster-rcnn", "tiny-detr", "tiny-ssd", "tiny-yolox", "tiny-pvt"])
def test_healthy_detectors_are_called_healthy(name: str) -> None:
    if name == "tiny-detr":
        pytest.importorskip("transformers")
    detector = planted.healthy(name)
    pictures = [sample.image for sample in scenes()[:1]]
    report = dx.doctor(detector, pictures, expected=detector.detect(pictures, 0.3))
    assert report.healthy, str(report)
    assert not report.of("suspicious"), str(report)
    assert {one.check for one in report.of("not checked")} <= ALWAYS_ASKED, str(report)


def test_a_classifier_is_healthy_and_has_no_boxes() -> None:
    sample = dx.data.scenes.Scenes(1, seed=4, mode="single")[0]
    report = dx.doctor(planted.healthy("tiny-resnet"), sample)
    assert report.healthy, str(report)
    assert {"boxes", "place"} <= {one.check for one in report.of("not checked")}
    assert report["weights"].verdict == "ok"


@pytest.mark.parametrize("name", planted.FAMILIES)
def test_the_same_module_through_wrap_module_is_healthy(name: str) -> None:
    if name == "tiny-detr":
        pytest.importorskip("transformers")
    report = dx.doctor(planted.own_module(name), scenes()[0], checks=["gradient", "maps", "explained score", "boxes"])
    assert [one.verdict for one in report.results] == ["ok"] * 4, str(report)


def photographs(shared: Path) -> tuple[Any, Any]:
    """YOLOX-nano and photographs, which do not come with the package."""
    weights = shared / "weights" / "yolox_nano_coco.safetensors"
    return dx.load_detector("yolox-nano", weights=weights, device="cpu"), CocoDataset(shared / "data" / "coco-mini")


def test_a_detector_of_photographs_is_healthy_on_twenty_of_them(shared: Path) -> None:
    detector, dataset = photographs(shared)
    # The others are measured by tests/bench/doctor_margins.py: they take minutes.
    checks = ["answers", "precision", "scores", "names", "boxes", "explained score", "gradient"]
    for number in range(0, 140, 7):
        report = dx.doctor(detector, dataset[number], checks=checks)
        assert report.healthy, (number, str(report))


def test_red_for_blue_shows_in_the_scores_of_photographs(shared: Path) -> None:
    detector, dataset = photographs(shared)
    pictures = [dataset[number].image for number in range(0, 144, 3)]
    turned = planted.Changed(detector, see=lambda image: image[..., ::-1].copy())
    assert dx.doctor(turned, pictures, checks="colours")["colours"].verdict == "wrong"
    assert dx.doctor(detector, pictures, checks="colours")["colours"].verdict == "ok"
