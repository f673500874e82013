"""Which objects are measured, and that every annotation is accounted for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_evaluation import annotated

from detxai_nb.data.sample import Sample
from detxai_nb.evaluation import PROTOCOLS, Protocol, select
from detxai_nb.evaluation.selection import find_protocol, unknown_classes
from detxai_nb.types import Detections

IMAGE = np.zeros((60, 100, 3), np.uint8)


def detections(rows: list[tuple[list[float], float, int]], names: tuple[str, ...] = ("cat", "dog")) -> Detections:
    rows = sorted(rows, key=lambda row: -row[1])
    boxes = torch.tensor([box for box, _, _ in rows]).view(-1, 4)
    return Detections(boxes, torch.tensor([s for _, s, _ in rows]), torch.tensor([n for _, _, n in rows]).long(), names)


def scene() -> tuple[Detections, Sample]:
    """Two cats, a dog that nobody sees, a crowd of dogs, and a bird that the detector has never heard of."""
    boxes = [[0.0, 0, 20, 20], [30.0, 0, 50, 20], [60.0, 0, 80, 20], [0.0, 30, 90, 60], [84.0, 0, 99, 9]]
    sample = annotated(
        IMAGE, boxes, [0, 0, 1, 1, 2], crowd=[False, False, False, True, False], names=("cat", "dog", "bird")
    )
    found = detections(
        [
            ([0.0, 0, 20, 19], 0.5, 0),  # IoU 0.95 with the first cat
            ([30.0, 0, 50, 14], 0.9, 0),  # IoU 0.7 with the second
            ([0.0, 0, 20, 20], 0.35, 0),  # the first cat once more
            ([0.0, 30, 90, 60], 0.8, 1),  # the crowd
        ]
    )
    return found, sample


def test_default_rule_takes_one_detection_an_annotation_and_counts_the_rest() -> None:
    chosen = select(*scene(), PROTOCOLS["default"])
    assert chosen.annotations.tolist() == [1, 0]
    assert chosen.detections.scores.tolist() == pytest.approx([0.9, 0.5])
    assert chosen.left_out == {"marked as crowd": 1, "class unknown to the detector": 1, "not detected": 1}
    assert chosen.unknown == ("bird",)


@pytest.mark.parametrize("name", [*PROTOCOLS, "strict", "nothing"])
def test_every_annotation_is_measured_or_has_one_reason(name: str) -> None:
    own = {
        "strict": Protocol("strict", iou=0.6, score=0.6, at_least=3, at_most=4),
        "nothing": Protocol("x", score=0.99),
    }
    found, sample = scene()
    chosen = select(found, sample, own.get(name) or PROTOCOLS[name])
    assert len(chosen.detections) == len(chosen.annotations)
    assert len(chosen.annotations) + sum(chosen.left_out.values()) == len(sample)


def test_odam_rule_wants_tight_boxes() -> None:
    chosen = select(*scene(), PROTOCOLS["odam"])
    assert chosen.annotations.tolist() == [0]
    assert chosen.left_out["detected, box too loose"] == 1
    assert chosen.left_out["not detected"] == 1


def test_difference_rule_wants_company() -> None:
    found, sample = scene()
    assert select(found, sample, PROTOCOLS["difference"]).annotations.tolist() == [1, 0]
    alone = select(found[found.scores > 0.6], sample, PROTOCOLS["difference"])
    assert len(alone.detections) == 0
    assert alone.left_out["too few in the image"] == 1


def test_best_rule_takes_the_highest_score() -> None:
    chosen = select(*scene(), PROTOCOLS["best"])
    assert chosen.annotations.tolist() == [1]
    assert chosen.left_out["not among the best of the image"] == 1


def test_the_score_must_be_above_the_protocols() -> None:
    found, sample = scene()
    limit = float(found.scores[1])
    assert limit == pytest.approx(0.8)
    assert select(found, sample, Protocol("x", score=limit)).annotations.tolist() == [1]


def test_nothing_annotated_or_nothing_found() -> None:
    found, sample = scene()
    empty = select(found, annotated(IMAGE, [], []), PROTOCOLS["default"])
    assert (len(empty.detections), empty.left_out) == (0, {})
    blind = select(detections([]), sample, PROTOCOLS["default"])
    assert blind.left_out["not detected"] == 3


def test_protocols_are_checked() -> None:
    assert find_protocol("odam") is PROTOCOLS["odam"]
    own = Protocol("mine", iou=0.75)
    assert find_protocol(own) is own
    with pytest.raises(ValueError, match="unknown protocol 'coco'; known: default, odam, difference"):
        find_protocol("coco")
    with pytest.raises(TypeError, match="a protocol is a name"):
        find_protocol(0.5)  # type: ignore[arg-type]
    for wrong in ({"iou": 0.4}, {"score": 1.0}, {"at_least": 0}, {"at_least": 3, "at_most": 2}):
        with pytest.raises(ValueError, match=f"{list(wrong)[-1]} of a protocol"):
            Protocol("wrong", **wrong)  # type: ignore[arg-type]


def test_classes_that_the_detector_does_not_know() -> None:
    assert unknown_classes(("cat", "bird"), ("dog", "cat")) == ("bird",)
    assert unknown_classes((), ("dog",)) == ()
    with pytest.raises(ValueError, match=r"\(dog, ...\) and the dataset's \(cat, bird, ...\) have no name in common"):
        unknown_classes(("cat", "bird"), ("dog",))


def test_each_annotated_class_of_a_classifier_is_one_object() -> None:
    _, sample = scene()
    whole = [0.0, 0, 100, 60]
    names = ("tabby", "dog", "cat", "fish")
    rows = [(whole, score, label) for label, score in enumerate((0.5, 0.02, 0.3, 0.18))]
    found = replace(detections(rows, names), origins=torch.zeros(4, 1, dtype=torch.int64), origin_fields=("class",))
    chosen = select(found, sample, PROTOCOLS["classes"])
    assert [(names[n], a) for n, a in zip(chosen.detections.labels.tolist(), chosen.annotations.tolist())] == [
        ("cat", 0),
        ("dog", 2),
    ]
    assert chosen.left_out == {
        "marked as crowd": 1,
        "class unknown to the detector": 1,
        "measured together with another of its class": 1,
    }
    assert chosen.unknown == ("bird",)
    mapped = select(found, sample, Protocol("mine", score=0.1, classes={"cat": ("cat", "tabby"), "bird": "fish"}))
    assert mapped.detections.label_names() == ["tabby", "fish"]
    assert mapped.annotations.tolist() == [0, 4]
    assert mapped.unknown == ()
    assert mapped.left_out["not detected"] == 1
    for kept in (chosen, mapped):
        assert len(kept.annotations) + sum(kept.left_out.values()) == len(sample)


def test_mapped_names_are_checked_against_both_sides() -> None:
    assert unknown_classes(("cat", "bird"), ("tabby",), {"cat": "tabby"}) == ("bird",)
    with pytest.raises(ValueError, match="has no class 'tabbi'; did you mean 'tabby'"):
        unknown_classes(("cat", "bird"), ("tabby",), {"cat": "tabbi"})
    with pytest.raises(TypeError, match="class names are mapped by a dict"):
        Protocol("wrong", classes=["cat"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'cat' is mapped to no name"):
        Protocol("wrong", classes={"cat": ()})
