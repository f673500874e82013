"""Missed objects in Explorer and WhatIf without a browser: what is listed, explained, drawn, written and refused."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import stub
import torch
from frontend import check_traits
from PIL import Image
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.interventions import Region
from detxai_nb.widgets.shared.missed import missed_in_words

WIDGETS = (dx.widgets.Explorer, dx.widgets.WhatIf)


@pytest.fixture(scope="module")
def sample() -> Sample:
    """A crowd of which tiny-fcos misses some objects."""
    return dx.data.scenes.Scenes(6, seed=3, mode="crowd")[0]


@pytest.fixture(scope="module")
def tiny() -> Any:
    return dx.load_detector("tiny-fcos", device="cpu")


@pytest.fixture(params=WIDGETS, ids=lambda kind: kind.__name__)
def make(request: Any, make_any: Any, tiny: Any, sample: Sample) -> Any:
    """``make(**options)``: a widget of the crowd with its annotations, closed after the test."""

    def made(detector: Any = tiny, image: Any = sample.image, **options: Any) -> Any:
        extra = {"controls": 0} if request.param is dx.widgets.WhatIf else {}
        return make_any(request.param, detector, image, **{"sample": sample, **extra, **options})

    return made


def run(widget: Any, sample: Sample) -> dict[str, Any]:
    names: dict[str, Any] = {"detector": widget._inputs.detector, "image": widget._inputs.image, "sample": sample}
    exec(widget.code, names)
    assert widget.code == widget.to_code()
    return names


def first(widget: Any, explained: bool = True) -> int:
    return [one["explained"] for one in widget.misses].index(explained)


def test_the_misses_are_those_of_the_analysis(make: Any, tiny: Any, sample: Sample) -> None:
    widget = make(score_threshold=0.4)
    report = dx.misses.explain_misses(tiny, sample, score_threshold=0.4)
    assert [one["missed"] for one in widget.misses] == report.misses["cause"].tolist()
    assert [one["box"] for one in widget.misses] == report.misses[["x1", "y1", "x2", "y2"]].to_numpy().tolist()
    assert widget.missed.misses.equals(report.misses)
    for row, one in enumerate(widget.misses):
        candidate = report.candidates[row]
        assert one["explained"] == (candidate is not None) == (one["candidate"] is not None)
        if candidate is not None:
            assert one["candidate"]["box"] == pytest.approx(candidate.boxes[0].tolist())
        assert one["why"] == f"{one['missed']}: {dx.misses.CAUSES[one['missed']]}"
    assert all(one["name"] in missed_in_words(one) for one in widget.misses)
    assert (widget.miss, widget.selected) == (None, 0)


def test_the_map_is_the_signed_one_of_the_best_candidate(make: Any, tiny: Any, sample: Sample) -> None:
    widget = make()
    row = first(widget)
    widget.miss = row
    assert widget.wait(30)
    assert widget.selected is None
    right = dx.misses.explain_candidate(tiny, sample, widget.missed, row)
    shown = widget._drawn()
    assert shown.signed
    assert torch.equal(shown.values, right.values)
    assert widget.map_data["choice"]["miss"] == row
    assert list(widget.map_data["choice"]) == list(widget.request["choice"]), "the page compares them in this order"
    names = run(widget, sample)
    assert torch.equal(names["maps"].values, right.values)
    assert names["report"].misses.equals(widget.missed.misses)
    widget.selected = 1
    assert widget.wait(30)
    assert widget.miss is None
    assert torch.equal(run(widget, sample)["maps"].values, widget._drawn().values)


def test_another_method_explains_a_miss_too(make: Any, tiny: Any, sample: Sample) -> None:
    widget = make()
    widget.miss = row = first(widget)
    widget.method = "grad-cam"
    assert widget.wait(30)
    right = dx.misses.explain_candidate(tiny, sample, widget.missed, row, method="grad-cam")
    assert torch.equal(widget._drawn().values, right.values)
    assert torch.equal(run(widget, sample)["maps"].values, right.values)


def test_a_cancelled_miss_leads_back_to_the_object(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any, progress: Any, **__: Any) -> None:
        while True:
            time.sleep(0.01)
            progress(0, 1)

    widget = make(selected=2)
    shown = widget.map_key
    monkeypatch.setattr("detxai_nb.widgets.shared.missed.explain_candidate", slow)
    widget.set_state({"selected": None, "miss": first(widget)})
    assert widget.status["state"] == "busy"
    widget.cancel()
    assert widget.wait(30)
    assert (widget.miss, widget.selected, widget.map_key, widget.status["state"]) == (None, 2, shown, "idle")


def test_one_without_a_candidate_has_no_map_and_says_so(make: Any, sample: Sample) -> None:
    # An object of the floor, far from all others: nothing comes near it.
    boxes = np.concatenate([sample.boxes, np.array([[250, 30, 270, 50]], np.float32)])
    more = replace(
        sample,
        boxes=boxes,
        labels=np.append(sample.labels, 0),
        crowd=np.append(sample.crowd, False),
        load_masks=lambda: np.zeros((len(boxes), *sample.image.shape[:2]), bool),
    )
    widget = make(sample=more)
    row = first(widget, explained=False)
    assert (widget.misses[row]["missed"], widget.misses[row]["candidate"]) == ("proposal", None)
    shown = widget.map_key
    widget.miss = row
    assert widget.wait(30)
    assert (widget.request["key"], widget.map_key) == ("", shown)
    assert "maps =" not in widget.code
    run(widget, more)
    assert Image.open(io.BytesIO(widget._picture())).width == 640


def test_they_are_drawn_in_the_still_picture(make: Any, sample: Sample) -> None:
    widget = make()
    plain = make(sample=None)
    assert plain.misses == []
    assert not np.array_equal(np.asarray(widget._photo_picture()), np.asarray(plain._photo_picture()))
    row = first(widget)
    widget.miss = row
    assert widget.wait(30)
    assert widget._caption().startswith(f"{widget.misses[row]['name']}, missed, {widget.misses[row]['why']}")
    widget.search = "no such thing"
    assert widget._hidden_things == frozenset(range(len(widget._things)))
    widget.search, widget.selected = "", None
    widget.miss = None
    assert f"{len(widget.misses)} missed" in widget._caption()


def test_what_is_refused(make: Any, make_any: Any, sample: Sample) -> None:
    with pytest.raises(TypeError, match="sample is one photograph of a dataset, a Sample; got list"):
        make(sample=[sample])
    with pytest.raises(ValueError, match=r"hand in sample\.image with its sample"):
        make(image=sample.image[:100])
    with pytest.raises(TraitError, match="no object was missed; hand in the annotations with sample="):
        make(sample=None).miss = 0
    with pytest.raises(RuntimeError, match="hand in the photograph with its annotations as sample="):
        make(sample=None).missed  # noqa: B018
    widget = make()
    with pytest.raises(TraitError, match=rf"miss is None or one of 0 to {len(widget.misses) - 1}; got 99"):
        widget.miss = 99
    image = dx.data.scenes.make(1, 3, mode="single").image
    with pytest.raises(ValueError, match=r"dx\.misses says why objects in places were missed"):
        make(dx.load_detector("tiny-resnet", device="cpu"), image)


def test_where_nothing_was_found_all_is_missed_and_can_be_explained(make: Any, sample: Sample) -> None:
    widget = make(score_threshold=0.99)
    assert widget.objects == []
    assert len(widget.misses) == len(sample)
    widget.miss = first(widget)
    assert widget.wait(30)
    assert widget._drawn().signed
    widget.detect_again()
    assert widget.wait(30)
    assert widget.miss is None
    assert 0 < len(widget.misses) < len(sample)


def test_a_what_if_asks_about_the_hottest_pixels_of_a_miss(make_any: Any, tiny: Any, sample: Sample) -> None:
    widget = make_any(dx.widgets.WhatIf, tiny, sample.image, sample=sample, controls=0, fill="mean")
    widget.miss = row = first(widget)
    assert widget.wait(30)
    widget._message(widget, {"type": "ask", "shapes": [{"kind": "hottest", "row": 0, "share": 0.02}], "ask": 1}, [])
    assert widget.wait(30)
    right = Region.hottest(dx.misses.explain_candidate(tiny, sample, widget.missed, row), 0, 0.02)
    assert np.array_equal(widget.region.mask, right.mask)
    names = run(widget, sample)
    assert np.array_equal(names["region"].mask, right.mask)
    assert names["heat_share"] == widget.heat_share
    widget.selected = 0
    assert widget.wait(30)
    assert np.array_equal(run(widget, sample)["region"].mask, right.mask)


def test_of_a_black_box_the_misses_are_listed_and_not_explained(make_any: Any) -> None:
    closed = dx.wrap_predict(lambda image: ([stub.BOXES[0]], [0.9], [0]), stub.NAMES)
    boxes = np.array(stub.BOXES, np.float32)
    sample = Sample(
        stub.photograph(), boxes, np.arange(3), np.zeros(3, bool), 1, "one.png", stub.NAMES, lambda: np.zeros((3, 1, 1))
    )
    widget = make_any(dx.widgets.WhatIf, closed, sample.image, sample=sample, controls=0)
    assert [one["explained"] for one in widget.misses] == [False, False]
    widget.miss = 1
    assert (widget.request["key"], widget.misses[1]["name"]) == ("", "<b>tin</b>")
    run(widget, sample)


def test_every_key_of_the_front_end_is_a_synced_trait(make: Any) -> None:
    widget = make()
    check_traits(widget, "explorer" if isinstance(widget, dx.widgets.Explorer) else "what_if")
