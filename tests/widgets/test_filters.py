"""Which objects a widget lists, how its colours end, and that what a browser sends is checked."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import stub
import torch
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.widgets.shared.serialize import CLASS_COLORS, class_colors
from detxai_nb.widgets.snapshots.picture import draw_view

KINDS = (dx.widgets.Explorer, dx.widgets.Discrimination, dx.widgets.Perturbation, dx.widgets.ScoreThreshold)
SENT = (
    "min_score",
    "score_threshold",
    "only_class",
    "search",
    "percentile",
    "hide_below",
    "opacity",
    "selected",
    "step",
)
BAD = (
    *(
        None,
        True,
        -1,
        0,
        1,
        2,
        1e308,
        -0.0,
        float("nan"),
        float("inf"),
        10**400,
        "",
        "cup",
        "#2",
        "\ud800",
        "x" * 10**5,
    ),
    *([], [1], {}, {"a": [None]}, "<b>tin</b>", "\0", "=1+1"),
)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def widget(request: pytest.FixtureRequest) -> Iterator[Any]:
    detector = stub.Dimming() if request.param is dx.widgets.Perturbation else stub.StubDetector()
    made = request.param(detector, stub.photograph())
    yield made
    made.close()


def test_objects_are_listed_by_class_and_by_a_part_of_their_name_or_number(widget: Any) -> None:
    assert widget.listed == [0, 1, 2]
    widget.only_class = "lid"
    assert widget.listed == [1]
    widget.only_class = ""
    for search, wanted in (("I", [1, 2]), (" CUP ", [0]), ("#2", [2]), ("2", [2]), ("#", [0, 1, 2]), ("dog", [])):
        widget.search = search
        assert widget.listed == wanted, search
    assert "listed" not in type(widget).class_traits()


def test_the_code_and_the_picture_have_the_objects_that_are_listed(widget: Any) -> None:
    assert "listed" not in widget.code
    widget.search = "i"
    names = {"detector": stub.StubDetector(), "image": stub.photograph()}
    exec(widget.code, names)
    assert names["listed"] == [1, 2]
    assert widget._hidden == frozenset({0})
    widget.selected = None
    drawn = np.asarray(draw_view(widget._scene())).astype(int)
    x1, _, _, y2 = (int(v) for v in stub.BOXES[0])
    assert np.abs(drawn[y2 - 30, x1] - stub.photograph()[y2 - 30, x1]).max() <= 2, "the box is not drawn"


def test_scores_are_compared_as_the_detector_gives_them(make_any: Any) -> None:
    widget = make_any(dx.widgets.Explorer, stub.StubDetector(), stub.photograph(), min_score=0.8)
    assert float(torch.tensor(0.8)) != 0.8
    assert widget.listed == [0, 1]
    assert "detections.scores[i] >= 0.8" in widget.code


def test_what_a_browser_sends_is_taken_or_refused_in_words(widget: Any) -> None:
    source = random.Random(3)
    for _ in range(300):
        name, value = source.choice(SENT), source.choice(BAD)
        if not widget.has_trait(name):
            continue
        with contextlib.suppress(TraitError):
            widget.set_state({name: value})
        assert isinstance(widget.listed, list)
        assert widget.code
        assert json.dumps(widget.objects)
        if hasattr(widget, "wait"):
            widget.wait()


def test_the_code_paints_what_is_shown(make_any: Any) -> None:
    look = {"percentile": 90.0, "hide_below": 0.2, "opacity": 0.6, "colormap": "magma", "boxes": "selected"}
    widget = make_any(dx.widgets.Explorer, stub.StubDetector(), stub.photograph(), selected=2, **look)
    names = {"detector": stub.StubDetector(), "image": stub.photograph()}
    exec(widget.to_code(), names)
    drawn = np.asarray(draw_view(widget._scene(), name=False)).astype(int)
    x1, y1, x2, y2 = (int(v) for v in stub.BOXES[2])
    inside = (slice(y1 + 6, y2 - 6), slice(x1 + 6, x2 - 6))
    assert np.array_equal(names["picture"][inside], drawn[inside])
    assert not np.array_equal(names["picture"], stub.photograph())
    with pytest.raises(ValueError, match="percentile above 0, up to 100"):
        dx.plots.color_range(widget.maps, 0, percentile=0)


@pytest.mark.parametrize("direction", ["positive", "signed"])
@pytest.mark.parametrize("scale", ["object", "shared"])
def test_a_percentile_ends_the_colours(make_any: Any, direction: str, scale: str) -> None:
    widget = make_any(dx.widgets.Explorer, stub.StubDetector(), stub.photograph(), direction=direction)
    maps = widget.maps
    values = torch.cat([grid.flatten() for grid in (maps.grids if scale == "shared" else maps.grids[:1])]).double()
    low, high = dx.plots.color_range(maps, 0, scale=scale, percentile=90)
    sizes = values.abs() if maps.signed else values
    wanted = np.percentile(sizes[sizes > 0], 90)
    assert high == pytest.approx(wanted)
    assert low == pytest.approx(-wanted if maps.signed else float(values.min()))
    assert 0 < dx.plots.color_range(maps, 0, scale=scale, percentile=0.1)[1] < high


def test_classes_have_colours_of_their_own_while_there_are_enough() -> None:
    few = class_colors([3, 13, 3, 0])
    assert len(set(few.values())) == 3
    assert few[0] == CLASS_COLORS[0]
    assert class_colors([13, 5], few)[13] == few[13]
    many = class_colors(range(25))
    assert set(many.values()) == set(CLASS_COLORS)
    assert many[24] == CLASS_COLORS[4]


@pytest.mark.parametrize("kind", KINDS[:3], ids=lambda kind: kind.__name__)
def test_where_nothing_was_found_a_lower_threshold_is_one_message_away(make_any: Any, kind: Any) -> None:
    widget = make_any(kind, stub.Dimming(), stub.photograph(), score_threshold=0.95)
    assert (widget.objects, widget.selected) == ([], None)
    assert widget.lower_score == 0.72
    widget._message(widget, {"type": "detect"}, [])
    assert widget.wait(20)
    assert [thing["name"] for thing in widget.objects] == ["cup", "lid"]
    assert (widget.selected, widget.lower_score, widget.notice) == (0, None, "")
    assert widget.map_key == widget.request["key"] != ""
    assert "score_threshold=0.72" in widget.code
    found = widget.objects
    widget.detect_again()
    assert widget.objects is found
    assert make_any(kind, stub.Dimming(), stub.photograph()).lower_score is None


def test_only_what_the_widget_detected_itself_is_detected_again(make_any: Any) -> None:
    detector = stub.StubDetector()
    none = detector.detect([stub.photograph()], score_threshold=0.95)[0]
    widget = make_any(dx.widgets.Explorer, detector, stub.photograph(), detections=none)
    assert widget.lower_score is None
    widget.detect_again()
    assert widget.objects == []


def test_a_truth_value_is_no_number(make_any: Any) -> None:
    compare = make_any(dx.widgets.Comparison, stub.StubDetector(), stub.photograph(), methods=["odam"])
    perturb = make_any(dx.widgets.Perturbation, stub.Dimming(), stub.photograph())
    wrong = [
        (compare, "shown", [True]),
        (compare, "shown", [1.0]),
        (compare, "selected", True),
        (perturb, "step", True),
    ]
    wrong += [(compare, name, True) for name in ("opacity", "percentile", "min_score", "sort_object")]
    wrong += [(perturb, "step", True), (perturb, "step", 10**400)]
    for widget, name, value in wrong:
        with pytest.raises(TraitError, match=name):
            setattr(widget, name, value)


def test_a_comparison_goes_on_with_what_is_found_at_a_lower_threshold(make_any: Any) -> None:
    widget = make_any(dx.widgets.Comparison, stub.Dimming(), stub.photograph(), score_threshold=0.95)
    assert (widget.objects, widget.shown, widget.lower_score) == ([], [], 0.72)
    widget._message(widget, {"type": "detect"}, [])
    assert widget.wait(20)
    plain = make_any(dx.widgets.Comparison, stub.Dimming(), stub.photograph(), score_threshold=0.72)
    for name in ("objects", "shown", "metrics", "order", "notice", "lower_score", "code", "choices"):
        assert getattr(widget, name) == getattr(plain, name), name
    assert widget.rows["odam"]["metrics"] == plain.rows["odam"]["metrics"]
    assert [thing["name"] for thing in widget.objects] == ["cup", "lid"]
