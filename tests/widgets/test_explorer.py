"""The Explorer without a browser: traits, computations, code and pictures."""

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
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.plots.heatmaps import DIVERGING, SEQUENTIAL
from detxai_nb.widgets.shared.options import TARGETS
from detxai_nb.widgets.snapshots import picture

SECONDS = 20


def test_the_first_object_is_explained_when_the_widget_is_made(make: Any) -> None:
    widget = make()
    assert widget.selected == 0
    assert widget.map_key == "odam|class||positive" == widget.map_data["key"]
    assert len(widget.map_data["grids"]) == len(stub.BOXES)
    assert widget.status["state"] == "idle"
    expected = torch.relu(stub.evidence(stub.BOXES[1], "class", widget.maps.placement, "neck"))
    torch.testing.assert_close(widget.maps.grids[1], expected)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("method", "nope", ["odam", "grad-cam", "grad-cam++"]),
        ("target", "z1", list(TARGETS)),
        ("layer", "tail", ["neck", "fine"]),
        ("direction", "up", ["positive", "negative", "signed", "absolute"]),
        ("colormap", "jet", list(SEQUENTIAL)),
        ("signed_colormap", "viridis", list(DIVERGING)),
        ("scale", "global", ["object", "shared"]),
        ("boxes", "none", ["all", "selected"]),
        ("selected", 3, ["None", "0 to 2"]),
        ("selected", -1, ["None", "0 to 2"]),
        ("opacity", 1.5, ["0 and 1"]),
        ("hide_below", -0.1, ["0 and 1"]),
        ("percentile", 0, ["above 0", "100"]),
        ("percentile", float("nan"), ["above 0", "100"]),
        ("min_score", 2, ["0 and 1"]),
        ("only_class", "dog", ["cup", "lid"]),
        ("search", "x" * 201, ["200"]),
        ("search", None, ["is a text"]),
    ],
)
def test_a_wrong_value_is_refused_with_the_allowed_ones(make: Any, name: str, value: Any, allowed: list[str]) -> None:
    widget = make()
    before = getattr(widget, name)
    with pytest.raises(TraitError) as caught:
        setattr(widget, name, value)
    for word in [*allowed, name, repr(value)]:
        assert word in str(caught.value)
    assert getattr(widget, name) == before
    assert widget.status["state"] == "idle"


def test_only_the_targets_that_the_detector_has_are_offered(make: Any) -> None:
    class Classifier(stub.StubDetector):
        targets = ("class",)

    widget = make(Classifier())
    assert widget.choices["targets"] == [{"name": "class", "title": "Class score"}]
    with pytest.raises(TraitError, match="target is one of 'class'; got 'x1'"):
        widget.target = "x1"


def test_wrong_arguments_are_refused() -> None:
    photo = stub.photograph()
    with pytest.raises(TypeError, match=r"'smoth' is no argument.*opacity.*smooth"):
        dx.widgets.Explorer(stub.StubDetector(), photo, smoth="box")
    with pytest.raises(ValueError, match="smooth of 'odam' is one of None, 'box'"):
        dx.widgets.Explorer(stub.StubDetector(), photo, smooth="ball")
    with pytest.raises(ValueError, match="score is one of 'prob', 'logit'"):
        dx.widgets.Explorer(stub.StubDetector(), photo, score="odds")
    with pytest.raises(TypeError, match="load_detector"):
        dx.widgets.Explorer(torch.nn.Identity(), photo)
    with pytest.raises(TypeError, match="one Detections; got a list of 1"):
        dx.widgets.Explorer(stub.StubDetector(), photo, stub.StubDetector().detect([photo]))
    with pytest.raises(ValueError, match="of 200x120 pixels, this one has 100x120"):
        dx.widgets.Explorer(stub.StubDetector(), photo[:, :100], stub.StubDetector().detect([photo])[0])
    with pytest.raises(TraitError, match="'odam'"):
        dx.widgets.Explorer(stub.StubDetector(), photo, method="odem")


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(make: Any) -> None:
    check_traits(make(), "explorer")


@pytest.mark.parametrize("given", ["found", "nothing", "settings"])
def test_the_code_makes_the_shown_map(make: Any, given: str) -> None:
    detector, image = stub.StubDetector(), stub.photograph()
    found = detector.detect([image])[0]
    options = {
        "found": {"detections": found},
        "nothing": {"score_threshold": 0.6},
        "settings": {"detections": found, "smooth": "box", "combine": "normalized", "score": "logit"},
    }[given]
    widget = make(detector, **options)
    widget.selected = 1
    for change in [{"target": "combined"}, {"method": "grad-cam"}, {"method": "odam", "direction": "signed"}]:
        for name, value in change.items():
            setattr(widget, name, value)
        assert widget.wait(SECONDS)
        assert widget.code == widget.to_code()
        names: dict[str, Any] = {"detector": detector, "image": image, "detections": found}
        exec(widget.to_code(), names)
        torch.testing.assert_close(names["heat_map"], widget.maps.values[1])


def test_the_code_loads_what_came_by_name(tmp_path: Path) -> None:
    from detxai_nb.widgets.shared.code import CodeRecipe

    code = CodeRecipe("tiny-fcos", "photo.jpg", 0.3).script(["maps = 1"])
    assert "detector = dx.load_detector('tiny-fcos')" in code
    assert "image = dx.load_image('photo.jpg')" in code
    assert "#" not in code
    compile(code, "made", "exec")


def test_nothing_found_names_the_highest_score(make: Any) -> None:
    widget = make(score_threshold=0.95)
    assert widget.selected is None
    assert widget.objects == []
    assert "0.95" in widget.notice
    assert "0.910" in widget.notice
    widget.method = "grad-cam"
    with pytest.raises(RuntimeError, match="the highest score was"):
        _ = widget.maps
    assert "image/png" in widget._repr_mimebundle_()[0]
    with pytest.raises(TraitError, match="there is no object"):
        widget.selected = 0


def test_the_bundle_of_a_saved_notebook_holds_a_picture(make: Any) -> None:
    data, _ = make()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    picture = Image.open(io.BytesIO(data["image/png"]))
    assert picture.width == 640


def test_the_saved_picture_shows_the_map_at_the_photographs_resolution(make: Any, tmp_path: Path) -> None:
    widget = make(opacity=1.0, hide_below=0.5)
    shown = np.asarray(Image.open(widget.save_png(tmp_path / "shown.png"))).astype(int)
    assert shown.shape == (*stub.SIZE, 3)
    strength = widget.maps.values[0].numpy() / float(widget.maps.grids[0].max())
    covered = strength >= 0.5
    plain = stub.photograph().astype(int)
    changed = np.abs(shown - plain).max(axis=2) > 0
    assert not changed[100:118, 100:105].any()
    assert changed[covered].mean() > 0.95
    colors = np.frombuffer(widget.palettes["data"], np.uint8).reshape(-1, 256, 3)[SEQUENTIAL.index("viridis")]
    row, column = np.unravel_index(strength.argmax(), strength.shape)
    assert (shown[row, column] == colors[int(strength.max() * 256)]).all()
    with pytest.raises(FileNotFoundError, match="make it first"):
        widget.save_png(tmp_path / "no" / "shown.png")


def test_the_explained_side_is_marked_in_the_picture(make: Any, tmp_path: Path) -> None:
    widget = make(target="y2")
    shown = np.asarray(Image.open(widget.save_png(tmp_path / "shown.png")))
    x1, _, x2, y2 = (int(v) for v in stub.BOXES[0])
    assert (shown[y2, (x1 + x2) // 2] == (255, 176, 0)).all()


def test_only_the_selected_box_is_drawn_where_so_chosen(make: Any, tmp_path: Path) -> None:
    x1, y1, _, y2 = (int(v) for v in stub.BOXES[2])
    plain = stub.photograph()[(y1 + y2) // 2, x1]
    for boxes, drawn in (("all", True), ("selected", False)):
        picture = np.asarray(Image.open(make(boxes=boxes).save_png(tmp_path / "shown.png")))
        assert (picture[(y1 + y2) // 2, x1] != plain).any() == drawn


def test_signed_maps_are_centred_on_zero(make: Any) -> None:
    from detxai_nb.plots import color_range

    widget = make(direction="signed")
    assert widget.map_data["signed"] is True
    low, high = color_range(widget.maps, 0, scale="shared")
    assert low == -high
    assert high == max(float(grid.abs().max()) for grid in widget.maps.grids)


def test_a_method_is_shown_on_the_layer_it_prefers() -> None:
    """Its own by default; one that is chosen holds for every method."""
    detector = dx.load_detector("tiny-yolox", device="cpu")
    widget = dx.widgets.Explorer(detector, dx.data.scenes.Scenes(1)[0].image, method="g-came")
    assert widget.wait(SECONDS)
    assert (widget.layer, widget.maps.layer) == ("", "head.class")
    assert "layer" not in widget.to_code()
    widget.method = "odam"
    assert widget.wait(SECONDS)
    assert widget.maps.layer == "neck"
    widget.layer = "backbone"
    widget.method = "g-came"
    assert widget.wait(SECONDS)
    assert widget.maps.layer == "backbone"
    assert "layer='backbone'" in widget.to_code()
    widget.close()


def test_all_pixels_of_a_large_photograph_follow_when_the_browser_asks(make: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("detxai_nb.widgets.shared.serialize.SCREEN", 50)
    widget = make()
    assert Image.open(io.BytesIO(widget.photo["data"])).width == 50
    widget._handle_custom_msg({"type": "photo"}, [])
    assert Image.open(io.BytesIO(widget.photo["data"])).width == widget.photo["width"] == stub.SIZE[1]


def test_a_still_picture_places_a_map_on_no_more_pixels_than_it_has(make: Any, monkeypatch: Any) -> None:
    scene, placed, drawn = make()._scene(), [], []
    overlay = picture.overlay_pixels

    def noted(image: np.ndarray, maps: Any, *more: Any) -> np.ndarray:
        placed.append((image.shape[:2], tuple(maps.values.shape[1:])))
        drawn.append(overlay(image, maps, *more))
        return drawn[-1]

    monkeypatch.setattr(picture, "overlay_pixels", noted)
    for scale in (0.25, 1.0):
        picture.draw_view(scene, scale)
    assert placed == [((30, 50), (30, 50)), (stub.SIZE, stub.SIZE)]
    small, whole = (np.asarray(one)[..., :3] for one in drawn)
    near = np.asarray(Image.fromarray(whole).resize((50, 30), Image.Resampling.BOX), float)
    assert np.abs(small - near).mean() < 3
    assert np.abs(small - near).max() < 25
