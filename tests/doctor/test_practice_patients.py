"""The patients for exercises: each has one fault, which the check that is for it finds with what that check needs."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import detxai_nb as dx

FAULTS = {"A": "names", "B": "colours", "C": "scores", "D": "boxes"}
NEEDS = {"A": "annotations", "B": "own answers", "C": "", "D": ""}
# Besides the fault itself: scores that are all low leave nothing to look at, and own answers differ.
FOLLOWS = {"expected"}


@functools.cache
def sample() -> Any:
    """A scene larger than the network's input, with five objects."""
    return dx.data.scenes.Scenes(2, seed=9, width=480, height=384)[1]


@functools.cache
def patients() -> dict[str, Any]:
    return dx.doctor.practice_patients()


def wrong(name: str, told: str, checks: Any = None) -> set[str]:
    """The checks that find something wrong with a patient; nothing raises an error and all answers are well formed."""
    picture = sample().image
    own = dx.load_detector("tiny-faster-rcnn", device="cpu").detect([picture])[0] if told == "own answers" else None
    report = dx.doctor(patients()[name], sample() if told == "annotations" else picture, own, checks=checks)
    assert report["answers"].verdict != "wrong"
    return {one.check for one in report.of("wrong")}


@pytest.mark.parametrize("name", FAULTS)
def test_each_patient_has_its_fault_and_no_other(name: str) -> None:
    assert wrong(name, "own answers") - FOLLOWS == {FAULTS[name]}


@pytest.mark.parametrize("name", FAULTS)
def test_pictures_alone_show_two_and_annotations_a_third(name: str) -> None:
    checks = ["answers", "expected", "scores", "names", "colours", "boxes"]
    assert wrong(name, "", checks) == ({FAULTS[name]} if not NEEDS[name] else set())
    if NEEDS[name] == "annotations":
        assert wrong(name, "annotations", ["answers", "names"]) == {FAULTS[name]}
