"""The Comparison without a browser: what is in the grid, in which order, how it is computed, stopped and drawn."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stub
import torch
from frontend import check_traits
from PIL import Image
from stub_maps import annotated
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.methods import METHODS, d_rise
from detxai_nb.widgets.shared import improving

SECONDS = 20
WHITE = ["odam", "layer-cam"]


class Closed:
    """A detector that can only be asked; it waits before an answer while its gate is closed."""

    names, device = stub.NAMES, torch.device("cpu")

    def __init__(self) -> None:
        self.inner, self.go, self.asked = stub.StubDetector(), threading.Event(), 0
        self.go.set()

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> Any:
        self.go.wait(SECONDS)
        self.asked += len(images)
        return self.inner.detect(images, score_threshold)


class Gated(stub.StubDetector):
    """Closes its gate at the 30th image that it is asked about."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.go, self.begun, self.asked = threading.Event(), threading.Event(), 0

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> Any:
        self.asked += len(images)
        if self.asked >= 30:
            self.begun.set()
            self.go.wait(SECONDS)
        return super().detect(images, score_threshold)


def states(widget: Any) -> dict[str, str]:
    return {method: row["state"] for method, row in widget.rows.items()}


def test_methods_that_look_inside_share_one_forward_pass_and_are_there_at_once(compare: Any) -> None:
    detector = stub.StubDetector()
    widget = compare(detector, methods=[*WHITE, "grad-cam"])
    assert detector.traces == 1
    assert states(widget) == {"odam": "ok", "layer-cam": "ok", "grad-cam": "ok"}
    assert (widget.shown, widget.selected, widget.selected_method) == ([0, 1, 2], 0, "odam")
    expected = torch.relu(stub.evidence(stub.BOXES[1], "class", widget.maps["odam"].placement, "neck"))
    torch.testing.assert_close(widget.maps["odam"].grids[1], expected)
    assert widget.status["state"] == "idle"
    widget.methods = ["grad-cam", "odam"]
    assert detector.traces == 1
    assert list(widget.maps) == ["grad-cam", "odam"]


def test_only_methods_that_can_run_are_offered(compare: Any) -> None:
    class Attentive(stub.StubDetector):
        offers = ("attention",)

    def offered(detector: Any) -> set[str]:
        return {method["name"] for method in compare(detector, methods=[]).choices["methods"]}

    black_box = {name for name, method in METHODS.items() if method.kind == "perturbation"}
    assert offered(Closed()) == black_box
    assert {"d-rise", "sodex"} <= black_box <= offered(stub.StubDetector())
    assert not {"detr-attention", "bbam"} & offered(stub.StubDetector())
    assert "detr-attention" in offered(Attentive())


def test_what_the_metrics_say_is_that_of_the_maps(compare: Any) -> None:
    widget = compare(methods=WHITE, objects=[2, 0])
    table = widget.table()
    assert list(table["object"]) == [2, 0, 2, 0]
    assert list(table["name"]) == [stub.NAMES[2], stub.NAMES[0]] * 2
    for row in table.itertuples():
        value = widget.maps[row.method].values[row.object].double().numpy()
        x1, y1, x2, y2 = (round(side) for side in stub.BOXES[row.object])
        assert table.loc[row.Index, "energy-pointing-box"] == pytest.approx(value[y1:y2, x1:x2].sum() / value.sum())
    mean = widget.rows["odam"]["mean"]["compactness"]
    assert mean == pytest.approx(table[table.method == "odam"]["compactness"].mean())


def test_a_sample_brings_its_annotations(compare: Any) -> None:
    widget = compare(methods=WHITE, sample=annotated())
    assert widget.choices["annotated"] is True
    assert widget.rows["odam"]["metrics"]["vea"][2] is None
    assert np.isnan(widget.table()["vea"].iloc[2])
    with pytest.raises(TypeError, match="a Sample; got str"):
        compare(methods=WHITE, sample="seven.jpg")
    with pytest.raises(ValueError, match="of 200x120 pixels, this one has 100x120"):
        compare(image=stub.photograph()[:, :100], methods=WHITE, sample=annotated())


def test_the_best_method_comes_first(compare: Any) -> None:
    widget = compare(methods=["grad-cam", "odam"], sort="energy-pointing-box")
    assert widget.order == ["odam", "grad-cam"]
    widget.sort = ""
    assert widget.order == ["grad-cam", "odam"]
    widget.set_state({"sort": "odi-box", "sort_object": 2})
    assert widget.order == ["odam", "grad-cam"], "a map of zeros discriminates nothing"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("methods", ["nope"], ["odam", "d-rise", "at most once"]),
        ("methods", ["odam", "odam"], ["at most once"]),
        ("shown", [0, 3], ["0, 1, 2"]),
        ("metrics", ["vea"], ["energy-pointing-box"]),
        ("sort", "vea", ["''", "odi-box"]),
        ("sort_object", 3, ["None", "0 to 2"]),
        ("selected", 3, ["None", "0 to 2"]),
        ("selected_method", "nope", ["''", "odam"]),
        ("target", "z1", ["class", "x1"]),
        ("scale", "global", ["object", "shared"]),
    ],
)
def test_a_wrong_value_is_refused_with_the_allowed_ones(
    compare: Any, name: str, value: Any, allowed: list[str]
) -> None:
    widget = compare(methods=WHITE)
    before = getattr(widget, name)
    with pytest.raises(TraitError) as caught:
        setattr(widget, name, value)
    for word in [*allowed, name, repr(value)]:
        assert word in str(caught.value)
    assert getattr(widget, name) == before


def test_a_method_that_only_asks_runs_beside_the_kernel_and_carries_its_own_figure(compare: Any) -> None:
    detector = Closed()
    widget = compare(detector, methods=["d-rise"], masks=40, cells=4)
    assert widget.wait(SECONDS)
    row = widget.rows["d-rise"]
    assert row["key"] == "d-rise|class||"
    assert len(row["figures"]["split-half correlation"]) == 3
    assert "40 masks" in row["remark"]
    assert "layer" not in widget.to_code()
    names = {"detector": detector, "image": stub.photograph()}
    exec(widget.to_code(), names)
    torch.testing.assert_close(names["heat_map"], widget.maps["d-rise"].values[0])


def test_a_closed_detector_is_asked_by_one_method_to_begin_with(compare: Any) -> None:
    assert compare(Closed(), masks=20, cells=4).methods == ["d-rise"]
    assert len(compare(stub.StubDetector()).methods) == 3


def test_methods_that_only_ask_are_compared_signed_maps_too(compare: Any) -> None:
    pytest.importorskip("skimage", reason="superpixels need: pip install scikit-image")
    widget = compare(Closed(), methods=["d-rise", "sodex"], masks=20, cells=4, samples=30, segments=6)
    assert widget.wait(SECONDS)
    assert states(widget) == {"d-rise": "ok", "sodex": "ok"}
    assert len(widget.rows["sodex"]["figures"]["weighted R²"]) == 3
    assert [(found["key"], found["signed"]) for found in widget.map_data["sets"]] == [
        ("d-rise|class||", False),
        ("sodex|class||", True),
    ]
    assert "'sodex': {'samples': 30, 'segments': 6}" in widget.to_code()


def test_cancelling_keeps_what_a_slow_method_had_and_computing_again_completes_it(compare: Any) -> None:
    detector = Gated()
    widget = compare(detector, methods=["d-rise", "odam"], masks=120, cells=4)
    assert detector.begun.wait(SECONDS)
    assert states(widget) == {"d-rise": "busy", "odam": "ok"}
    widget._message(widget, {"type": "cancel"}, [])
    assert widget.status["text"] == "Stopping"
    detector.go.set()
    assert widget.wait(SECONDS)
    assert states(widget) == {"d-rise": "ok", "odam": "ok"}
    assert "stopped by hand" in widget.rows["d-rise"]["remark"]
    assert 0 < widget.maps["d-rise"].settings["masks made"] < 120
    widget.methods = ["odam"]
    widget.methods = ["d-rise", "odam"]
    assert widget.wait(SECONDS)
    assert widget.maps["d-rise"].settings["masks made"] == 120
    assert widget.rows["d-rise"]["remark"].endswith("120 masks")


def test_what_has_not_begun_is_stopped_too_until_it_is_asked_for(compare: Any) -> None:
    detector = Gated(pause={"x1": 0.05})
    widget = compare(detector, methods=["odam"])
    widget.set_state({"methods": ["odam", "d-rise"], "target": "x1"})
    widget.cancel()
    assert widget.wait(SECONDS)
    assert set(states(widget).values()) == {"stopped"}
    assert widget.maps == {}
    widget._message(widget, {"type": "compute", "method": "odam"}, [])
    assert widget.wait(SECONDS)
    assert states(widget) == {"odam": "ok", "d-rise": "stopped"}


def test_a_method_that_cannot_explain_the_target_says_so_and_the_others_go_on(compare: Any) -> None:
    widget = compare(methods=["d-rise", *WHITE], target="x1", masks=40)
    assert widget.wait(SECONDS)
    assert states(widget) == {"d-rise": "error", "odam": "ok", "layer-cam": "ok"}
    assert "has no maps of the target 'x1'; it has: class" in widget.rows["d-rise"]["text"]
    assert list(widget.maps) == ["odam", "layer-cam"]


def test_an_exception_is_shown_in_words_and_the_widget_lives_on(compare: Any) -> None:
    widget = compare(stub.StubDetector(fails={"x2": "the head is missing"}), methods=WHITE)
    widget.target = "x2"
    assert widget.wait(SECONDS)
    assert set(states(widget).values()) == {"error"}
    assert all("the head is missing" in row["text"] for row in widget.rows.values())
    assert "image/png" in widget._repr_mimebundle_()[0]
    widget.target = "class"
    assert set(states(widget).values()) == {"ok"}


def test_a_newer_target_supersedes_an_older_one(compare: Any) -> None:
    widget = compare(stub.StubDetector(pause={"x1": 0.1}), methods=WHITE)
    widget.target = "x1"
    widget.target = "y1"
    assert widget.wait(SECONDS)
    assert {maps.target.part for maps in widget.maps.values()} == {"y1"}
    assert states(widget) == {"odam": "ok", "layer-cam": "ok"}


def test_the_browser_is_sent_again_what_it_does_not_hold(compare: Any) -> None:
    widget = compare(methods=[*WHITE, "grad-cam"])
    sent = []
    widget.observe(lambda change: sent.append([found["key"] for found in change["new"].get("sets", ())]), "map_data")
    widget._message(widget, {"type": "maps"}, [])
    assert sent[-1] == ["odam|class||", "layer-cam|class||", "grad-cam|class||"]


def test_maps_are_those_of_the_shown_objects_until_others_are_shown_or_asked_for(compare: Any) -> None:
    detector = stub.StubDetector()
    widget = compare(detector, methods=WHITE, objects=[2])
    assert [(found["rows"], len(found["grids"])) for found in widget.map_data["sets"]] == [([2], 1)] * 2
    assert widget.rows["odam"]["has"] == [2]
    assert widget.rows["odam"]["metrics"]["energy-pointing-box"][:2] == [None, None]
    widget.shown = [0, 2]
    assert widget.wait(SECONDS)
    assert [found["rows"] for found in widget.map_data["sets"]] == [[0, 2]] * 2
    before = widget.rows["odam"]["metrics"]["energy-pointing-box"]
    whole = dx.compare(detector, stub.photograph(), widget.detections, methods=WHITE)
    for method, maps in widget.maps.items():
        torch.testing.assert_close(maps.values, whole[method].values, rtol=0, atol=0)
        assert maps.detections.label_names() == widget.detections.label_names()
    after = widget.rows["odam"]["metrics"]["energy-pointing-box"]
    assert (after[0], after[2], before[1]) == (before[0], before[2], None)
    assert after[1] is not None


@pytest.mark.parametrize("options", [{}, {"smooth": "box", "direction": "signed", "score": "logit"}])
def test_the_code_makes_the_shown_maps(compare: Any, options: dict[str, str]) -> None:
    detector, image = stub.StubDetector(), stub.photograph()
    widget = compare(detector, methods=["layer-cam", "odam"], layer="fine", **options)
    widget.selected, widget.selected_method = 1, "odam"
    names: dict[str, Any] = {"detector": detector, "image": image}
    exec(widget.to_code(), names)
    assert widget.code == widget.to_code()
    assert list(names["maps"]) == ["layer-cam", "odam"]
    torch.testing.assert_close(names["heat_map"], widget.maps["odam"].values[1])


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(compare: Any) -> None:
    check_traits(compare(methods=WHITE), "comparison")


def test_a_saved_notebook_holds_a_picture_of_the_grid(compare: Any, tmp_path: Path) -> None:
    widget = compare(methods=WHITE)
    wide = Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"]))
    widget.shown = [1]
    narrow = np.asarray(Image.open(widget.save_png(tmp_path / "grid.png")))
    assert narrow.shape[1] < wide.width
    assert len(np.unique(narrow.reshape(-1, 3), axis=0)) > 1000, "photograph and map are in it"


def test_nothing_found_and_nothing_chosen_are_said(compare: Any) -> None:
    widget = compare(methods=WHITE, score_threshold=0.95)
    assert "0.910" in widget.notice
    assert widget.maps == {}
    columns = [metric["name"] for metric in widget.choices["metrics"]]
    assert list(widget.table()) == ["method", "object", "name", "score", *columns]
    assert "image/png" in widget._repr_mimebundle_()[0]
    empty = compare(methods=[])
    assert (empty.rows, empty.order) == ({}, [])
    assert "image/png" in empty._repr_mimebundle_()[0]


def test_wrong_arguments_are_refused() -> None:
    photo = stub.photograph()
    with pytest.raises(TraitError, match="'odam'"):
        dx.widgets.Comparison(stub.StubDetector(), photo, methods=["odem"])
    with pytest.raises(TypeError, match=r"'smoth' is no argument.*opacity.*smooth"):
        dx.widgets.Comparison(stub.StubDetector(), photo, smoth="box")
    with pytest.raises(ValueError, match="queries the detector"):
        dx.widgets.Comparison(stub.StubDetector(), photo, metrics=["deletion"])


def test_close_stops_the_work_and_frees_what_was_kept() -> None:
    detector = Gated()
    widget = dx.widgets.Comparison(detector, stub.photograph(), methods=["odam", "d-rise"], masks=120)
    assert detector.begun.wait(SECONDS)
    thread = widget._worker._task.thread
    widget.close()
    detector.go.set()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert len(widget._worker.kept) == 0


def test_a_person_is_asked_before_a_long_method_begins_and_a_script_is_not(compare: Any) -> None:
    detector = Gated()
    detector.go.set()
    widget = compare(detector, methods=["odam"], masks=20)
    widget._slow._seconds = 10.0
    widget.set_state({"methods": ["odam", "d-rise"]})
    row = widget.rows["d-rise"]
    assert (states(widget), widget.status["state"]) == ({"odam": "ok", "d-rise": "asked"}, "idle")
    assert "D-RISE asks the detector up to 20 times, which takes about 3 min" in row["text"]
    assert "masks=10," in row["text"]
    widget.set_state({"target": "x1"})
    assert widget.rows["d-rise"]["key"] == row["key"].replace("class", "x1")
    widget.set_state({"target": "class"})
    widget._message(widget, {"type": "compute", "method": "d-rise"}, [])
    assert widget.wait(SECONDS)
    assert states(widget)["d-rise"] == "ok"
    widget.set_state({"methods": ["odam"]})
    widget.set_state({"methods": ["odam", "d-rise"]})
    assert states(widget)["d-rise"] == "ok", "what is kept needs no question"
    other = compare(detector, methods=["odam"], masks=20)
    other._slow._seconds = 10.0
    other.methods = ["odam", "d-rise"]
    assert other.wait(SECONDS)
    assert states(other)["d-rise"] == "ok"
    quick = compare(detector, methods=["odam"], masks=20)
    quick.set_state({"methods": ["odam", "d-rise"]})
    assert quick.wait(SECONDS)
    assert states(quick)["d-rise"] == "ok", "what is quick begins at once, its time being measured"


def test_d_rise_shows_its_maps_as_they_improve(compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(d_rise, "_FIRST_CHECK", 4)
    monkeypatch.setattr(improving, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(improving, "_MOST_PIXELS", 2000)
    widget = compare(methods=[], objects=[2, 0], masks=40, batch_size=2, stop_agreement=None)
    seen: list[Any] = []
    said: list[str] = []
    widget.observe(lambda change: seen.extend(change["new"].get("sets", [])), "map_data")
    widget.observe(lambda change: said.append(change["new"]["d-rise"]["text"]), "rows")
    widget.methods = ["d-rise"]
    assert widget.wait(SECONDS)
    early = [one for one in seen if one.get("unfinished")]
    assert early
    assert early[0]["rows"] == [2, 0]
    # How far it has come when the first is shown depends on what else runs.
    masks = re.fullmatch(r"after (\d+) masks", early[0]["grids"][0]["status"])
    assert masks is not None
    assert 4 <= int(masks[1]) < 40
    cell = early[0]["grids"][0]["stride"][0]
    assert (cell, early[0]["grids"][0]["shape"]) == (4, [30, 50])
    assert any(re.match(r"\d+ of up to 40 masks, split-half correlation", text) for text in said)
    assert not seen[-1].get("unfinished")
    assert widget.rows["d-rise"]["text"] == ""
    first = dx.explain(
        widget._inputs.detector, stub.photograph(), widget.detections, method="d-rise", masks=4, stop_agreement=None
    )
    peak = early[0]["grids"][0]["high"]
    assert peak == pytest.approx(float(torch.nn.functional.avg_pool2d(first.grids[2][None, None], 4).max()), rel=1e-4)


def test_filters_choose_the_objects_to_choose_from_and_their_boxes(compare: Any) -> None:
    widget = compare(methods=["odam"], objects=[0], boxes="all", only_class="lid")
    assert (widget.listed, widget.shown) == ([1], [0])
    names: dict[str, Any] = {"detector": stub.StubDetector(), "image": stub.photograph()}
    exec(widget.to_code(), names)
    assert names["listed"] == [1]
    few = np.asarray(widget._photo_picture()).astype(int)
    widget.only_class = ""
    assert "listed" not in widget.code
    many = np.asarray(widget._photo_picture()).astype(int)
    assert np.abs(few - many).max() > 50
