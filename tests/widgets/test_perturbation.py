"""The Perturbation without a browser: traits, walks, code and pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stub
from frontend import check_traits
from PIL import Image
from stub_maps import annotated
from test_comparison import Closed
from traitlets import TraitError

SECONDS = 20
FIRST = "odam|class||#0#deletion#box#"


def test_the_first_object_is_walked_through_when_the_widget_is_made(perturb: Any) -> None:
    widget = perturb(stub.Dimming())
    assert (widget.map_key, widget.map_data["key"], widget.status["state"]) == (FIRST, FIRST, "idle")
    assert len(widget.walk.counts) == len(widget.map_data["relative"]) == 11
    assert widget.map_data["relative"][0] == pytest.approx(1)
    assert widget.map_data["relative"][-1] < 1
    assert widget.map_data["title"] == "Deletion by ODAM"


def test_the_maps_are_computed_once_and_no_picture_is_asked_about_twice(perturb: Any) -> None:
    detector = stub.Dimming()
    widget = perturb(detector)
    for change in [{"selected": 1}, {"mode": "insertion"}, {"mode": "deletion"}, {"selected": 0}]:
        for name, value in change.items():
            setattr(widget, name, value)
        assert widget.wait(SECONDS)
    assert widget.map_key == FIRST
    assert detector.traces == 1
    # The photograph is the first picture of both objects' deletions.
    assert widget._answers.queries == 11 + 10 + 11


def test_scrubbing_computes_nothing(perturb: Any) -> None:
    detector = stub.Dimming()
    widget = perturb(detector)
    asked = widget._answers.queries
    widget.step = 7
    assert widget._answers.queries == asked
    assert widget.status["state"] == "idle"


def test_the_whole_image_and_another_fill(perturb: Any) -> None:
    widget = perturb(stub.Dimming(), area="image", mode="insertion", fill="mean")
    assert len(widget.walk.counts) == 51
    assert widget.walk.counts[-1] == stub.SIZE[0] * stub.SIZE[1]
    mean = np.round(stub.photograph().reshape(-1, 3).mean(axis=0))
    assert (widget.walk.picture(0, stub.photograph())[0, 0] == mean).all()


def test_a_sample_says_how_many_pixels_are_changed(perturb: Any) -> None:
    plain, with_sample = perturb(stub.Dimming()), perturb(stub.Dimming(), sample=annotated())
    x1, y1, x2, y2 = stub.BOXES[0]
    assert plain.walk.counts[-1] == (x2 - x1) * (y2 - y1)
    assert with_sample.walk.counts[-1] == (x2 - x1 - 2) * (y2 - y1 - 2)


def test_a_method_that_only_asks_runs_beside_the_kernel(perturb: Any) -> None:
    widget = perturb(Closed(), masks=30, cells=4)
    assert len(widget.walk.counts) == 11
    assert "layer" not in widget.to_code()


def test_cancelling_goes_back_to_what_is_shown(perturb: Any) -> None:
    detector = stub.Dimming(pause={"class": 0.0})
    widget = perturb(detector)
    widget.set_state({"mode": "insertion", "area": "image"})
    widget._message(widget, {"type": "cancel"}, [])
    assert widget.wait(SECONDS)
    assert (widget.mode, widget.area, widget.map_key, widget.status["state"]) == ("deletion", "box", FIRST, "idle")


def test_an_exception_is_shown_in_words_and_the_widget_lives_on(perturb: Any) -> None:
    widget = perturb(stub.StubDetector(fails={"class": "the head is missing"}))
    assert "the head is missing" in widget.status["text"]
    with pytest.raises(RuntimeError, match="the head is missing"):
        _ = widget.walk
    assert "image/png" in widget._repr_mimebundle_()[0]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("mode", "nope", ["deletion", "insertion"]),
        ("area", "nope", ["box", "image"]),
        ("fill", "white", ["''", "random", "black", "mean"]),
        ("step", -1, ["0 or more"]),
        ("selected", 3, ["None", "0 to 2"]),
        ("method", "nope", ["odam", "d-rise"]),
    ],
)
def test_a_wrong_value_is_refused_with_the_allowed_ones(
    perturb: Any, name: str, value: Any, allowed: list[str]
) -> None:
    widget = perturb(stub.Dimming())
    with pytest.raises(TraitError) as caught:
        setattr(widget, name, value)
    for word in [*allowed, name, repr(value)]:
        assert word in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"mode": "insertion", "area": "image", "selected": 1, "seed": 3}])
def test_the_code_makes_the_shown_curve(perturb: Any, options: dict[str, Any]) -> None:
    detector, image = stub.Dimming(), stub.photograph()
    widget = perturb(detector, **options)
    names: dict[str, Any] = {"detector": detector, "image": image}
    assert widget.code == widget.to_code()
    exec(widget.to_code(), names)
    assert names["scores"] == pytest.approx(widget.walk.scores[:, widget.selected].tolist())
    assert (names["pictures"][5] == widget.walk.picture(5, image)).all()


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(perturb: Any) -> None:
    check_traits(perturb(stub.Dimming()), "perturbation")


def test_the_picture_is_the_changed_photograph_with_what_was_found(perturb: Any, tmp_path: Path) -> None:
    widget = perturb(stub.Dimming(), step=10, area="image", fill="black")
    shown = np.asarray(Image.open(widget.save_png(tmp_path / "shown.png")))
    changed = widget.walk.picture(10, stub.photograph())
    assert shown.shape == changed.shape
    assert (shown[110:, :15] == changed[110:, :15]).all()
    picture = Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"]))
    assert picture.width == 640
    assert picture.height > 384 + 150, "the curve is below"
    nothing = perturb(stub.Dimming(), score_threshold=0.95)
    assert "image/png" in nothing._repr_mimebundle_()[0]
