"""SanityCheck and Perturbation of an image classifier, and the widgets that ask for objects in places."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import detxai_nb as dx
from detxai_nb.metrics.perturbation_path import PerturbationPath

SECONDS = 60
IMAGE = np.ascontiguousarray(dx.data.scenes.make(1, mode="single").image[::4, ::4])
"""64 x 80 pixels."""
UNFIT = re.compile("object|box|detected", re.IGNORECASE)


@pytest.fixture(scope="module", params=["tiny-resnet", "tiny-vgg"])
def bundled(request: Any) -> Any:
    return dx.load_detector(request.param, device="cpu", input_size=64)


@pytest.fixture(scope="module")
def detector() -> Any:
    return dx.load_detector("tiny-resnet", device="cpu", input_size=64)


def probabilities(detector: Any, picture: np.ndarray) -> torch.Tensor:
    return dx.detections.of_classes(detector, picture, list(detector.names)).scores


def test_a_class_is_followed_by_its_own_probability_in_every_picture(make_any: Any, bundled: Any) -> None:
    widget = make_any(dx.widgets.Perturbation, bundled, IMAGE, method="grad-cam")
    assert widget.wait(SECONDS)
    assert len(widget.detections) == 5
    walk: PerturbationPath = widget.walk
    assert len(walk.counts) == 11
    assert walk.counts[-1] == IMAGE.shape[0] * IMAGE.shape[1]
    for index in (0, 4):
        widget.selected = index
        assert widget.wait(SECONDS)
        walk, label = widget.walk, int(widget.detections.labels[index])
        own = [float(probabilities(bundled, walk.picture(step, IMAGE))[label]) for step in range(11)]
        assert walk.scores[:, index].tolist() == pytest.approx(own, abs=1e-6)
        assert widget.map_data["scores"] == pytest.approx(own, abs=1e-6)
        # Never "not found again", however small.
        assert None not in widget.map_data["matches"]


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_its_code_gives_the_same_curve(make_any: Any, detector: Any, mode: str) -> None:
    widget = make_any(dx.widgets.Perturbation, detector, IMAGE, method="grad-cam", mode=mode, selected=2)
    assert widget.wait(SECONDS)
    names: dict[str, Any] = {"detector": detector, "image": IMAGE}
    exec(widget.to_code(), names)
    assert names["scores"] == pytest.approx(widget.walk.scores[:, 2].tolist(), abs=1e-6)
    assert not UNFIT.search(widget.to_code().replace("detections", "").replace("'box'", ""))


def test_what_is_sent_of_each_picture_are_its_most_probable_classes_and_the_class(make_any: Any, detector: Any) -> None:
    widget = make_any(dx.widgets.Perturbation, detector, IMAGE, method="grad-cam", selected=4)
    assert widget.wait(SECONDS)
    sent, walk = widget.map_data, widget.walk
    for step, (answers, match) in enumerate(zip(sent["answers"], sent["matches"])):
        every = probabilities(detector, walk.picture(step, IMAGE))
        assert [one["label"] for one in answers][:5] == every.argsort(descending=True, stable=True)[:5].tolist()
        assert answers[match]["label"] == int(widget.detections.labels[4])
        assert len(answers) in (5, 6)
        assert all("number" not in one and "color" not in one for one in answers)
    assert sent["others"] == [None] * 11


def test_its_words_and_pictures_say_class_and_draw_no_boxes(make_any: Any, detector: Any) -> None:
    widget = make_any(dx.widgets.Perturbation, detector, IMAGE, method="grad-cam", step=3)
    assert widget.wait(SECONDS)
    assert widget.choices["subject"] == "class"
    assert [one["title"] for one in widget.choices["areas"]] == ["All, 11 pictures", "All, 51 pictures"]
    caption = widget._caption(widget.walk)
    name = widget.detections.label_names()[0]
    assert re.match(
        rf"{name}: Deletion by Grad-CAM, picture 3 of 10, \d+ pixels changed: probability [\d.]+ of", caption
    )
    assert not UNFIT.search(caption)
    assert (np.asarray(widget._photo_picture()) == widget.walk.picture(3, IMAGE)).all()
    assert widget._picture()[1:4] == b"PNG"
    widget.selected = None
    assert widget._caption(None) == "5 classes"


def test_any_class_is_added_by_its_name_and_followed(make_any: Any, detector: Any) -> None:
    widget = make_any(dx.widgets.Perturbation, detector, IMAGE, method="grad-cam")
    assert widget.wait(SECONDS)
    listed = widget.detections.label_names()
    other = next(name for name in detector.names if name not in listed)
    assert widget.add_class(other.upper()) == widget.selected == 5
    assert widget.wait(SECONDS)
    only = dx.detections.of_classes(detector, IMAGE, [other])
    alone = make_any(dx.widgets.Perturbation, detector, IMAGE, detections=only, method="grad-cam")
    assert alone.wait(SECONDS)
    assert widget.walk.scores[:, 5].tolist() == pytest.approx(alone.walk.scores[:, 0].tolist(), abs=1e-6)
    widget._message(None, {"type": "class", "name": "mugg"}, [])
    assert "did you mean 'mug'" in widget.class_answer["text"]
    names: dict[str, Any] = {"detector": detector, "image": IMAGE}
    exec(widget.to_code(), names)
    assert names["scores"] == pytest.approx(widget.walk.scores[:, 5].tolist(), abs=1e-6)


@pytest.mark.filterwarnings("ignore:.*does not look like")
def test_the_default_classes_are_the_most_probable_whatever_their_probabilities(make_any: Any, detector: Any) -> None:
    grey = np.full((48, 64, 3), 128, np.uint8)
    best = probabilities(detector, grey).argsort(descending=True, stable=True)[:5].tolist()
    for kind in (dx.widgets.Perturbation, dx.widgets.SanityCheck):
        widget = make_any(kind, detector, grey, score_threshold=0.999)
        assert widget.detections.labels.tolist() == best
        assert widget.selected == 0


def test_a_class_is_checked_as_its_maps_lose_the_weights(make_any: Any, bundled: Any) -> None:
    before = {name: value.clone() for name, value in bundled.module.state_dict().items()}
    widget = make_any(dx.widgets.SanityCheck, bundled, IMAGE, methods=["grad-cam"], seeds=[0], selected=1)
    widget.run()
    assert widget.wait(SECONDS)
    assert widget.status["state"] == "idle", widget.status["text"]
    assert all(torch.equal(before[name], value) for name, value in bundled.module.state_dict().items())
    found = widget.result
    assert found.detections.label_names() == [widget.detections.label_names()[1]]
    assert [m["name"] for m in widget.map_data["methods"]] == ["grad-cam", dx.sanity.EDGES]
    own = dx.explain(bundled, IMAGE, widget.detections[[1]], method="grad-cam")
    assert torch.equal(found.originals["grad-cam"].values, own.values)
    assert "detections[[1]], ['grad-cam']" in widget.to_code()
    said = " ".join(m["words"] for m in widget.map_data["methods"])
    assert not UNFIT.search(said)
    # The still picture: in every cell the photograph and its map, no line of a box along the edge.
    assert all(line.cells[0].scene.objects[0].get("label") is not None for line in widget._grid().lines)
    assert widget._picture()[1:4] == b"PNG"


def test_a_class_that_is_added_is_checked(make_any: Any, detector: Any) -> None:
    widget = make_any(dx.widgets.SanityCheck, detector, IMAGE, methods=["grad-cam"], seeds=[0])
    other = next(name for name in detector.names if name not in widget.detections.label_names())
    index = widget.add_class(other)
    widget.run()
    assert widget.wait(SECONDS)
    assert (widget.map_data["index"], widget.result.detections.label_names()) == (index, [other])
    widget.selected = None
    with pytest.raises(RuntimeError, match="nothing to check: select a class and at least one method"):
        widget.run()


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("Discrimination", "Comparison"),
        ("NmsExplorer", "Explorer"),
        ("ScoreThreshold", "Explorer"),
        ("TinyObjects", "Comparison"),
    ],
)
def test_what_needs_places_is_refused_with_what_to_take(detector: Any, kind: str, instead: str) -> None:
    words = (
        rf"what the whole image shows, and its classes are in no places. Take dx.widgets.{instead}\(detector, image\)"
    )
    with pytest.raises(ValueError, match=words):
        getattr(dx.widgets, kind)(detector, IMAGE)
    for table in (dx.tiny.objects, dx.tiny.pairs):
        with pytest.raises(ValueError, match="its classes are in no places"):
            table(detector, dx.data.scenes.Scenes(1, mode="single"))


def test_a_crop_is_followed_within_what_the_network_sees(make_any: Any) -> None:
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
    network = nn.Sequential(maps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    cropped = dx.wrap(network, family="classifier", names=list("abc"), input_size=16, processor={"crop": 0.5})
    widget = make_any(dx.widgets.Perturbation, cropped, IMAGE, method="grad-cam")
    assert widget.wait(SECONDS)
    x1, y1, x2, y2 = widget.detections.boxes[0].tolist()
    assert widget.walk.counts[-1] == pytest.approx((x2 - x1) * (y2 - y1), abs=1)
    assert None not in widget.map_data["matches"]
