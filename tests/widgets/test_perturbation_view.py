"""What is sent of a perturbation path."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import stub
from stub_maps import stub_maps

import detxai_nb as dx
from detxai_nb.metrics import DetectionCache, MapScorer, PathPlan, PerturbationSchedule, follow_path, plan_path
from detxai_nb.widgets import perturbation_view as module
from detxai_nb.widgets.perturbation_view import path_payload, shown_answers


def plan_of(maps: dx.HeatMaps, index: int, schedule: PerturbationSchedule) -> PathPlan:
    return plan_path(maps, index, -1, MapScorer.of(maps.image, maps.detections).sample, schedule, whole=False)


def test_one_object_alone_has_no_others() -> None:
    maps = stub_maps()[0]
    found = follow_path(maps, 0, plan_of(maps, 0, PerturbationSchedule()), DetectionCache(stub.Dimming()), 0.05)
    assert path_payload(found, maps.detections)["others"] == [None] * 11


def test_the_browser_can_make_every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = stub_maps()
    random = follow_path(
        maps, 0, plan_of(maps, 0, PerturbationSchedule("deletion")), DetectionCache(stub.Dimming()), 0.05
    )
    sent = path_payload(random, maps.detections)
    height, width = sent["shape"]
    changes = np.frombuffer(sent["changes"], np.uint8).reshape(height, width)
    filling = np.frombuffer(sent["filling"], np.uint8).reshape(height, width, 3)
    made = np.where((changes <= 4)[..., None], filling, maps.image)
    assert (made == random.picture(4, maps.image)).all()
    assert [a["name"] for a in sent["answers"][0]] == list(stub.NAMES)
    assert sent["matches"][0] == 0
    black = follow_path(
        maps, 0, plan_of(maps, 0, PerturbationSchedule("insertion")), DetectionCache(stub.Dimming()), 0.05
    )
    assert path_payload(black, maps.detections)["filling"] == b"\0\0\0"
    monkeypatch.setattr(module, "MOST_SAMPLES", 120 * 200 // 4)
    small = path_payload(random, maps.detections)
    assert small["shape"] == [60, 100]
    assert len(small["changes"]) * 3 == len(small["filling"])


def test_weak_answers_are_left_out_unless_they_are_the_object() -> None:
    maps = stub_maps()
    found = follow_path(maps, 2, plan_of(maps, 2, PerturbationSchedule()), DetectionCache(stub.Dimming()), 0.05)
    strict = replace(maps.detections, score_threshold=0.7)
    told, match = shown_answers(found, 0, strict)
    assert [thing["name"] for thing in told] == list(stub.NAMES)
    assert match == 2
    gone = len(found.counts) - 1
    assert found.match(gone, strict) is None
    assert shown_answers(found, gone, strict)[1] is None
    assert stub.NAMES[2] not in [thing["name"] for thing in shown_answers(found, gone, strict)[0]]
