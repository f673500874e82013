"""The WhatIf without a browser: questions, steps and the way back, code that makes the same, and what is refused."""

from __future__ import annotations

import importlib.util
import io
import time
from collections.abc import Callable
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
from detxai_nb.interventions import Region

PHOTO = stub.photograph()
CUP, TIN = (40.0, 40.0, 60.0, 60.0), (120.0, 50.0, 150.0, 90.0)
STROKE = {"kind": "stroke", "points": [[40.0, 40.0], [70.5, 60.0]], "radius": 9.0}
SECONDS = 30


@pytest.fixture
def asked(make_any: Any) -> Callable[..., Any]:
    """``asked(detector, **options)``: a WhatIf that is closed after the test; by default of a stub."""
    return lambda detector=None, **options: make_any(
        dx.widgets.WhatIf, detector or stub.Dimming(), **{"controls": 1, "fill": "mean", **options}
    )


@pytest.fixture(scope="module")
def tiny() -> Any:
    return dx.load_detector("tiny-fcos", device="cpu")


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    return dx.data.scenes.make(3, seed=1).image[:128, :160].copy()


def tell(widget: Any, kind: str, **content: Any) -> None:
    """What the browser sends; then nothing is computed any more."""
    widget._message(widget, {"type": kind, **content}, [])
    assert widget.wait(SECONDS)


def same(one: Any, other: Any) -> None:
    """Two interventions are the same to the last bit."""
    assert np.array_equal(one.picture, other.picture)
    for a, b in ((one.before, other.before), (one.after, other.after)):
        for name in ("scores", "labels", "label_scores", "boxes"):
            assert torch.equal(getattr(a, name).nan_to_num(-1), getattr(b, name).nan_to_num(-1))
    assert torch.equal(one.controls.scores, other.controls.scores)
    assert np.array_equal(one.controls.masks, other.controls.masks)
    assert (one.about, one.fill, one.seed) == (other.about, other.fill, other.seed)


def run(widget: Any, **given: Any) -> dict[str, Any]:
    names: dict[str, Any] = {"detector": widget._inputs.detector, "image": widget._inputs.image, **given}
    exec(widget.code, names)
    assert widget.code == widget.to_code()
    return names


def test_a_question_is_answered_for_all_objects_with_equal_areas_elsewhere(asked: Any) -> None:
    widget = asked(selected=2)
    assert (widget.step, widget.answer, widget.view) == (None, {}, "before")
    one = widget.ask(Region.box(PHOTO, TIN), "mean")
    by_hand = dx.interventions.intervene(
        widget._inputs.detector, PHOTO, widget.detections, Region.box(PHOTO, TIN), "mean", controls=1, about=2
    )
    same(one, by_hand)
    assert widget.intervention is one
    rows = widget.answer["rows"]
    assert [row["before"] for row in rows] == pytest.approx(list(stub.SCORES))
    assert rows[2]["now"] == pytest.approx(float(one.after.scores[2])) != pytest.approx(stub.SCORES[2], abs=0.01)
    assert rows[0]["now"] == pytest.approx(rows[0]["before"])
    assert widget.elsewhere["background"]["lost"] == pytest.approx(one.control_lost("background").tolist())
    heat = widget._drawn().values[2].numpy()
    assert widget.heat_share == pytest.approx(one.region.share_of(heat))
    x1, y1, x2, y2 = widget.answer["bounds"]
    inside = np.unpackbits(np.frombuffer(widget.answer["bits"], np.uint8))[: (x2 - x1) * (y2 - y1)]
    assert np.array_equal(inside.reshape(y2 - y1, x2 - x1).astype(bool), one.region.mask[y1:y2, x1:x2])
    assert widget.answer["raw"]
    patch = np.frombuffer(widget.answer["patch"], np.uint8).reshape(y2 - y1, x2 - x1, 4)
    assert np.array_equal(patch[..., :3], one.picture[y1:y2, x1:x2])
    assert np.array_equal(patch[..., 3] == 255, one.region.mask[y1:y2, x1:x2])
    assert (widget.view, widget.answer["about"], widget.answer["area"]) == ("now", 2, one.region.area)
    widget.only_class = "cup"
    assert run(widget)["listed"] == widget.listed == [0]
    widget.selected = None
    assert widget.heat_share is None


def test_a_large_region_is_sent_as_png(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detxai_nb.widgets.what_if_view.FEW_PIXELS", 100)
    widget = asked()
    one = widget.ask(Region.box(PHOTO, TIN), "noise")
    x1, y1, x2, y2 = widget.answer["bounds"]
    patch = np.asarray(Image.open(io.BytesIO(widget.answer["patch"])))
    assert not widget.answer["raw"]
    assert np.array_equal(patch[..., :3], one.picture[y1:y2, x1:x2])


def test_the_code_makes_what_is_shown_with_every_kind_of_region_and_fill(tiny: Any, scene: Any, make_any: Any) -> None:
    widget = make_any(dx.widgets.WhatIf, tiny, scene, controls=1, score_threshold=0.2, picture=scene[:, ::-1].copy())
    around = [[20.0, 30.0], [70.2, 25.0], [60.0, 90.0]]
    shapes: list[list[dict[str, Any]]] = [
        [STROKE],
        [{"kind": "box", "box": [10, 20, 60, 70]}],
        [{"kind": "lasso", "points": around}],
        [{"kind": "hottest", "row": 0, "share": 0.05}],
        [{"kind": "hottest", "row": 0, "share": 0.004, "moved": [5, -3]}, STROKE],
    ]
    fills = ("blur", "mean", "noise", "moved", "picture")
    for number, (shape, fill) in enumerate(zip(shapes, fills)):
        widget.step = None
        widget.fill = fill
        tell(widget, "ask", shapes=shape, ask=number)
        assert widget.status["state"] == "idle", widget.status
        assert (len(widget.steps), widget.answer["shapes"]) == (number + 1, shape)
        names = run(widget, picture=scene[:, ::-1])
        same(names["one"], widget.intervention)
        assert names["heat_share"] == widget.heat_share
    # Pixels that are hottest of one method stay those of that method.
    before = widget.region.mask
    widget.method = "grad-cam"
    assert widget.wait(SECONDS)
    names = run(widget, picture=scene[:, ::-1])
    assert np.array_equal(names["region"].mask, before)
    assert names["heat_share"] == widget.heat_share
    # A region without corners is what the widget was given.
    given = Region.from_mask(scene, before)
    one = widget.ask(given | Region.box(scene, (0, 0, 9, 9)), "mean")
    assert "region: what the widget was given" in widget.code
    same(run(widget, region=one.region)["one"], one)
    tell(widget, "ask", shapes=[{"kind": "given", "moved": [0, 2]}], ask=9)
    same(run(widget, region=one.region)["one"], widget.intervention)
    assert widget.answer["shapes"] == [{"kind": "given", "moved": [0, 2]}]


def test_regions_of_python_can_be_moved_in_the_browser(asked: Any) -> None:
    widget = asked()
    maps = widget._drawn()
    for region, shape in (
        (Region.box(PHOTO, CUP), {"kind": "box", "box": list(CUP)}),
        (Region.stroke(PHOTO, STROKE["points"], 9), STROKE),
        (Region.box(PHOTO, CUP).moved(3, 1), {"kind": "box", "box": list(CUP), "moved": [3, 1]}),
        (
            Region.hottest(maps, 1, 0.02),
            {"kind": "hottest", "row": 1, "share": Region.hottest(maps, 1, 0.02).settings["share"]},
        ),
        (~Region.box(PHOTO, CUP), {"kind": "given"}),
    ):
        widget.ask(region)
        assert widget.answer["shapes"] == [shape]
        assert np.array_equal(widget.region.mask, region.mask)


def test_steps_go_back_and_forth_and_none_is_lost(asked: Any) -> None:
    widget = asked()
    tell(widget, "ask", shapes=[STROKE], ask=1)
    first = widget.intervention
    widget.fill = "noise"
    assert widget.wait(SECONDS)
    widget.note(" <b>noise</b> ")
    assert [step["note"] for step in widget.steps] == ["", "<b>noise</b>"]
    assert widget.steps[0]["title"].startswith("Stroke, mean: #0 cup 0.91 to 0.")
    widget.undo()
    assert (widget.step, widget.fill, widget.ways) == (0, "mean", {"back": True, "forth": True})
    same(widget.intervention, first)
    tell(widget, "ask", shapes=[{"kind": "box", "box": list(TIN)}], ask=2)
    assert (len(widget.steps), widget.step, widget.ways["forth"]) == (3, 2, False)
    widget.undo()
    # Back to the step that this one came from, not to the one before it in the list.
    assert widget.step == 0
    widget.undo()
    assert (widget.step, widget.answer, widget.ways) == (None, {}, {"back": False, "forth": True})
    with pytest.raises(RuntimeError, match="no answer to return: paint over something first"):
        widget.intervention  # noqa: B018
    widget.redo()
    widget.redo()
    assert widget.step == 2
    widget.step = 1
    assert (widget.fill, widget.answer["number"]) == ("noise", 2)
    widget.other = 0
    assert widget.other_answer["number"] == 1
    widget.note("the first", 0)
    tell(widget, "note", text="by hand", step=2)
    assert [step["note"] for step in widget.steps] == ["the first", "<b>noise</b>", "by hand"]
    tell(widget, "undo")
    tell(widget, "redo")
    assert widget.step == 1
    with pytest.raises(TraitError, match=r"step is None or one of 0 to 2; got 3"):
        widget.step = 3
    for wrong, error in ((lambda: widget.note("x" * 501), "up to 500"), (lambda: widget.note("x", 7), "0 to 2; got 7")):
        with pytest.raises(ValueError, match=error):
            wrong()
    with pytest.raises(TypeError, match="a note is a text"):
        widget.note(3)


def test_fill_seed_and_object_are_part_of_the_question(asked: Any) -> None:
    widget = asked(fill="noise")
    widget.ask(Region.box(PHOTO, TIN))
    widget.ask(Region.box(PHOTO, TIN))
    assert len(widget.steps) == 1, "the same question makes no step"
    widget.seed = 3
    assert widget.wait(SECONDS)
    assert (len(widget.steps), widget.intervention.seed) == (2, 3)
    widget.selected = 2
    tell(widget, "ask", shapes=widget.answer["shapes"], ask=1)
    assert (len(widget.steps), widget.intervention.about) == (3, 2)
    widget.undo()
    widget.undo()
    assert widget.seed == 0
    assert len(widget.steps) == 3, "going back asks nothing"


def test_the_hottest_pixels_are_those_of_the_selected_map(asked: Any) -> None:
    widget = asked()
    tell(widget, "ask", shapes=[{"kind": "hottest", "row": 1, "share": 0.1}], ask=1)
    right = Region.hottest(dx.explain(stub.Dimming(), PHOTO, widget.detections, method="odam"), 1, 0.1)
    assert np.array_equal(widget.region.mask, right.mask)


class Troubled(stub.Dimming):
    """Is slow, or fails, once it is told to."""

    wait, words = 0.0, ""

    def detect(self, images: Any, score_threshold: float = 0.3) -> Any:
        time.sleep(self.wait)
        if self.words:
            raise RuntimeError(self.words)
        return super().detect(images, score_threshold)


def test_after_what_was_cancelled_or_failed_the_last_answer_stands(asked: Any) -> None:
    detector = Troubled()
    widget = asked(detector)
    one = widget.ask(Region.box(PHOTO, CUP))
    shown = widget.answer
    detector.wait = 0.2
    widget._message(widget, {"type": "ask", "shapes": [STROKE], "ask": 1}, [])
    assert (widget.status["state"], widget.status["what"], widget.status["heard"]) == ("busy", "answer", 1)
    widget.cancel()
    assert (widget.status["state"], widget.answer, widget.map_key) == ("idle", shown, widget.request["key"])
    detector.wait, detector.words = 0.0, "out of <memory>"
    tell(widget, "ask", shapes=[STROKE], ask=2)
    assert widget.status["state"] == "error"
    assert widget.status["text"] == "The answer (stroke, mean) could not be computed: out of <memory>"
    assert (widget.answer, len(widget.steps), widget.intervention) == (shown, 1, one)
    with pytest.raises(RuntimeError, match=r"there is no answer: The answer .* out of <memory>"):
        widget.ask(Region.box(PHOTO, TIN))
    detector.words = ""
    widget.ask(Region.box(PHOTO, TIN))
    assert (len(widget.steps), widget.status["state"]) == (2, "idle")


def test_equal_areas_that_were_given_up_are_computed_when_the_step_is_shown_again(asked: Any) -> None:
    detector = Troubled()
    widget = asked(detector, controls=4)
    detector.wait = 0.05
    widget._message(widget, {"type": "ask", "shapes": [STROKE], "ask": 1}, [])
    while not widget.answer:
        time.sleep(0.01)
    widget.cancel()
    assert (widget.elsewhere, widget.status["state"]) == ({}, "idle")
    detector.wait = 0.0
    widget.undo()
    widget.redo()
    assert widget.wait(SECONDS)
    assert widget.elsewhere["background"]["count"] == 4


def test_maps_and_answers_do_not_lose_each_other(asked: Any) -> None:
    widget = asked(Troubled(pause={"class": 0.05}))
    widget.method = "grad-cam"
    tell(widget, "ask", shapes=[STROKE], ask=1)
    assert (len(widget.steps), widget.map_key.split("|")[0], bool(widget.elsewhere)) == (1, "grad-cam", True)
    widget._inputs.detector.wait = 0.1
    widget._message(widget, {"type": "ask", "shapes": [{"kind": "box", "box": list(TIN)}], "ask": 2}, [])
    widget.method = "odam"
    assert widget.wait(SECONDS)
    assert (len(widget.steps), widget.map_key.split("|")[0], bool(widget.elsewhere)) == (2, "odam", True)


def test_what_can_not_be_asked_is_said_in_words_and_changes_nothing(asked: Any) -> None:
    widget = asked()
    widget.ask(Region.box(PHOTO, CUP))
    shown = dict(widget.answer)
    for shapes, words in (
        ([], "the region is empty: paint over something"),
        ([{"kind": "box", "box": [500, 0, 600, 20]}], "lies outside the picture, which has 200x120 pixels"),
        ([{"kind": "stroke", "points": [[-90, 3]], "radius": 4}], "the stroke lies outside the picture"),
        ([{"kind": "lasso", "points": [[1, 1], [2, 2]]}], "at least 3 points"),
        ([{"kind": "star"}], "a shape is one of 'stroke', 'box'"),
        ([{"kind": "stroke", "points": [[1, 1]]}], "has 'radius'"),
        ([{**STROKE, "moved": [0.5, 1]}], "moved is two whole numbers"),
        ([{**STROKE, "moved": [900, 0]}], "cannot be moved"),
        ([{"kind": "hottest", "row": 9, "share": 0.1}], "row is the number of a map, 0 to 2"),
        ([{"kind": "hottest", "row": 0, "share": 0}], "share is a share of the pixels"),
        ([{"kind": "given"}], "no region was given as an object"),
        ([STROKE] * 201, "up to 200 shapes"),
        ([{**STROKE, "points": [[1.0, 1.0]] * 4001}], "up to 4000 points"),
        ("brush", "a list of shapes"),
        ([3], "a list of shapes"),
    ):
        tell(widget, "ask", shapes=shapes, ask=1)
        assert widget.status["state"] == "error"
        assert words in widget.status["text"]
        assert (widget.answer, len(widget.steps)) == (shown, 1)
    for region, error, words in (
        (Region.box((10, 10), (1, 1, 3, 3)), ValueError, "of a picture of 10x10 pixels, this one has 200x120"),
        ([STROKE], TypeError, "a region is a dx.interventions.Region, got list"),
    ):
        with pytest.raises(error, match=words):
            widget.ask(region)
    with pytest.raises(TraitError, match=r"fill is one of 'blur', 'mean'.*; got 'glitter'"):
        widget.fill = "glitter"
    with pytest.raises(TraitError, match=r"fill cannot be 'picture' here, since no other picture was given"):
        widget.ask(Region.box(PHOTO, CUP), "picture")
    for trait, wrong in (("radius", 0), ("share", 1.5), ("tool", "chisel"), ("view", "later"), ("seed", -1)):
        with pytest.raises(TraitError, match=trait):
            setattr(widget, trait, wrong)
    assert (widget.fill, len(widget.steps)) == ("mean", 1)


def test_a_widget_of_the_wrong_things_is_refused_in_words(asked: Any, tiny: Any, scene: Any) -> None:
    found = tiny.detect([scene], score_threshold=0.2)[0]
    for options, error, words in (
        ({"smooth": "box"}, TypeError, "'smooth' is a setting of methods, and no argument of WhatIf"),
        ({"brush": 3}, TypeError, "'brush' is no argument"),
        ({"controls": -1}, ValueError, "controls is a number of areas"),
        ({"controls": 2.5}, ValueError, "controls is a number of areas"),
        ({"fill": "picture"}, TraitError, "no other picture was given"),
        ({"method": "guess"}, TraitError, "method is one of"),
        ({"maps": "odam"}, TypeError, "maps are what dx.explain returns, got str"),
        ({"maps": dx.explain(tiny, scene, found, method="odam")}, ValueError, "of another picture"),
        ({"detections": found}, ValueError, "image"),
    ):
        with pytest.raises(error, match=words):
            asked(**options)
    with pytest.raises(TypeError, match="a detector has names"):
        dx.widgets.WhatIf(3, PHOTO)


def test_fills_of_libraries_that_are_missing_stand_there_with_the_reason(
    asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    missing = ("skimage", "cv2")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name in missing else real(name, *a))
    widget = asked(fill="blur")
    offered = {one["name"]: one["missing"] for one in widget.choices["fills"]}
    assert [name for name in offered if not offered[name]] == ["blur", "mean", "noise", "moved"]
    assert offered["telea"] == 'OpenCV is not installed: pip install "detxai-nb[interventions]"'
    with pytest.raises(TraitError, match="fill cannot be 'biharmonic' here, since scikit-image is not installed"):
        widget.fill = "biharmonic"


def test_a_black_box_is_asked_too_and_needs_maps_for_the_hottest_pixels(asked: Any, make_any: Any) -> None:
    inner = stub.Dimming()

    def predict(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = inner.detect([image])[0]
        return found.boxes.numpy(), found.scores.numpy(), found.labels.numpy()

    closed = dx.wrap_predict(predict, names=stub.NAMES)
    widget = asked(closed)
    assert (widget.method, widget.map_data, widget.choices["methods"]) == ("", {}, [])
    one = widget.ask(Region.box(PHOTO, TIN))
    assert one.matched_by == "class and IoU"
    assert widget.heat_share is None
    assert "maps" not in widget.code
    same(run(widget)["one"], one)
    tell(widget, "ask", shapes=[{"kind": "hottest", "row": 0, "share": 0.1}], ask=1)
    assert widget.status["text"] == "there is no heat map to take the hottest pixels from"
    maps = dx.explain(closed, PHOTO, widget.detections, method="d-rise", masks=8)
    other = asked(closed, detections=widget.detections, maps=maps)
    assert (other.method, other.choices["methods"][0]["title"]) == ("given", "D-RISE, as given")
    tell(other, "ask", shapes=[{"kind": "hottest", "row": 0, "share": 0.1}], ask=1)
    names = run(other, maps=maps, detections=widget.detections)
    assert np.array_equal(names["region"].mask, Region.hottest(maps, 0, 0.1).mask)
    assert "maps: what the widget was given" in other.code.replace(" and maps", ", maps").replace(
        "image, detections, ", ""
    )


def test_a_classifier_is_asked_about_its_classes(make_any: Any) -> None:
    detector = dx.load_detector("tiny-resnet", device="cpu")
    image = dx.data.scenes.make(1, 3, mode="single").image
    widget = make_any(dx.widgets.WhatIf, detector, image, controls=1, fill="mean")
    assert widget.choices["subject"] == "class"
    one = widget.ask(Region.box(image, (40, 40, 120, 120)))
    assert len(widget.answer["rows"]) == len(widget.detections) == 5
    assert widget.answer["rows"][0]["box"] is None
    assert widget.elsewhere["object"]["lost"] == [None] * 5
    same(run(widget)["one"], one)


def test_where_nothing_is_found_it_is_said_and_a_lower_score_is_tried(asked: Any) -> None:
    widget = asked(score_threshold=0.95)
    assert "highest score was 0.910" in widget.notice
    tell(widget, "ask", shapes=[STROKE], ask=1)
    assert widget.status["state"] == "error"
    assert "highest score was 0.910" in widget.status["text"]
    with pytest.raises(ValueError, match="Nothing was found"):
        widget.ask(Region.box(PHOTO, CUP))
    assert widget._picture()[1:4] == b"PNG"
    widget.detect_again()
    assert widget.wait(SECONDS)
    widget.ask(Region.box(PHOTO, CUP))
    assert len(widget.answer["rows"]) == len(widget.detections) > 0


def test_an_answer_that_is_no_longer_kept_is_computed_again(asked: Any) -> None:
    widget = asked(fill="noise")
    first = widget.ask(Region.box(PHOTO, CUP))
    widget._worker.kept.limit = 1
    widget.ask(Region.box(PHOTO, TIN))
    assert widget._worker.kept.get("step 1") is None
    widget.undo()
    same(widget.intervention, first)


def test_the_still_picture_shows_before_now_and_the_scores(asked: Any, tmp_path: Path) -> None:
    widget = asked()
    plain = Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"]))
    assert plain.width == 640
    assert widget._caption() == "#0 cup 0.91: ODAM of the class score. Nothing was asked yet."
    widget.ask(Region.box(PHOTO, CUP), note="<b>a note</b>")
    still = Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"]))
    file = Image.open(widget.save_png(tmp_path / "shown.png"))
    assert still.height == file.height + 24
    assert still.size != plain.size
    bars = (np.asarray(file.convert("RGB")).reshape(-1, 3) == [0x00, 0x72, 0xB2]).all(axis=1)
    assert bars.sum() > 100, "bars of the scores now"


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(asked: Any) -> None:
    check_traits(asked(), "what_if")
