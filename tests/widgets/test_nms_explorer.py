"""The NmsExplorer without a browser: predictions, thresholds, what is kept and counted, code and pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stub
import torch
from frontend import check_traits
from PIL import Image
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.types import Detections
from detxai_nb.widgets.nms_explorer_view import outcome, truth_payload

SECONDS = 60
BOXES = torch.tensor(
    [[20.0, 15, 90, 100], [22, 15, 92, 100], [60, 15, 130, 100], [24, 20, 90, 110], [110, 40, 190, 110]]
)
SCORES = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.2])


class Crowd(stub.StubDetector):
    """Has five predictions of one class before suppression: three of an object, one of its neighbour, one apart."""

    def candidates(self, trace: Any, score_threshold: float = 0.05) -> Detections:
        return self.find(score_threshold)

    def find(self, threshold: float) -> Detections:
        keep = threshold <= SCORES
        rest = {"highest_score": 0.9, "score_threshold": threshold, "image_size": stub.SIZE}
        return Detections(BOXES[keep], SCORES[keep], torch.zeros(int(keep.sum()), dtype=torch.long), self.names, **rest)


def truth(boxes: Any = ((20, 15, 90, 100), (62, 15, 130, 100), (0, 0, 10, 10)), crowd: Any = (0, 0, 0)) -> Any:
    return dx.data.Sample(
        image=stub.photograph(),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.zeros(len(boxes), np.int64),
        crowd=np.array(crowd, bool),
        image_id=1,
        file_name="1.png",
        names=stub.NAMES,
        load_masks=lambda: np.zeros((len(boxes), *stub.SIZE), bool),
    )


@pytest.fixture
def explore() -> Iterator[Any]:
    made: list[Any] = []

    def make(detector: Any = None, image: Any = None, **options: Any) -> Any:
        photo = stub.photograph() if image is None else image
        made.append(dx.widgets.NmsExplorer(detector or Crowd(), photo, **options))
        return made[-1]

    yield make
    for widget in made:
        widget.cancel()
        widget.wait(SECONDS)
        widget.close()


def test_what_is_kept_follows_rule_and_thresholds(explore: Any) -> None:
    widget = explore(sample=truth())
    assert (widget.rule, len(widget.detections), widget.status["state"]) == ("odam-nms", 5, "idle")
    alike = widget.maps.correlation()
    assert alike[0, 1] > 0.9
    assert alike[0, 2] < 0.8
    passing = widget.detections[:4]
    for rule, made in (
        ("nms", dx.nms.GreedyNms(0.3)),
        ("soft-nms", dx.nms.SoftNms()),
        ("odam-nms", dx.nms.OdamNms(0.3, 0.5, 0.9)),
    ):
        widget.set_state({"rule": rule, "iou_threshold": 0.3, "t_low": 0.5, "t_high": 0.9})
        assert widget.suppression == made
        vectors = widget.maps[:4] if rule == "odam-nms" else None
        right = dx.nms.remove_duplicates(passing, made, vectors)
        assert torch.equal(widget.kept.boxes, right.boxes)
        assert torch.equal(widget.kept.scores, right.scores)
    widget.score_threshold = 0.85
    assert len(widget.kept) == 1


def test_thresholds_do_not_cross_and_stay_in_their_range(explore: Any) -> None:
    widget = explore()
    with pytest.raises(TraitError, match=r"t_low is at most t_high, got 0.9 and 0.8"):
        widget.t_low = 0.9
    assert widget.t_low == 0.2
    widget.set_state({"t_low": 0.9, "t_high": 0.95})
    widget.set_state({"t_high": 0.5, "t_low": 0.3})
    assert (widget.t_low, widget.t_high) == (0.3, 0.5)
    with pytest.raises(TraitError, match="low_iou is at most high_iou"):
        widget.high_iou = 0.05
    for name, wrong in (
        ("iou_threshold", 1.2),
        ("t_high", -0.1),
        ("sigma", 0),
        ("distance", float("nan")),
        ("decay", "cubic"),
    ):
        with pytest.raises(TraitError, match=name):
            setattr(widget, name, wrong)
    with pytest.raises(TraitError, match="'nms', 'soft-nms', 'odam-nms'; got 'feature-nms'"):
        widget.rule = "feature-nms"
    with pytest.raises(TraitError, match=r"score_threshold lies between 0.1 and 1"):
        widget.score_threshold = 0.05
    with pytest.raises(TraitError, match="t_low is at most t_high"):
        explore(t_low=0.7, t_high=0.4)
    with pytest.raises(TraitError, match="is None or one of 0 to 4; got 7"):
        widget.partner = 7


def test_objects_are_counted_found_lost_and_double(explore: Any) -> None:
    widget = explore(sample=truth(), rule="nms", iou_threshold=0.99)
    assert widget.counts == {
        "kept": 4,
        "removed": 0,
        "found": 2,
        "lost": 1,
        "suppressed": 0,
        "double": 2,
        "elsewhere": 0,
    }
    widget.iou_threshold = 0.1
    assert widget.counts == {
        "kept": 1,
        "removed": 3,
        "found": 1,
        "lost": 2,
        "suppressed": 1,
        "double": 0,
        "elsewhere": 0,
    }
    widget.set_state({"score_threshold": 0.1})
    assert widget.counts["elsewhere"] == 1
    assert explore(rule="nms").counts == {"kept": 2, "removed": 2}


def test_predictions_in_regions_to_ignore_are_neither_right_nor_wrong() -> None:
    sample = truth([*truth().boxes.tolist(), [100, 30, 200, 120]], (0, 0, 0, 1))
    every = Crowd().find(0.1)
    assert outcome(every, every, sample)["elsewhere"] == 0
    sent = truth_payload(every, sample)
    assert (len(sent["objects"]), sent["ignored"]) == (3, [4])
    assert [[pair[0] for pair in pairs] for pairs in sent["of"]] == [[0], [0], [1], [0], []]


def test_too_many_predictions_are_left_out_and_it_is_said(explore: Any) -> None:
    widget = explore(most=3, score_threshold=0.2)
    assert (len(widget.detections), widget.lowest_score, widget.score_threshold) == (3, 0.61, 0.61)
    assert widget.remark.startswith("The 3 best predictions are here; 2 more")
    names: dict[str, Any] = {"detector": Crowd(), "image": stub.photograph()}
    exec(widget.code, names)
    assert torch.equal(names["kept"].boxes, widget.kept.boxes)
    for wrong, error in ((0, ValueError), (1001, ValueError), (2.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="most"):
            explore(most=wrong)


@pytest.mark.parametrize("rule", ["nms", "soft-nms", "feature-nms", "odam-nms"])
def test_the_code_makes_what_is_kept(explore: Any, rule: str) -> None:
    given = torch.tensor([[0.0, 0], [0, 1], [5, 5], [0, 0.5], [9, 9]])
    for vectors in (given, lambda trace, detections: given[: len(detections)]):
        widget = explore(rule=rule, vectors=vectors, only_class="cup", iou_threshold=0.4)
        names: dict[str, Any] = {"detector": Crowd(), "image": stub.photograph(), "vectors": vectors}
        exec(widget.code, names)
        assert torch.equal(names["kept"].boxes, widget.kept.boxes)
        torch.testing.assert_close(names["kept"].scores, widget.kept.scores)
    assert widget.listed == [0, 1, 2, 3, 4]


def test_feature_vectors_have_to_fit(explore: Any) -> None:
    for wrong, error in (
        (torch.zeros(3, 2), ValueError),
        (torch.full((5, 2), float("nan")), ValueError),
        ("x", TypeError),
    ):
        with pytest.raises(error, match="vectors"):
            explore(vectors=wrong)


def test_detectors_that_suppress_nothing_are_refused_in_words(explore: Any) -> None:
    black_box = dx.wrap_predict(lambda images, threshold: [], names=stub.NAMES)
    with pytest.raises(TypeError, match="has no predictions before suppression"):
        explore(black_box)
    # With predictions of its own it can be looked at, without maps.
    found = replace(Crowd().find(0.1), names=black_box.names)
    widget = explore(black_box, detections=found)
    assert (widget.rule, widget.layer, widget.request["key"]) == ("nms", "", "")
    assert len(widget.kept) == 2
    with pytest.raises(TraitError, match="'nms', 'soft-nms'; got 'odam-nms'"):
        widget.rule = "odam-nms"


def test_annotations_of_another_photograph_are_refused(explore: Any) -> None:
    with pytest.raises(TypeError, match="a Sample; got dict"):
        explore(sample={"boxes": []})
    with pytest.raises(ValueError, match="of 40x30 pixels, this one has 200x120"):
        explore(sample=replace(truth(), image=np.zeros((30, 40, 3), np.uint8)))
    with pytest.raises(TypeError, match="'smooth' is a setting of methods"):
        explore(smooth="box")
    with pytest.raises(TypeError, match="'t_mid' is no argument"):
        explore(t_mid=0.3)


def test_maps_are_computed_beside_the_kernel_and_can_be_cancelled(
    explore: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detxai_nb.widgets.nms_explorer._AT_ONCE", 0.0)
    slow = Crowd(pause={"class": 0.3})
    widget = explore(slow)
    assert widget.status["state"] == "busy"
    assert not widget._scene().tints
    assert "not computed yet" in widget._caption()
    widget.cancel()
    assert widget.status["state"] == "idle"
    with pytest.raises(RuntimeError, match="no maps"):
        widget.maps  # noqa: B018
    widget.rule = "nms"
    assert len(widget.kept) == 2
    # The rule that needs maps has them computed again.
    widget.rule = "odam-nms"
    assert len(widget.kept) == 2


def test_maps_that_fail_are_said_and_other_rules_go_on(explore: Any) -> None:
    widget = explore(Crowd(fails={"class": "no gradient here"}))
    assert widget.status["state"] == "error"
    assert "no gradient here" in widget.status["text"]
    assert "no gradient here" in widget._caption()
    with pytest.raises(RuntimeError, match="no gradient here"):
        widget.kept  # noqa: B018
    widget.rule = "soft-nms"
    assert "Soft-NMS keeps 3 of 4" in widget._caption()


def test_where_nothing_is_found_a_lower_score_is_tried(explore: Any) -> None:
    widget = explore(lowest_score=0.95, score_threshold=0.95, sample=truth())
    assert (len(widget.detections), widget.kept.scores.tolist()) == (0, [])
    assert "highest score was 0.900" in widget.notice
    assert widget._picture()[1:4] == b"PNG"
    widget.detect_again()
    assert widget.wait(SECONDS)
    assert (len(widget.detections), widget.lowest_score, widget.score_threshold) == (2, 0.72, 0.72)
    assert len(widget.truth["of"]) == len(widget.choices["labels"]) == 2
    assert len(widget.kept) == 1


def test_the_picture_shows_the_boxes_by_what_became_of_them(explore: Any, tmp_path: Path) -> None:
    widget = explore(rule="nms", sample=truth())
    colors = widget.choices["colors"]
    for shown, drawn in ((["kept"], {"kept"}), (["removed", "present"], {"removed", "present"}), ([], set())):
        widget.shown = shown
        pixels = np.asarray(Image.open(widget.save_png(tmp_path / "shown.png"))).reshape(-1, 3)
        there = {name for name, color in colors.items() if (pixels == list(bytes.fromhex(color[1:]))).all(axis=1).any()}
        assert there == drawn
    assert Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"])).width == 640
    assert widget._caption() == (
        "NMS keeps 2 of 4 predictions: 2 objects found, 1 lost (0 of them had a prediction), 0 double, 0 elsewhere."
    )


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(explore: Any) -> None:
    check_traits(explore(), "nms_explorer")
