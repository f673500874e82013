"""Detections from other libraries and for them, there and back, and what is refused at the door."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.types import Detections

NAMES = ("__background__", "cat", "dog", "tree frog")
SIZE = (48, 64)


def some(**changed: Any) -> Detections:
    """Three detections with everything that a detector of this package says."""
    fields: dict[str, Any] = {
        "boxes": torch.tensor([[1.25, 2, 30.5, 40], [5, 6, 7, 8], [0, 0, 64, 48]], dtype=torch.float32),
        "scores": torch.tensor([0.9, 0.5, 0.25]),
        "labels": torch.tensor([3, 1, 3]),
        "names": NAMES,
        "class_scores": torch.tensor([[0, 0.1, 0.2, 0.9], [0, 0.5, 0.2, 0.1], [0, 0.2, 0.2, 0.25]]),
        "objectness": torch.tensor([0.95, 0.6, 0.3]),
        "origins": torch.tensor([[0, 4, 5], [1, 2, 3], [2, 0, 1]]),
        "origin_fields": ("level", "row", "column"),
        "image_size": SIZE,
        "numbers": torch.tensor([0, 2, 5]),
    }
    return Detections(**{**fields, **changed})


def result(**changed: Any) -> dict[str, Any]:
    """What torchvision returns for one image, unsorted and reaching over the edge."""
    fields = {
        "boxes": torch.tensor([[5.0, 6, 7, 8], [-3, 2, 30.5, 50], [0, 0, 64, 48]]),
        "scores": torch.tensor([0.5, 0.9, 0.25]),
        "labels": torch.tensor([1, 3, 2]),
        "masks": torch.zeros(3, 1, 48, 64),
    }
    return {name: value for name, value in {**fields, **changed}.items() if value is not None}


def assert_same(first: Detections, second: Detections, *fields: str) -> None:
    for name in ("boxes", "scores", "labels", *fields):
        one, other = getattr(first, name), getattr(second, name)
        assert one.dtype == other.dtype, name
        assert torch.equal(one, other), name


def test_torchvision_is_sorted_and_clipped_and_named() -> None:
    found = Detections.from_torchvision(result(), NAMES, image_size=SIZE)
    assert found.scores.tolist() == pytest.approx([0.9, 0.5, 0.25])
    assert found.label_names() == ["tree frog", "cat", "dog"]
    assert found.boxes[0].tolist() == [0, 2, 30.5, 48]
    assert (found.image_size, found.numbers.tolist()) == (SIZE, [0, 1, 2])
    unknown = Detections.from_torchvision(result(), NAMES)
    assert unknown.boxes[0].tolist() == [-3, 2, 30.5, 50], "clipped only where the size is known"
    assert unknown.image_size is None


def test_torchvision_takes_what_its_own_detectors_return() -> None:
    detector = dx.load_detector("tiny-faster-rcnn", device="cpu")
    image = dx.data.scenes.make(1, seed=1).image
    module: Any = detector.module
    tensor = torch.from_numpy(image).permute(2, 0, 1) / 255
    with torch.no_grad():
        returned = module.eval()([tensor])[0]
    assert len(returned["boxes"])
    found = Detections.from_torchvision(returned, detector.names, image_size=image.shape[:2])
    own = detector.detect([image], score_threshold=0.0)[0]
    assert found.label_names() == own.label_names()[: len(found)]
    torch.testing.assert_close(found.boxes, own.boxes[: len(found)], atol=0.05, rtol=0)


def test_results_of_transformers_have_the_same_form() -> None:
    from transformers import DetrImageProcessor
    from transformers.models.detr.modeling_detr import DetrObjectDetectionOutput

    logits = torch.full((1, 2, 3), -9.0)
    logits[0, 0, 1], logits[0, 1, 0] = 9, 9
    boxes = torch.tensor([[[0.5, 0.5, 0.5, 0.5], [0.25, 0.5, 0.5, 1]]])
    outputs = DetrObjectDetectionOutput(logits=logits, pred_boxes=boxes)
    (returned,) = DetrImageProcessor().post_process_object_detection(outputs, target_sizes=[SIZE])
    found = Detections.from_torchvision(returned, {0: "cat", 1: "dog"}, image_size=SIZE)
    assert sorted(found.label_names()) == ["cat", "dog"]
    assert found[found.label_names().index("dog")].boxes[0].tolist() == [16, 12, 48, 36]


@pytest.mark.parametrize(
    ("changed", "names", "size", "error", "words"),
    [
        ({}, NAMES[1:], SIZE, ValueError, r"torchvision's label 1 is 3; labels are whole numbers from 0 to 2"),
        ({"scores": None}, NAMES, SIZE, ValueError, "the result has no scores.*from_boxes"),
        ({"scores": torch.tensor([0.5, 9, 0.1])}, NAMES, SIZE, ValueError, r"scores are probabilities in 0\.\.1"),
        ({"scores": torch.tensor([0.5, 0.1])}, NAMES, SIZE, ValueError, r"expected \[3\] for 3 boxes"),
        ({"scores": "high"}, NAMES, SIZE, ValueError, "scores are no tensor, array or list of numbers"),
        ({"labels": torch.tensor([0, 1.5, 2])}, NAMES, SIZE, ValueError, r"label 1 is 1\.5"),
        ({"boxes": torch.tensor([[5.0, 6, 2, 2]] * 3)}, NAMES, SIZE, ValueError, r"not \(x, y, width, height\)"),
        ({"boxes": torch.rand(3, 2).repeat(1, 2)}, NAMES, SIZE, ValueError, "shares of the image's size"),
        ({"boxes": torch.full((3, 4), torch.nan)}, NAMES, SIZE, ValueError, "boxes hold NaN"),
        ({"boxes": torch.tensor([[70.0, 6, 90, 9]] * 3)}, NAMES, SIZE, ValueError, r"outside the image of 64x48"),
        ({}, NAMES, (0, 4), ValueError, "each at least 1"),
        ({}, NAMES, (64.0, 48), TypeError, "in whole pixels"),
        ({}, NAMES, np.zeros((48, 64, 3)), TypeError, r"image\.shape\[:2\]; got something of shape \[48, 64, 3\]"),
        ({}, "cat", SIZE, TypeError, "a single text"),
    ],
)
def test_what_cannot_be_is_refused(changed: Any, names: Any, size: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Detections.from_torchvision(result(**changed), names, image_size=size)


def test_nothing_found_is_nothing() -> None:
    nothing = {"boxes": [], "scores": [], "labels": []}
    found = Detections.from_torchvision(nothing, NAMES, image_size=SIZE)
    assert (len(found), found.boxes.shape, found.labels.dtype) == (0, (0, 4), torch.int64)
    assert found.to_coco(1, {}) == []


def test_a_list_of_results_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match=r"take one, such as results\[0\]"):
        Detections.from_torchvision([result()], NAMES)
    with pytest.raises(TypeError, match=r"a list of 2, one for each image: take one"):
        Detections.from_supervision([1, 2])
    with pytest.raises(TypeError, match=r"take one, such as results\[0\]"):
        Detections.from_ultralytics([1])
    with pytest.raises(TypeError, match="the result of one image, got a dict"):
        Detections.from_ultralytics({})


def test_ultralytics_results_bring_names_and_size() -> None:
    results = pytest.importorskip("ultralytics.engine.results")
    rows = torch.tensor([[5.0, 6, 7, 8, 0.5, 0], [1, 2, 30, 40, 0.9, 2]])
    one = results.Results(np.zeros((*SIZE, 3), np.uint8), "a.png", {0: "cat", 1: "dog", 2: "frog"}, boxes=rows)
    found = Detections.from_ultralytics(one)
    assert (found.names, found.image_size) == (("cat", "dog", "frog"), SIZE)
    assert found.label_names() == ["frog", "cat"]
    assert found.boxes.tolist() == [[1, 2, 30, 40], [5, 6, 7, 8]]
    none = results.Results(np.zeros((*SIZE, 3), np.uint8), "a.png", {0: "cat"}, probs=torch.tensor([1.0]))
    with pytest.raises(ValueError, match="this result has no boxes"):
        Detections.from_ultralytics(none)


@pytest.fixture(scope="module")
def supervision() -> Any:
    return pytest.importorskip("supervision", reason="supervision, the other side of the exchange, is not installed")


def test_there_and_back_through_supervision(supervision: Any) -> None:
    whole = some()
    there = whole.to_supervision()
    assert isinstance(there, supervision.Detections)
    assert there.xyxy.tolist() == whole.boxes.tolist()
    assert there.class_id.tolist() == [3, 1, 3]
    assert there["class_name"].tolist() == ["tree frog", "cat", "tree frog"]
    back = Detections.from_supervision(there, NAMES, image_size=SIZE)
    assert_same(back, whole, "class_scores", "objectness", "origins", "numbers")
    assert (back.names, back.image_size, back.origin_fields) == (NAMES, SIZE, ("level", "row", "column"))


def test_supervision_may_pick_and_sort_in_between(supervision: Any) -> None:
    there = some().to_supervision()
    back = Detections.from_supervision(there[[2, 0]], NAMES)
    assert_same(back, some()[[0, 2]], "class_scores", "objectness", "origins", "numbers")
    both = supervision.Detections.merge([there[[1]], there[[0]]])
    assert_same(Detections.from_supervision(both, NAMES), some()[[0, 1]], "origins", "numbers")
    unnamed = some(origin_fields=()).to_supervision()
    assert_same(Detections.from_supervision(unnamed, NAMES), some(), "origins")
    assert len(Detections.from_supervision(there[there.confidence > 2], NAMES)) == 0
    assert len(Detections.from_supervision(supervision.Detections.empty(), NAMES)) == 0
    assert len(Detections.from_supervision(supervision.Detections.empty())) == 0


def test_what_supervision_filtered_can_be_explained(supervision: Any) -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    image = dx.data.scenes.make(1, seed=1).image
    found = detector.detect([image])[0]
    there = found.to_supervision()
    own = Detections.from_supervision(there[there.area > np.median(there.area)], detector.names, image_size=(256, 320))
    assert 0 < len(own) < len(found)
    maps, same = (dx.explain(detector, image, picked) for picked in (own, found[own.numbers]))
    assert torch.equal(maps.values, same.values)


def test_names_of_supervision_are_taken_and_compared(supervision: Any) -> None:
    there = some(class_scores=None).to_supervision()
    own = Detections.from_supervision(there)
    assert own.names == ("class 0", "cat", "class 2", "tree frog")
    with pytest.raises(ValueError, match=r"class 3 is called 'tree frog', and names\[3\] is 'dog'.*background"):
        Detections.from_supervision(there, ("a", "cat", "frog", "dog"))
    with pytest.raises(ValueError, match=r"scores of 4 classes, and 5 names are known; hand in names=detector\.names"):
        Detections.from_supervision(some().to_supervision(), (*NAMES, "more"))
    there.class_id = np.array([1, 1, 3])
    with pytest.raises(ValueError, match="class 1 is called both 'tree frog' and 'cat'"):
        Detections.from_supervision(there)
    there.class_id = None
    assert Detections.from_supervision(there).names == ("tree frog", "cat")
    assert Detections.from_supervision(there, NAMES).labels.tolist() == [3, 1, 3]
    there.data = {}
    with pytest.raises(ValueError, match="neither class_id nor"):
        Detections.from_supervision(there)
    there.class_id = np.array([0, 1, 2])
    with pytest.raises(ValueError, match="hand in names"):
        Detections.from_supervision(there)
    there.confidence = None
    with pytest.raises(ValueError, match=r"no confidence.*from_boxes"):
        Detections.from_supervision(there, NAMES)


def test_a_missing_library_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ImportError, match="pip install supervision"):
        some().to_supervision()


def test_anything_else_is_no_supervision() -> None:
    with pytest.raises(TypeError, match=r"takes the supervision\.Detections of one image, got a SimpleNamespace"):
        Detections.from_supervision(SimpleNamespace(xyxy=np.zeros((0, 4))))


def test_coco_results_are_what_pycocotools_evaluates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    path = dx.data.scenes.write_coco(tmp_path / "scenes", count=2, seed=1)
    dataset = dx.data.coco.CocoDataset(path)
    rows = []
    for entry, sample in zip(dataset.coco["images"], dataset):
        scores = torch.linspace(0.9, 0.1, len(sample.labels))
        boxes, labels = torch.as_tensor(sample.boxes).float(), torch.as_tensor(sample.labels).long()
        found = Detections(boxes, scores, labels, dataset.names)
        rows += found.to_coco(entry["id"], dataset.coco["categories"])
        by_name = dict(zip(dataset.names, dataset.category_ids))
        assert found.to_coco(entry["id"], by_name) == found.to_coco(np.int64(entry["id"]), dataset.coco["categories"])
    assert json.loads(json.dumps(rows)) == rows
    truth = COCO(str(dataset.path))
    judged = COCOeval(truth, truth.loadRes(rows), "bbox")
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    capsys.readouterr()
    assert judged.stats[0] == pytest.approx(1.0)


def test_coco_boxes_are_corner_width_and_height() -> None:
    first, *_ = some().to_coco("a", {"tree frog": 9, "cat": 2})
    assert first == {
        "image_id": "a",
        "category_id": 9,
        "bbox": [1.25, 2.0, 29.25, 38.0],
        "score": pytest.approx(0.9),
    }


@pytest.mark.parametrize(
    ("image_id", "categories", "error", "words"),
    [
        (1.5, {"cat": 1}, TypeError, "image_id is a whole number or a text"),
        (True, {"cat": 1}, TypeError, "image_id is"),
        (1, {"cat": 1}, ValueError, "no class 'tree frog'"),
        (1, {"Tree frog": 1, "cat": 2}, ValueError, "writes 'tree frog' in other capitals"),
        (
            1,
            [{"name": "cat", "id": 1}, {"name": "cat", "id": 2}],
            ValueError,
            "two categories are called 'cat', 1 and 2",
        ),
        (1, [{"name": "cat", "id": "1"}], TypeError, "a text with a whole number, got 'cat' with '1'"),
        (1, ["cat"], TypeError, r"categories are \{name: number\}"),
        (1, 7, TypeError, r"categories are \{name: number\}"),
    ],
)
def test_coco_categories_have_to_fit(image_id: Any, categories: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        some().to_coco(image_id, categories)
