"""Average precision: hand-computed cases, and the very figures of a plain run of pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.sample import Sample
from detxai_nb.metrics.detection import average_precision

NAMES = ("apple", "bauble")


def sample(boxes: list[list[float]], labels: list[int], crowd: list[bool] | None = None) -> Sample:
    """One picture of 40 x 100 pixels; masks fill the boxes."""
    masks = np.zeros((len(boxes), 40, 100), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[int(y1) : int(y2), int(x1) : int(x2)] = True
    return Sample(
        image=np.zeros((40, 100, 3), np.uint8),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        crowd=np.array(crowd or [False] * len(boxes), bool),
        image_id=1,
        file_name="a.png",
        names=NAMES,
        load_masks=lambda: masks,
    )


def found(boxes: list[list[float]], scores: list[float], labels: list[int]) -> Any:
    return SimpleNamespace(
        boxes=torch.tensor(boxes).reshape(-1, 4), scores=torch.tensor(scores), labels=torch.tensor(labels).long()
    )


def test_a_perfect_detector() -> None:
    boxes, labels = [[10.0, 5.0, 30.0, 25.0], [50.0, 5.0, 90.0, 15.0]], [0, 1]
    result = average_precision([sample(boxes, labels)], [found(boxes, [0.9, 0.3], labels)])
    assert [result[name] for name in ("AP", "AP50", "AP75", "AR100")] == pytest.approx([1, 1, 1, 1])
    assert result["per_class"] == pytest.approx({"apple": 1, "bauble": 1})
    assert (result["images"], result["objects"]) == (1, 2)


def test_an_overlap_of_0_62_counts_at_three_of_ten_thresholds() -> None:
    # 62 of the 100 columns: IoU 0.62 passes 0.50, 0.55 and 0.60.
    result = average_precision([sample([[0.0, 0.0, 100.0, 10.0]], [0])], [found([[0.0, 0.0, 62.0, 10.0]], [0.5], [0])])
    assert result["AP"] == pytest.approx(0.3)
    assert (result["AP50"], result["AP75"]) == (pytest.approx(1), 0)
    assert result["per_class"] == {"apple": pytest.approx(0.3)}


def test_a_false_alarm_above_the_only_hit_of_two_objects() -> None:
    truth = sample([[0.0, 0.0, 20.0, 20.0], [40.0, 0.0, 60.0, 20.0]], [0, 0])
    result = average_precision([truth], [found([[70.0, 20.0, 90.0, 40.0], [0.0, 0.0, 20.0, 20.0]], [0.9, 0.8], [0, 0])])
    # Precision 1/2 at the recalls 0, 0.01, .. 0.5: 51 of 101 points.
    assert result["AP50"] == pytest.approx(0.5 * 51 / 101)
    assert result["AR100"] == pytest.approx(0.5)


def test_the_right_box_of_the_wrong_class_is_worth_nothing() -> None:
    box = [[0.0, 0.0, 20.0, 20.0]]
    assert average_precision([sample(box, [0])], [found(box, [0.9], [1])])["AP"] == 0


def test_detections_in_a_crowd_are_neither_right_nor_wrong() -> None:
    truth = sample([[0.0, 0.0, 20.0, 20.0], [40.0, 0.0, 100.0, 40.0]], [0, 0], crowd=[False, True])
    boxes = [[50.0, 5.0, 60.0, 15.0], [70.0, 5.0, 80.0, 15.0], [0.0, 0.0, 20.0, 20.0]]
    result = average_precision([truth], [found(boxes, [0.9, 0.8, 0.7], [0, 0, 0])])
    assert result["AP"] == pytest.approx(1)
    assert result["objects"] == 1


def test_only_objects_of_the_asked_area_count() -> None:
    truth = sample([[0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 60.0, 40.0]], [0, 0])
    result = found([[20.0, 0.0, 60.0, 40.0]], [0.9], [0])
    assert average_precision([truth], [result], area="medium")["AP"] == pytest.approx(1)
    assert average_precision([truth], [result], area=(0, 400))["AP"] == 0
    assert average_precision([truth], [result], area=(0, 400))["objects"] == 1


def test_nothing_found_is_zero_and_nothing_annotated_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = found([], [], [])
    assert average_precision([sample([[0.0, 0.0, 9.0, 9.0]], [1])], [nothing])["AP"] == 0
    empty = average_precision([sample([], [])], [nothing])
    assert math.isnan(empty["AP"])
    assert empty["per_class"] == {}
    assert capsys.readouterr().out == ""


def test_category_ids_with_gaps(tmp_path: Path) -> None:
    Image.new("RGB", (100, 40)).save(tmp_path / "a.png")
    data = {
        "images": [{"id": 9, "file_name": "a.png", "height": 40, "width": 100}],
        "annotations": [{"id": 4, "image_id": 9, "category_id": 90, "bbox": [10, 5, 20, 20]}],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 3, "name": "car"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(data), encoding="utf-8")
    dataset = CocoDataset(tmp_path)
    assert average_precision(dataset, [found([[10.0, 5.0, 30.0, 25.0]], [0.5], [1])])["AP"] == pytest.approx(1)
    assert average_precision(dataset, [found([[10.0, 5.0, 30.0, 25.0]], [0.5], [0])])["AP"] == 0
    assert dataset.coco == data, "the annotations are not written to"


@pytest.mark.parametrize(
    ("results", "area", "words"),
    [
        ([], None, "one result for each of the 1 images, got 0"),
        ([found([[0.0, 0.0, 1.0, 1.0]], [0.5], [2])], None, "labels are 0 to 1"),
        ([found([[0.0, 0.0, 1.0, 1.0]], [0.5, 0.4], [1])], None, "expected boxes \\[N,4\\]"),
        ([found([], [], [])], "huge", "unknown area 'huge'; known: all, small"),
        ([found([], [], [])], (5, 3), "lowest < highest"),
    ],
)
def test_errors(results: list[Any], area: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        average_precision([sample([[0.0, 0.0, 9.0, 9.0]], [1])], results, area)


def test_the_figures_of_pycocotools_on_real_annotations(shared: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    dataset = CocoDataset(shared / "data" / "coco-mini")
    generator = np.random.Generator(np.random.PCG64(0))
    label = {number: label for label, number in enumerate(dataset.category_ids)}
    results, rows = [], []
    for image in dataset.coco["images"]:
        own = [a for a in dataset.coco["annotations"] if a["image_id"] == image["id"] and generator.random() < 0.8]
        boxes = np.array([a["bbox"] for a in own], float).reshape(-1, 4) * generator.uniform(0.85, 1.15, (len(own), 4))
        scores = generator.random(len(own))
        for annotation, box, score in zip(own, boxes, scores, strict=True):
            row = {"image_id": image["id"], "category_id": annotation["category_id"]}
            rows.append({**row, "bbox": box.tolist(), "score": float(score)})
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
        labels = np.array([label[a["category_id"]] for a in own], int)
        results.append(SimpleNamespace(boxes=corners, scores=scores, labels=labels))
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO(shared / "data" / "coco-mini" / "instances.json")
        evaluation = COCOeval(reference, reference.loadRes(rows), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ours = average_precision(dataset, results)
    small = average_precision(dataset, results, area="small")
    figures = [ours["AP"], ours["AP50"], ours["AP75"], small["AP"], ours["AR100"]]
    np.testing.assert_allclose(figures, evaluation.stats[[0, 1, 2, 3, 8]], atol=1e-6)
    assert 0.1 < ours["AP"] < 0.9


def test_classes_are_matched_by_name() -> None:
    boxes = [[10.0, 5.0, 30.0, 25.0], [50.0, 5.0, 90.0, 15.0], [0.0, 0.0, 9.0, 9.0]]
    own = found(boxes, [0.9, 0.8, 0.7], [2, 1, 3])
    own.names = ("__background__", "bauble", "apple", "pear")
    result = average_precision([sample(boxes[:2], [0, 1])], [own])
    assert result["AP"] == pytest.approx(1)
    own.names = ("w", "x", "y", "z")
    with pytest.raises(ValueError, match="no name in common"):
        average_precision([sample(boxes[:2], [0, 1])], [own])
