"""The Discrimination without a browser: traits, computations, facts, code and pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stub
import torch
from frontend import check_traits
from PIL import Image
from stub_maps import annotated
from test_comparison import Closed
from traitlets import TraitError

from detxai_nb.metrics import box_masks, object_discrimination_index
from detxai_nb.widgets.discrimination import COLORS, OWN_COLOR

SECONDS = 20
FIRST = "odam|class||#0"


def test_the_first_object_is_set_against_the_others_when_the_widget_is_made(discriminate: Any) -> None:
    widget = discriminate()
    assert (widget.selected, widget.map_key, widget.map_data["key"]) == (0, FIRST, FIRST)
    assert widget.status["state"] == "idle"
    found = widget.contrast
    assert found.index == 0
    assert widget.facts["kept"] == found.kept
    assert widget.map_data["facts"] == widget.facts
    takers = np.frombuffer(widget.map_data["takers"]["data"], "<i2").reshape(widget.map_data["takers"]["shape"])
    assert (takers == found.takers.numpy()).all()


def test_selecting_asks_the_detector_nothing_and_going_back_computes_nothing(discriminate: Any) -> None:
    detector = stub.StubDetector()
    widget = discriminate(detector)
    sent = widget.map_data
    widget.selected = 2
    assert widget.wait(SECONDS)
    assert widget.map_key == "odam|class||#2"
    assert widget.contrast.index == 2
    assert detector.traces == 1
    second = widget.map_data
    widget.selected = 0
    assert widget.map_key == FIRST
    assert widget.map_data is second, "what was sent is not sent again"
    widget._message(widget, {"type": "maps", "key": FIRST}, [])
    assert widget.map_data["key"] == sent["key"]


def test_the_index_is_measured_of_the_map_and_of_the_positive_difference(discriminate: Any) -> None:
    widget = discriminate()
    maps = widget._bases.get("odam|class||")
    masks = box_masks(torch.tensor(stub.BOXES), *stub.SIZE)
    for index in range(3):
        widget.selected = index
        widget.wait(SECONDS)
        number = torch.tensor([index])
        before = object_discrimination_index(maps.values[index, None], number, masks)
        after = object_discrimination_index(maps.difference().values[index, None].clamp(min=0), number, masks)
        assert widget.facts["own"]["odi-box"] == pytest.approx(float(before), nan_ok=True)
        assert widget.facts["difference"]["odi-box"] == pytest.approx(float(after), abs=1e-6)


def test_a_sample_brings_its_annotations(discriminate: Any) -> None:
    widget = discriminate(sample=annotated())
    assert set(widget.facts["own"]) == {"odi-box", "odi-mask"}
    widget.selected = 2
    assert set(widget.facts["own"].values()) == {None}
    alone = discriminate(score_threshold=0.9)
    assert alone.facts == {"kept": alone.contrast.kept, "taken": [], "own": {}, "difference": {}}


def test_a_method_that_only_asks_runs_beside_the_kernel(discriminate: Any) -> None:
    detector = Closed()
    widget = discriminate(detector, masks=30, cells=4)
    assert widget.method == "d-rise"
    assert widget.contrast.difference.method == "difference of d-rise"
    assert "layer" not in widget.to_code()


def test_cancelling_goes_back_to_what_is_shown(discriminate: Any) -> None:
    detector = stub.StubDetector(pause={"x1": 0.2})
    widget = discriminate(detector)
    widget.target = "x1"
    widget._message(widget, {"type": "cancel"}, [])
    assert (widget.target, widget.map_key, widget.status["state"]) == ("class", FIRST, "idle")
    assert widget.contrast.own.target.part == "class"


def test_an_exception_is_shown_in_words_and_the_widget_lives_on(discriminate: Any) -> None:
    widget = discriminate(stub.StubDetector(fails={"x2": "the head is missing"}))
    widget.target = "x2"
    assert widget.wait(SECONDS)
    assert widget.status["state"] == "error"
    assert "the head is missing" in widget.status["text"]
    assert widget.map_key == ""
    with pytest.raises(RuntimeError, match="the head is missing"):
        _ = widget.contrast
    assert "image/png" in widget._repr_mimebundle_()[0]
    widget.target = "class"
    assert widget.map_key == FIRST


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("view", "nope", ["difference", "neighbours", "map"]),
        ("selected", 3, ["None", "0 to 2"]),
        ("method", "nope", ["odam", "d-rise"]),
        ("boxes", "none", ["all", "selected"]),
    ],
)
def test_a_wrong_value_is_refused_with_the_allowed_ones(
    discriminate: Any, name: str, value: Any, allowed: list[str]
) -> None:
    widget = discriminate()
    with pytest.raises(TraitError) as caught:
        setattr(widget, name, value)
    for word in [*allowed, name, repr(value)]:
        assert word in str(caught.value)


@pytest.mark.parametrize("options", [{"method": "layer-cam", "layer": "fine"}, {"direction": "signed"}])
def test_the_code_makes_the_shown_map(discriminate: Any, options: dict[str, str]) -> None:
    detector, image = stub.StubDetector(), stub.photograph()
    widget = discriminate(detector, selected=1, **options)
    names: dict[str, Any] = {"detector": detector, "image": image}
    exec(widget.to_code(), names)
    assert widget.code == widget.to_code()
    torch.testing.assert_close(names["heat_map"], widget.contrast.difference.values[0])


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(discriminate: Any) -> None:
    check_traits(discriminate(), "discrimination")


def test_the_picture_tints_each_pixel_for_whom_it_speaks(discriminate: Any, tmp_path: Path) -> None:
    widget = discriminate(view="neighbours", opacity=1.0, boxes="selected", selected=2)
    shown = np.asarray(Image.open(widget.save_png(tmp_path / "shown.png")))
    assert shown.shape == (*stub.SIZE, 3)
    lead, takers = widget.contrast.difference.values[0].numpy(), widget.contrast.takers.numpy()
    y, x = np.unravel_index(lead.argmax(), lead.shape)
    assert shown[y, x].tolist() == [int(OWN_COLOR[i : i + 2], 16) for i in (1, 3, 5)]
    first = widget.contrast.taken[0].index
    y, x = np.unravel_index(np.where(takers == first, lead, 0).argmin(), lead.shape)
    assert shown[y, x].tolist() == [int(COLORS[0][i : i + 2], 16) for i in (1, 3, 5)]
    x1, _, x2, y2 = (int(side) for side in stub.BOXES[2])
    assert shown[y2, (x1 + x2) // 2].tolist() == [int(OWN_COLOR[i : i + 2], 16) for i in (1, 3, 5)], "its box too"
    for view in ("difference", "map"):
        widget.view = view
        picture = Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"]))
        assert picture.width == 640


def test_nothing_found_names_the_highest_score(discriminate: Any) -> None:
    widget = discriminate(score_threshold=0.95)
    assert widget.selected is None
    with pytest.raises(RuntimeError, match="the highest score was"):
        _ = widget.contrast
    assert "image/png" in widget._repr_mimebundle_()[0]
