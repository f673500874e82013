"""TinyObjects without a browser: what it finds is what ``tiny`` finds, runs and cancels, clicks, code and pictures."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stub
from frontend import check_traits
from PIL import Image
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.data.sample import Sample
from detxai_nb.tiny.figures import AROUND, window
from detxai_nb.tiny.samples import explain_image
from detxai_nb.widgets.shared.serialize import STEPS

SECONDS = 60
METHODS = ["odam", "grad-cam"]


@pytest.fixture(scope="module")
def detector() -> Any:
    return dx.load_detector("tiny-fcos", device="cpu")


@pytest.fixture(scope="module")
def tables(detector: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What ``tiny`` finds."""
    data = scenes.Scenes(2, mode="tiny")
    return dx.tiny.objects(detector, data, METHODS), dx.tiny.pairs(detector, data, METHODS)


@pytest.fixture
def tiny(make_any: Any, detector: Any) -> Callable[..., Any]:
    """``tiny(**options)``: a TinyObjects over two scenes with tiny objects, closed after the test."""
    return lambda **options: make_any(dx.widgets.TinyObjects, detector, scenes.Scenes(2, mode="tiny"), **options)


@pytest.fixture
def slow(make_any: Any) -> Callable[..., Any]:
    """``slow(count, pause)``: the same over so many photographs of the stub detector, by ODAM."""

    def make(count: int = 8, pause: float = 0.03, **options: Any) -> Any:
        detector = stub.StubDetector(pause={"class": pause})
        return make_any(
            dx.widgets.TinyObjects, detector, [sample(n) for n in range(count)], methods=["odam"], **options
        )

    return make


def sample(number: int) -> Sample:
    """The stub's photograph, annotated with what the stub finds, boxes a little smaller."""
    boxes = np.array(stub.BOXES, np.float32) + np.array([1, 1, -1, -1], np.float32)
    size = (len(boxes), *stub.SIZE)
    labels = np.arange(len(boxes))
    crowd = np.zeros(len(boxes), bool)
    name = f"{number}.png"
    return Sample(stub.photograph(), boxes, labels, crowd, number, name, stub.NAMES, lambda: np.zeros(size, bool))


def until(holds: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def floats(sent: dict[str, Any], part: str = "values") -> np.ndarray:
    return np.frombuffer(sent[part], "<f4").reshape(-1, sent["count"])


def test_nothing_runs_before_it_is_asked_for(tiny: Any) -> None:
    widget = tiny()
    assert (widget.table, widget.map_data, widget.status["state"], widget.methods) == ({}, {}, "idle", METHODS)
    with pytest.raises(RuntimeError, match="run\\(\\)"):
        _ = widget.objects


def test_a_run_finds_what_tiny_finds_and_leaves_no_hook(tiny: Any, detector: Any, tables: Any) -> None:
    widget = tiny()
    hooks = [len(m._forward_hooks) + len(m._backward_hooks) for m in detector.module.modules()]
    before = [parameter.requires_grad for parameter in detector.module.parameters()]
    widget.run()
    assert widget.wait(SECONDS)
    assert widget.error is None
    objects, pairs = tables
    pd.testing.assert_frame_equal(widget.objects, objects)
    pd.testing.assert_frame_equal(widget.pairs, pairs)
    styles = dx.plots.method_styles(METHODS)
    drawn = {one["name"]: (one["color"], one["mark"]) for one in widget.table["methods"]}
    assert drawn == {name: (styles[name].color, styles[name].mark) for name in METHODS}, "as in every figure"
    assert [len(m._forward_hooks) + len(m._backward_hooks) for m in detector.module.modules()] == hooks
    assert [parameter.requires_grad for parameter in detector.module.parameters()] == before
    sent = widget.table
    assert (sent["key"], sent["note"], sent["ended"], sent["done"]) == (widget.wanted, "", True, 2)
    first = objects[objects["method"] == "odam"]
    columns = dict(zip(sent["objects"]["columns"], floats(sent["objects"])))
    assert columns["canvas_share"] == pytest.approx(first["canvas_share"].to_numpy())
    assert [sent["labels"][int(n)] for n in columns["label"]] == first["label"].tolist()
    figures = floats(sent["objects"], "figures").reshape(2, len(sent["objects"]["measures"]), -1)
    second = objects[objects["method"] == "grad-cam"]
    for number, measure in enumerate(sent["objects"]["measures"]):
        np.testing.assert_allclose(figures[1, number], second[measure].to_numpy(), rtol=1e-6)
    assert sent["summary"]["odam"]["tiny"]["energy"] == pytest.approx(first[first["tiny"]]["energy"].mean())
    assert sent["summary"]["odam"]["pairs"]["count"] == len(pairs) // 2 > 0


def test_a_click_shows_the_maps_and_the_window_of_tiny(tiny: Any, detector: Any) -> None:
    widget = tiny()
    widget.run()
    assert widget.wait(SECONDS)
    last = widget.table["objects"]["count"] - 1
    widget.selected = last
    assert widget.wait(SECONDS)
    row = widget._chosen[0]
    looked = explain_image(detector, scenes.Scenes(2, mode="tiny"), row["image"], METHODS)
    assert looked is not None
    at = looked.selected.annotations.tolist().index(row["annotation"])
    assert (widget.map_data["numbers"], widget.map_data["image"]) == ([last], row["image"])
    boxes = looked.selected.detections.boxes[[at]]
    assert widget.map_data["window"] == list(window(boxes, looked.sample.image.shape[:2], AROUND))
    for method, maps in looked.maps.items():
        sent = widget.map_data["maps"][method]
        (grid,) = sent["grids"]
        quanta = np.frombuffer(sent["values"], "<u2").reshape(grid["shape"])
        values = grid["low"] + quanta * (grid["high"] - grid["low"]) / STEPS
        np.testing.assert_allclose(values, maps.grids[at].numpy(), atol=1e-4 * grid["high"])
    assert widget.photo["image"] == row["image"]


def test_a_pair_and_an_object_are_selected_one_instead_of_the_other(tiny: Any, tables: Any) -> None:
    widget = tiny()
    widget.run()
    assert widget.wait(SECONDS)
    widget.selected_pair = 0
    assert widget.wait(SECONDS)
    pair = tables[1].iloc[0]
    chosen = [(row["image"], row["annotation"]) for row in widget._chosen]
    assert chosen == [(pair["image"], pair["first"]), (pair["image"], pair["second"])]
    assert [len(maps["grids"]) for maps in widget.map_data["maps"].values()] == [2, 2]
    widget.selected = 0
    assert widget.selected_pair is None
    widget.selected_pair = 0
    assert widget.selected is None
    widget.selected_pair = None
    assert widget._chosen == []


def test_cancelled_halfway_it_keeps_what_it_had_and_runs_again(slow: Any) -> None:
    widget = slow(8)
    widget.run()
    until(lambda: widget._found.done >= 2, "two images are done")
    assert widget.status["text"].endswith("of 8")
    widget.cancel()
    kept = len(widget.objects)
    assert 6 <= kept < 24
    assert widget.status["state"] == "idle"
    assert widget.table["note"] == f"Stopped before its end: {kept // 3} of 8 images."
    assert widget.table["objects"]["count"] == kept
    widget.selected = 1
    assert widget.wait(SECONDS)
    assert widget.map_data["numbers"] == [1]
    widget.limit = 3
    widget.run()
    assert (widget.selected, widget.map_data, widget.table["objects"]["count"]) == (None, {}, 0)
    assert widget.wait(SECONDS)
    assert (widget.table["note"], widget.table["done"], len(widget.objects)) == ("", 3, 9)


def test_the_dots_appear_as_images_are_done(slow: Any) -> None:
    widget = slow(8)
    seen = []
    widget.observe(lambda change: seen.append(change["new"]["objects"]["count"]), "table")
    widget.run()
    assert widget.wait(SECONDS)
    assert seen[0] == 0
    assert seen[-1] == 24
    assert len(seen) > 2
    assert seen == sorted(seen)


def test_a_click_during_a_run_does_not_wait_for_its_end(slow: Any) -> None:
    widget = slow(12, 0.05)
    widget._viewer.kept.limit = 0
    widget.run()
    until(lambda: widget._found.done >= 3, "three images are done")
    widget.selected = 0
    until(lambda: widget.map_data, "the maps of the first image are there")
    assert widget._found.done < 12
    assert widget.status["state"] == "busy"
    assert widget.map_data["numbers"] == [0]
    assert widget.wait(SECONDS)
    assert widget._found.done == 12


def test_maps_of_the_last_images_only_are_kept(slow: Any) -> None:
    widget = slow(6, 0)
    one = stub.photograph().nbytes
    widget._viewer.kept.limit = 3 * one
    widget.run()
    assert widget.wait(SECONDS)
    assert 1 <= len(widget._viewer.kept) <= 3
    widget.selected = 0
    assert widget.wait(SECONDS)
    assert widget.map_data["numbers"] == [0]


def test_a_click_on_what_a_new_run_gave_up_is_forgotten(slow: Any) -> None:
    widget = slow(2, 0)
    widget.set_state({"selected": 5})
    assert widget.selected is None
    widget.run()
    assert widget.wait(SECONDS)
    widget.set_state({"selected": 5, "selected_pair": None})
    assert widget.selected == 5


def test_what_the_browser_asks_for(slow: Any) -> None:
    widget = slow(8)
    widget._message(widget, {"type": "run"}, [])
    until(lambda: widget._found is not None and widget._found.done >= 1, "an image is done")
    widget._message(widget, {"type": "cancel"}, [])
    assert widget.status["state"] == "idle"
    assert widget.table["note"].startswith("Stopped before its end")
    widget._message(widget, {"type": "leave"}, [])
    assert widget.view_status["state"] == "idle"


def test_what_goes_wrong_is_said_and_what_was_found_stays(make_any: Any) -> None:
    class Failing(stub.StubDetector):
        def trace(self, image: Any, layer: str | None = None) -> Any:
            if self.traces == 2:
                raise ValueError("out of luck")
            return super().trace(image, layer)

    widget = make_any(dx.widgets.TinyObjects, Failing(), [sample(n) for n in range(4)], methods=["odam"])
    widget.run()
    assert widget.wait(SECONDS)
    assert widget.status["state"] == "error"
    assert "out of luck" in widget.status["text"]
    assert (widget.table["objects"]["count"], widget.table["done"]) == (6, 2)
    widget.selected = 0
    assert widget.wait(SECONDS)
    assert widget.map_data["numbers"] == [0], "kept maps need no detector"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("measure", "nope", ["energy", "reach"]),
        ("boxes", "nope", ["all", "selected"]),
        ("methods", ["nope"], ["odam", "up to 5"]),
        ("methods", ["odam", "odam"], ["different"]),
        ("limit", 0, ["1 or more"]),
        ("selected", 99, ["None", "nothing was found"]),
        ("selected_pair", 0, ["None", "nothing was found"]),
        ("opacity", 2.0, ["between 0 and 1"]),
        ("colormap", "jet", ["viridis"]),
    ],
)
def test_a_wrong_value_is_refused_with_the_allowed_ones(slow: Any, name: str, value: Any, allowed: list[str]) -> None:
    widget = slow(2)
    with pytest.raises(TraitError) as caught:
        setattr(widget, name, value)
    for word in [*allowed, name]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"at_most": 0}, ValueError, "at_most is a share"),
        ({"gap": -1}, ValueError, "gap is a number of pixels"),
        ({"layer": "nope"}, ValueError, "layer is one of"),
        ({"protocol": "nope"}, ValueError, "unknown protocol"),
        ({"settings": {"odam": {"nope": 1}}}, TypeError, "nope"),
        ({"settings": {"nope": {}}}, ValueError, "nope"),
        ({"target": "nope"}, ValueError, "nope"),
        ({"colour": "red"}, TypeError, "no argument"),
        ({"selected": 0}, TypeError, "no argument"),
        ({"limit": 0}, TraitError, "1 or more"),
    ],
)
def test_wrong_arguments_are_refused_at_once(slow: Any, options: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        slow(2, **options)


def test_a_list_of_pictures_is_no_dataset_and_an_empty_one_has_nothing_to_run(make_any: Any) -> None:
    with pytest.raises(TypeError, match="Samples"):
        make_any(dx.widgets.TinyObjects, stub.StubDetector(), [stub.photograph()])
    widget = make_any(dx.widgets.TinyObjects, stub.StubDetector(), [])
    assert (widget.wanted, widget.notice) == ("", "There is no image in this dataset.")
    with pytest.raises(RuntimeError, match="no image"):
        widget.run()


def test_a_picture_is_measured_by_its_detections_and_a_black_box_by_what_it_can(make_any: Any, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(stub.photograph()).save(path)
    widget = make_any(dx.widgets.TinyObjects, stub.StubDetector(), path, methods=["odam"])
    widget.run()
    assert widget.wait(SECONDS)
    assert len(widget.objects) == 3
    assert f"image = dx.load_image({str(path)!r})" in widget.to_code()
    closed = dx.wrap_predict(lambda images: [], ["thing"])
    assert make_any(dx.widgets.TinyObjects, closed, [sample(0)]).methods == ["d-rise"]


def test_the_code_makes_what_is_shown(tiny: Any, detector: Any, tables: Any) -> None:
    widget = tiny(at_most=0.004, gap=0.5, limit=2, measure="reach")
    widget.run()
    assert widget.wait(SECONDS)
    widget.selected = 3
    names: dict[str, Any] = {"detector": detector, "dataset": scenes.Scenes(2, mode="tiny")}
    exec(widget.code, names)
    pd.testing.assert_frame_equal(names["objects"], widget.objects)
    pd.testing.assert_frame_equal(names["pairs"], widget.pairs)
    assert (names["row"]["image"], names["row"]["annotation"]) == tuple(
        widget._chosen[0][name] for name in ("image", "annotation")
    )
    widget.selected_pair = 0
    assert 'pairs["first"]' in widget.code


def test_the_code_names_every_argument_that_is_not_the_default(slow: Any) -> None:
    own = dx.evaluation.Protocol("own", score=0.2)
    widget = slow(2, target="x1", layer="fine", settings={"odam": {"smooth": "box"}}, protocol=own)
    code = widget.to_code()
    for part in ("target='x1'", "layer='fine'", "settings={'odam': {'smooth': 'box'}}", "protocol=protocol"):
        assert part in code
    assert "# detector, dataset and protocol: what the widget was given" in code


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(slow: Any) -> None:
    check_traits(slow(2), "tiny_objects")


def test_the_picture_is_the_scatter_and_below_it_the_crops(slow: Any, tmp_path: Path) -> None:
    widget = slow(2, 0)
    empty = Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"]))
    widget.run()
    assert widget.wait(SECONDS)
    plot = Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"]))
    assert plot.height > 5 * empty.height
    widget.selected = 1
    assert widget.wait(SECONDS)
    both = Image.open(widget.save_png(tmp_path / "view.png"))
    assert both.height > 1.3 * plot.height
    assert np.asarray(both).std() > 0
