"""Why objects were missed: by hand, with planted faults, and that every miss has exactly one cause."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from made_up_detector import FAULTS, MadeUpDetector

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.metrics import match
from detxai_nb.misses import CAUSES
from detxai_nb.misses.evidence import collect
from detxai_nb.misses.sharing import share_out

SCENES = int(os.environ.get("DETXAI_NB_FUZZ", 4))
NAMES = ("cat", "dog", "owl")


def sample_of(boxes: Any, labels: Any, crowd: Any = None, names: tuple[str, ...] = NAMES) -> Sample:
    """A black picture of 200x200 pixels with these annotations."""
    found = np.array(boxes, np.float32).reshape(-1, 4)
    flags = np.zeros(len(found), bool) if crowd is None else np.array(crowd, bool)
    image = np.zeros((200, 200, 3), np.uint8)
    return Sample(image, found, np.array(labels, np.int64), flags, 1, "a.png", names, lambda: np.zeros((0, 200, 200)))


def answering(boxes: Any, scores: Any, labels: Any) -> Any:
    """A black box that always answers the same."""
    return dx.wrap_predict(lambda image: (boxes, scores, labels), NAMES)


def cause_of(boxes: Any, scores: Any, labels: Any, **options: Any) -> Any:
    """The one miss of a cat at (50, 50) to (100, 100), as a row."""
    sample = sample_of([[50, 50, 100, 100]], [0])
    report = dx.misses.explain_misses(answering(boxes, scores, labels), sample, **options)
    assert len(report) == 1
    return report.misses.iloc[0]


@pytest.mark.parametrize(
    ("boxes", "scores", "labels", "cause", "score", "iou"),
    [
        ([], [], [], "proposal", np.nan, np.nan),
        ([[150, 150, 180, 180]], [0.9], [0], "proposal", np.nan, np.nan),
        ([[50, 50, 100, 96]], [0.2], [0], "background", 0.2, 0.92),
        ([[50, 50, 100, 96]], [0.2], [1], "background", np.nan, 0.92),
        ([[50, 50, 100, 96]], [0.04], [0], "proposal", np.nan, np.nan),  # below the floor
        ([[50, 50, 100, 96]], [0.8], [1], "confused", np.nan, 0.92),
        ([[50, 50, 100, 70]], [0.8], [0], "regressor", 0.8, 0.4),
        ([[50, 50, 100, 70]], [0.1], [2], "regressor", np.nan, 0.4),
        ([[50, 50, 100, 54]], [0.8], [0], "proposal", np.nan, np.nan),  # an IoU of 0.08
        # The higher score of a sure box of another class and a sure loose box decides.
        ([[50, 50, 100, 96], [50, 50, 100, 70]], [0.8, 0.5], [1, 0], "confused", np.nan, 0.92),
        ([[50, 50, 100, 96], [50, 50, 100, 70]], [0.5, 0.8], [1, 0], "regressor", 0.8, 0.4),
        # A sure loose box comes before a fitting box that is not sure, a loose one that is not sure after it.
        ([[50, 50, 100, 96], [50, 50, 100, 70]], [0.1, 0.8], [0, 0], "regressor", 0.8, 0.4),
        ([[50, 50, 100, 96], [50, 50, 100, 70]], [0.1, 0.2], [0, 0], "background", 0.1, 0.92),
    ],
)
def test_the_answers_of_a_black_box_say_why(
    boxes: Any, scores: Any, labels: Any, cause: str, score: float, iou: float
) -> None:
    row = cause_of(boxes, scores, labels)
    assert row["cause"] == cause
    assert (row["score"], row["iou"]) == (pytest.approx(score, nan_ok=True), pytest.approx(iou, nan_ok=True))


def test_what_is_a_neighbours_is_not_an_objects_own() -> None:
    """A dog is detected beside a cat: its box fits the cat too, but says nothing about the cat."""
    sample = sample_of([[50, 50, 100, 100], [50, 50, 100, 120]], [0, 1])
    boxes = [[50, 50, 100, 120], [50, 52, 100, 119]]
    report = dx.misses.explain_misses(answering(boxes, [0.9, 0.6], [1, 2]), sample)
    assert report.misses["annotation"].tolist() == [0]
    assert report.misses["cause"].tolist() == ["proposal"]


def test_boxes_without_an_area_are_of_nobody() -> None:
    sample = sample_of([[50, 50, 100, 100], [10, 10, 10, 20]], [0, 0])
    boxes = [[50, 50, 100, 96], [10, 10, 10, 20]]
    report = dx.misses.explain_misses(answering(boxes, [0.2, 0.2], [0, 0]), sample)
    assert report.misses["cause"].tolist() == ["background", "proposal"]


def test_a_rule_around_a_detector_has_thresholds_of_its_own() -> None:
    samples = list(dx.data.scenes.Scenes(1, seed=4, mode="one-class-crowd", width=192, height=160))
    harsh = dx.nms.NmsDetector(opened("tiny-fcos"), dx.nms.GreedyNms(0.15), max_detections=50)
    report = dx.misses.explain_misses(harsh, samples)
    assert (report.settings["nms_threshold"], report.settings["max_detections"]) == (None, 50)
    assert report.settings["seen_before"]


def test_two_objects_and_one_box_for_both() -> None:
    sample = sample_of([[50, 50, 100, 100], [50, 50, 100, 110]], [0, 0])
    report = dx.misses.explain_misses(answering([[50, 50, 100, 109]], [0.9], [0]), sample)
    row = report.misses.iloc[0]
    assert (row["annotation"], row["cause"], row["own"], row["neighbour"]) == (0, "shared", False, 0)
    assert row["neighbour_iou"] == pytest.approx(1)


def test_annotations_of_unknown_classes_and_of_crowds() -> None:
    sample = sample_of([[50, 50, 100, 100], [0, 0, 9, 9]], [1, 0], crowd=[False, True], names=("cat", "yak"))
    report = dx.misses.explain_misses(answering([[50, 50, 100, 100]], [0.9], [1]), sample)
    assert report.misses["cause"].tolist() == ["unknown class"]
    assert "1 annotations marked as crowd" in " ".join(report.notes)
    named = dx.misses.explain_misses(answering([[50, 50, 100, 100]], [0.9], [1]), sample, classes={"yak": "dog"})
    assert len(named) == 0


def test_boxes_are_shared_out_among_crowded_objects_by_class_and_place() -> None:
    """A cat and a dog side by side: boxes shifted onto the neighbour stay their own, swapped classes as well."""
    sample = sample_of([[50, 50, 100, 100], [70, 50, 120, 100]], [0, 1])
    shifted = dx.misses.explain_misses(answering([[75, 50, 125, 100], [95, 50, 145, 100]], [0.9, 0.8], [0, 1]), sample)
    assert shifted.misses["cause"].tolist() == ["regressor", "regressor"]
    assert shifted.misses["candidate_x1"].tolist() == [75, 95]
    swapped = dx.misses.explain_misses(answering([[50, 50, 100, 100], [70, 50, 120, 100]], [0.9, 0.8], [1, 0]), sample)
    assert swapped.misses["cause"].tolist() == ["confused", "confused"]
    assert swapped.misses["candidate_x1"].tolist() == [50, 70]


def test_sharing_out_is_as_good_as_trying_every_way() -> None:
    random = np.random.default_rng(0)
    for number in range(int(os.environ.get("DETXAI_NB_FUZZ", 60))):
        weights = random.random((random.integers(0, 5), random.integers(0, 5))) * (number % 3 > 0)
        weights = np.round(weights * (random.random(weights.shape) < 0.7), 1 if number % 2 else 9)
        rows, columns = weights.shape
        ways = permutations([*range(rows), *[-1] * columns], columns)
        best = max(sum(weights[row, column] for column, row in enumerate(way) if row >= 0) for way in set(ways))
        found = share_out(weights)
        taken = found[found >= 0].tolist()
        assert len(taken) == len(set(taken))
        assert weights[found[found >= 0], np.flatnonzero(found >= 0)].sum() == pytest.approx(best)
        assert (weights[found[found >= 0], np.flatnonzero(found >= 0)] > 0).all()
    for bad in (np.zeros(3), np.array([[np.nan]]), np.array([[-1.0]])):
        with pytest.raises(ValueError, match="finite numbers"):
            share_out(bad)


def test_where_the_number_of_detections_is_full_a_loose_neighbour_removed_nothing() -> None:
    sample = sample_of([[20, 20, 80, 80], [36, 20, 96, 80], [150, 150, 190, 190]], [0, 0, 1])
    full = MadeUpDetector([sample], max_detections=1)
    assert dx.misses.explain_misses(full, [sample]).misses["cause"].tolist() == ["over the limit", "over the limit"]


def test_suppression_names_the_detection_that_removed_the_box() -> None:
    samples = [sample_of([[20, 20, 80, 80], [50, 20, 110, 80]], [0, 0])]
    healthy, faulty = (MadeUpDetector(samples, nms_threshold=one) for one in (0.6, 0.2))
    assert len(dx.misses.explain_misses(healthy, samples)) == 0
    row = dx.misses.explain_misses(faulty, samples).misses.iloc[0]
    assert (row["cause"], row["annotation"], row["neighbour"], row["own"]) == ("suppressed", 1, 0, True)
    assert row["neighbour_iou"] == pytest.approx(1 / 3)
    assert row["origin"] == "level 2, cell 0, number 1"


@cache
def scenes_of(mode: str) -> list[Sample]:
    return list(dx.data.scenes.Scenes(max(SCENES, 6), seed=4, mode=mode))


def causes_of(detector: Any, samples: list[Sample]) -> dict[tuple[int, int], str]:
    misses = dx.misses.explain_misses(detector, samples).misses
    return dict(zip(zip(misses["image"], misses["annotation"]), misses["cause"]))


@cache
def missed_by_the_healthy(mode: str) -> dict[tuple[int, int], str]:
    return causes_of(MadeUpDetector(scenes_of(mode)), scenes_of(mode))


def mode_of(mode: str, cause: str) -> str:
    """Only where one class crowds are there enough neighbours that suppression could remove."""
    return "one-class-crowd" if cause == "suppressed" else mode


@pytest.mark.parametrize("planted", FAULTS)
@pytest.mark.parametrize("mode", ["plain", "tiny", "crowd"])
def test_a_planted_fault_is_named(planted: str, mode: str) -> None:
    """Of the objects that are missed for the fault alone, at least 95% have the cause that was planted."""
    settings, cause = FAULTS[planted]
    samples = scenes_of(mode_of(mode, cause))
    missed = causes_of(MadeUpDetector(samples, **settings), samples)
    counts = Counter(name for key, name in missed.items() if key not in missed_by_the_healthy(mode_of(mode, cause)))
    assert counts[cause] >= max(1, 0.95 * counts.total()), counts


@cache
def opened(name: str) -> Any:
    return dx.load_detector(name, device="cpu")


FAMILIES = ("tiny-fcos", "tiny-retinanet", "tiny-faster-rcnn", "tiny-yolox", "tiny-detr")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_miss_has_exactly_one_cause(name: str) -> None:
    if name == "tiny-detr":
        pytest.importorskip("transformers")
    detector = opened(name)
    for mode in ("tiny", "crowd"):
        samples = [
            dx.data.scenes.Scenes(SCENES, seed=9, mode=mode, width=192, height=160)[i] for i in range(SCENES // 2)
        ]
        report = dx.misses.explain_misses(detector, samples)
        wanted = []
        for number, sample in enumerate(samples):
            pairs = match(detector.detect([sample.image], 0.3)[0], sample)
            wanted += [(number, one) for one in range(len(sample)) if one not in pairs.tolist()]
        assert list(zip(report.misses["image"], report.misses["annotation"])) == wanted
        assert set(report.misses["cause"]) <= set(CAUSES)
        assert report.table()["count"].sum() == len(wanted) == len(report)


def test_candidates_of_a_two_stage_detector_are_its_proposals() -> None:
    detector, image = opened("tiny-faster-rcnn"), dx.data.scenes.make(1, mode="crowd", width=192, height=160).image
    trace = detector.trace(image)
    found = detector.proposals(trace)
    images, _ = detector.module.transform([torch.from_numpy(image).permute(2, 0, 1) / 255])
    with torch.no_grad():
        expected = detector.module.rpn(images, detector.module.backbone(images.tensors))[0][0]
    assert torch.allclose(trace.placement.boxes_to_image(expected, clip=True), found, atol=1e-3)
    evidence = collect(detector, image, 0.3, 0.05)
    assert len(evidence.candidates) == len(found) * (len(detector.names) - 1)
    assert evidence.leading.sum() == len(found)
    reported = evidence.reported
    assert sorted(reported[reported >= 0].tolist()) == list(range(len(evidence.detections)))
    with pytest.raises(ValueError, match="another's"):
        detector.proposals(opened("tiny-fcos").trace(image))


def test_what_speaks_for_a_missed_object_is_a_signed_map_of_its_class() -> None:
    detector = opened("tiny-fcos")
    data = dx.data.scenes.Scenes(2, seed=9, mode="crowd", width=192, height=160)
    report = dx.misses.explain_misses(detector, data)
    row = int(np.flatnonzero(report.misses["cause"] == "background")[0])
    told = report.misses.iloc[row]
    maps = dx.misses.explain_candidate(detector, data, report, row)
    assert maps.signed
    assert (
        maps.detections.boxes[0].tolist()
        == told[["candidate_x1", "candidate_y1", "candidate_x2", "candidate_y2"]].tolist()
    )
    assert detector.names[maps.target.label] == told["label"]
    scalar = detector.trace(data[told["image"]].image).scalars(maps.detections, maps.target)
    assert float(scalar) <= 0.3
    own = told["predicted"] == told["label"]
    assert not own or float(scalar) == pytest.approx(told["score"], abs=1e-4)
    with pytest.raises(IndexError, match="no number 999"):
        report.candidate(999)
    empty = dx.misses.explain_misses(answering([], [], []), sample_of([[50, 50, 100, 100]], [0]))
    with pytest.raises(ValueError, match=r"miss 0 \(proposal: .* has no candidate"):
        empty.candidate(0)
