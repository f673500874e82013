"""Explorer and Comparison of an image classifier: classes with probabilities in the place of objects with boxes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.subjects import CLASSES
from detxai_nb.widgets import Comparison, Explorer
from detxai_nb.widgets.comparison_slow import SlowMethods
from detxai_nb.widgets.snapshots.picture import Snapshot, draw_view

UNFIT = ("object", "box", "score of at least")


@pytest.fixture(scope="module")
def classifier() -> Any:
    return dx.load_detector("tiny-resnet", device="cpu")


@pytest.fixture(scope="module")
def scene() -> Any:
    return dx.data.scenes.Scenes(1, mode="dual")[0]


@pytest.fixture(scope="module")
def image(scene: Any) -> np.ndarray:
    return np.asarray(scene.image)[::2, ::2]


def run(code: str, **known: Any) -> dict[str, Any]:
    exec(code, known)
    return known


def many(count: int) -> Any:
    """A classifier of many classes none of which is probable."""
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 4, 3, stride=4), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    module = torch.nn.Sequential(*layers, torch.nn.Linear(4, count))
    return dx.wrap(module, family="classifier", names=[f"class {n}" for n in range(count)], input_size=32)


def test_an_explorer_lists_the_five_most_probable_classes_and_nothing_is_ever_not_found(
    make_any: Any, image: np.ndarray
) -> None:
    widget = make_any(Explorer, many(1000), image, method="grad-cam", score_threshold=0.9)
    assert len(widget.objects) == 5
    assert widget.notice == ""
    assert widget.lower_score is None
    assert len(widget.map_data["grids"]) == 5
    assert len(widget.choices["classes"]) == 1000
    assert all(set(one) == {"name", "score", "box", "label"} for one in widget.objects)


def test_a_typed_class_is_listed_selected_and_explained_as_explain_does(
    make_any: Any, classifier: Any, image: np.ndarray
) -> None:
    widget = make_any(Explorer, classifier, image, method="layer-cam")
    listed = [one["name"] for one in widget.objects]
    name = next(name for name in classifier.names if name not in listed)
    widget._message(widget, {"type": "class", "name": f" {name.upper()}"}, [])
    widget.wait(20)
    assert widget.class_answer["text"] == ""
    assert [one["name"] for one in widget.objects] == [*listed, name]
    assert widget.selected == 5
    assert widget.status["state"] == "idle"
    assert widget.map_data["rows"] == [0, 1, 2, 3, 4, 5]
    found = run(widget.code, detector=classifier, image=image)
    own = dx.explain(classifier, image, dx.detections.of_classes(classifier, image, name), method="layer-cam")
    assert np.allclose(found["heat_map"], own.values[0], atol=1e-6)
    assert np.allclose(found["heat_map"], widget.maps.values[5], atol=1e-6)
    assert found["detections"].label_names() == [*listed, name]
    assert widget.add_class(name) == 5, "a class that is listed is only selected"
    assert len(widget.objects) == 6


def test_only_what_is_missing_is_computed_for_a_further_class(
    make_any: Any, classifier: Any, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detxai_nb.widgets import explorer_classes

    asked = []
    explain = explorer_classes.explain
    monkeypatch.setattr(
        explorer_classes,
        "explain",
        lambda d, i, f, **k: (asked.append((k["method"], len(f))), explain(d, i, f, **k))[1],
    )
    widget = make_any(Explorer, classifier, image, method="grad-cam")
    last = classifier.detect([image], 0.0)[0].labels.tolist()
    widget.add_class(last[-1])
    widget.wait(20)
    widget.method = "layer-cam"
    widget.wait(20)
    widget.add_class(last[-2])
    widget.wait(20)
    widget.method = "grad-cam"
    widget.wait(20)
    assert asked == [("grad-cam", 5), ("grad-cam", 1), ("layer-cam", 6), ("layer-cam", 1), ("grad-cam", 1)]
    assert len(widget.maps) == 7


def test_detections_that_are_handed_in_are_the_classes_and_their_maps_are_made_as_they_are_looked_at(
    make_any: Any, image: np.ndarray
) -> None:
    detector = many(40)
    given = detector.detect([image], 0.0)[0]
    widget = make_any(Explorer, detector, image, detections=given, method="grad-cam")
    assert len(widget.objects) == 40
    assert len(widget.map_data["grids"]) == 5
    widget.selected = 30
    widget.wait(20)
    assert widget.map_data["rows"] == [0, 1, 2, 3, 4, 30]
    found = run(widget.code, detector=detector, image=image, detections=given)
    assert np.allclose(found["heat_map"], widget._scene().maps.values[5], atol=1e-7)
    maps = widget.maps
    assert len(maps) == 40
    assert maps.detections.labels.tolist() == given.labels.tolist()
    assert np.allclose(maps.values[30], found["heat_map"], atol=1e-7)


def test_an_unknown_name_is_answered_with_the_nearest_and_changes_nothing(
    make_any: Any, classifier: Any, image: np.ndarray
) -> None:
    for kind in (Explorer, Comparison):
        widget = make_any(kind, classifier, image)
        before = list(widget.objects)
        widget._message(widget, {"type": "class", "name": "juug"}, [])
        assert widget.class_answer["near"] == ["jug"]
        with pytest.raises(ValueError, match=r"did you mean 'jug'") as told:
            widget.add_class("juug")
        assert widget.class_answer["text"] == str(told.value)
        for wrong in (None, 1.5, [], "#99", {"a": 1}):
            widget._message(widget, {"type": "class", "name": wrong}, [])
            assert widget.class_answer["text"]
        assert widget.objects == before


def test_objects_of_a_detector_are_not_asked_for_by_name(make_any: Any) -> None:
    widget = make_any(Explorer)
    assert widget.choices["subject"] == "object"
    assert widget.choices["classes"] == []
    with pytest.raises(ValueError, match="found, not asked for by name"):
        widget.add_class("cup")


def test_filters_do_not_hide_a_class_that_was_just_asked_for(make_any: Any, classifier: Any, image: np.ndarray) -> None:
    widget = make_any(Explorer, classifier, image, min_score=0.9, search="zzz")
    widget.add_class(classifier.detect([image], 0.0)[0].labels.tolist()[-1])
    assert widget.selected in widget.listed


def test_cancelling_the_map_of_a_typed_class_goes_back_to_the_class_that_was_looked_at(
    make_any: Any, classifier: Any, image: np.ndarray
) -> None:
    widget = make_any(Explorer, classifier, image, method="grad-cam", selected=2)
    with widget._lock:
        widget.add_class(classifier.detect([image], 0.0)[0].labels.tolist()[-1])
        assert widget.status["state"] == "busy"
        widget.cancel()
    assert widget.selected == 2
    assert widget.status["state"] == "idle"
    assert len(widget.objects) == 6, "the class stays in the list"
    widget.selected = 5
    widget.wait(20)
    assert widget.map_data["rows"] == [0, 1, 2, 3, 4, 5]


def test_words_in_python_say_class(make_any: Any, classifier: Any, image: np.ndarray) -> None:
    widget = make_any(Explorer, classifier, image, method="grad-cam")
    said = [widget._caption(), widget.choices["elsewhere"], widget.code, str(widget.choices["targets"])]
    widget.selected = None
    said += [widget._caption(), widget.code]
    listed = ", ".join(f"{one['name']} {CLASSES.score_in_words(one['score'])}" for one in widget.objects)
    assert widget._caption() == f"5 classes. Listed: {listed}"
    assert not [words for words in said if any(one in words for one in UNFIT)]
    assert "ask the classifier hundreds of times" in widget.choices["elsewhere"]
    with pytest.raises(TraitError, match="'class'"):
        widget.target = "x1"
    empty = make_any(Explorer, classifier, image, detections=classifier.detect([image], 1.0)[0])
    assert (
        empty.notice == "No class is listed: type the name of one, or leave detections out for the most probable ones."
    )
    empty.add_class("mug")
    empty.wait(20)
    assert (empty.notice, len(empty.map_data["grids"])) == ("", 1)


def test_stills_have_no_box_but_the_edge_of_a_crop(make_any: Any, classifier: Any, image: np.ndarray) -> None:
    widget = make_any(Explorer, classifier, image, method="grad-cam", opacity=0.0)
    assert np.array_equal(np.asarray(widget._photo_picture()), image)
    assert Image.open(io.BytesIO(widget._picture())).width >= 420
    crop = [{"name": "mug", "score": 0.9, "box": [20.0, 4.0, 140.0, 124.0], "label": 6}]
    drawn = np.asarray(draw_view(Snapshot(image, crop, 0, None, widget._scene().look)))
    changed = (drawn != image).any(axis=2)
    assert changed[60, 18:23].any()
    assert not changed[30:100, 30:130].any()


def test_a_comparison_has_classes_for_columns_and_adds_one_by_name(
    make_any: Any, classifier: Any, image: np.ndarray
) -> None:
    widget = make_any(Comparison, classifier, image, methods=["grad-cam", "layer-cam", "eigen-cam"], objects=[0])
    assert widget.choices["metrics"] == [], "without annotations nothing that needs a box is measured"
    last = classifier.detect([image], 0.0)[0].label_names()[-1]
    widget._message(widget, {"type": "class", "name": last}, [])
    widget.wait(20)
    assert (widget.shown, widget.selected) == ([0, 5], 5)
    assert {row["state"] for row in widget.rows.values()} == {"ok"}
    found = run(widget.code, detector=classifier, image=image)
    assert np.allclose(found["heat_map"], widget.maps["grad-cam"].values[5], atol=1e-6)
    assert not [one for one in UNFIT if one in widget.code]
    assert [head.split(" ")[0] for head in widget._grid().heads] == [widget.objects[0]["name"], last]
    with pytest.raises(ValueError, match="a class of the whole image has none; hand in sample="):
        make_any(Comparison, classifier, image, metrics=["energy-pointing-box"])


def test_a_slow_method_is_asked_about_before_it_explains_a_typed_class(
    make_any: Any, classifier: Any, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make_any(Comparison, classifier, image, methods=["grad-cam", "d-rise"], masks=8, objects=[0])
    assert widget.wait(60)
    assert widget.rows["d-rise"]["state"] == "ok"
    monkeypatch.setattr(SlowMethods, "_one_pass", lambda self: 60.0)
    widget.add_class(classifier.detect([image], 0.0)[0].labels.tolist()[-1])
    assert widget.wait(20)
    assert widget.rows["grad-cam"]["state"] == "ok"
    assert widget.rows["d-rise"]["state"] == "asked"
    assert widget.rows["d-rise"]["text"].startswith(
        "D-RISE asks the classifier up to 8 times, which takes about 8 min."
    )
    widget.compute("d-rise")
    assert widget.wait(60)
    assert widget.rows["d-rise"]["state"] == "ok"


def test_with_a_sample_metrics_measure_against_the_annotations_of_each_class(
    make_any: Any, classifier: Any, scene: Any
) -> None:
    widget = make_any(Comparison, classifier, scene.image, methods=["grad-cam"], sample=scene, objects=[0, 1])
    annotated = {scene.names[label] for label in scene.labels}
    named = next(name for name in classifier.names if name in annotated)
    widget.add_class(named)
    widget.wait(20)
    frame = widget.table()
    assert list(frame.columns[:4]) == ["method", "index", "class", "probability"]
    there = frame[frame["class"].isin(annotated)]["energy-pointing-box"]
    assert len(there)
    assert there.notna().all()
    assert frame[~frame["class"].isin(annotated)]["energy-pointing-box"].isna().all()


def test_the_browser_is_told_what_a_classifier_with_a_crop_sees(
    make_any: Any, classifier: Any, image: np.ndarray
) -> None:
    size = {"input_size": classifier.input_size, "processor": {"crop": 0.8}}
    cropped = dx.wrap(classifier.module, family="classifier", names=classifier.names, **size)
    widget = make_any(Explorer, cropped, image, method="grad-cam++")
    x1, y1, x2, y2 = widget.map_data["seen"]
    assert widget.objects[0]["box"] == pytest.approx([x1, y1, x2, y2], abs=1e-3)
    outside = widget.maps.values[0].clone()
    outside[int(np.ceil(y1)) : int(y2), int(np.ceil(x1)) : int(x2)] = 0
    assert outside[: int(y1)].abs().max() == 0
    assert "seen" not in make_any(Explorer, classifier, image).map_data
