"""The Predict without a browser: locked before the reveal, the truth nowhere before, and exercises through dx.check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pytest
import stub
from frontend import check_traits
from PIL import Image

import detxai_nb as dx
from detxai_nb.check import Exercise

OPTIONS = {"a": "the leaf", "b": "the ball", "c": "the table"}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is noted of exercises lies in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make() -> Iterator[Any]:
    """``make(question, **options)``: a Predict that is closed after the test."""
    made = []

    def make_(*given: Any, **options: Any) -> Any:
        made.append(dx.widgets.Predict(*given, **options))
        return made[-1]

    yield make_
    for widget in made:
        widget.close()


def send(widget: Any, **message: Any) -> None:
    widget._message(widget, message, [])


@pytest.mark.parametrize(
    ("kind", "truth", "more", "answer", "words", "right"),
    [
        ("number", 7, {}, 8, "You said 8; it is 7, so you are off by 1.", None),
        ("number", 0.3, {"tolerance": 0.05}, 0.26, "You said 0.26; it is 0.3, so you are off by 0.04.", True),
        ("number", 0.3, {"tolerance": 0.05}, 0.2, "You said 0.2; it is 0.3, so you are off by 0.1.", False),
        ("number", 7, {}, 7, "You said 7; it is 7.", True),
        ("choice", "b", {"options": OPTIONS}, "the leaf", "You said the leaf; it is the ball.", False),
        ("choice", "b", {"options": OPTIONS}, ["b"], "You said the ball; it is the ball.", True),
        (
            "order",
            ["c", "a", "b"],
            {"options": OPTIONS},
            ["a", "c", "b"],
            "The order is the table, the leaf, the ball. You have 2 of 3 pairs in the right order.",
            False,
        ),
        ("order", ["x", "y"], {"options": ["x", "y"]}, ["x", "y"], "You have 1 of 1 pairs", True),
        ("point", (30, 40), {}, (33, 44), "Your point is 5 pixels from the right one.", None),
        ("point", (30, 40), {"tolerance": 5}, (33, 44), "Your point is 5 pixels from the right one.", True),
        ("point", {"box": [10, 10, 20, 20]}, {}, (33, 44), "Your point is not inside the region.", False),
        ("point", {"circle": [30, 40, 6]}, {}, (33, 44), "Your point is inside the region.", True),
        ("box", (0, 0, 10, 10), {}, (0, 0, 10, 5), "overlap by an IoU of 0.50", True),
        ("box", (0, 0, 10, 10), {}, (0, 0, 10, 4), "overlap by an IoU of 0.40", False),
    ],
)
def test_a_locked_answer_is_set_beside_the_truth(
    kind: str, truth: Any, more: dict[str, Any], answer: Any, words: str, right: bool | None, make: Any
) -> None:
    image = stub.photograph() if kind in ("point", "box") else None
    widget = make("What?", kind=kind, truth=truth, image=image, **more)
    widget.reveal()
    assert (widget.stage, widget.outcome) == ("asking", {})
    send(widget, type="lock", answer=answer, asked="x")
    assert (widget.stage, widget.can_reveal, widget.heard, widget.outcome) == ("locked", True, "x", {})
    send(widget, type="lock", answer=truth)
    assert "locked already" in widget.notice
    send(widget, type="reveal")
    assert (widget.stage, widget.outcome["right"]) == ("revealed", right)
    assert words in widget.outcome["words"]
    names: dict[str, Any] = {}
    exec(widget.code, names)
    assert names["prediction"] == widget.prediction


def test_the_truth_is_nowhere_in_the_page_before_the_reveal(make: Any) -> None:
    widget = make("How many?", kind="number", truth=12345.5, others=[54321.5])

    def told() -> str:
        saved = ipywidgets.Widget.get_manager_state(widgets=[widget])
        return json.dumps([widget.get_state(), saved, widget.to_code(), repr(widget)], default=str)

    assert not {"12345", "54321"} & {one for one in ("12345", "54321") if one in told()}
    widget.lock(1)
    assert not {"12345", "54321"} & {one for one in ("12345", "54321") if one in told()}
    widget.reveal()
    assert "12345.5" in told()
    assert "54321.5" in told()


def test_the_truth_may_come_from_a_later_cell_before_or_after_the_answer(make: Any) -> None:
    widget = make("How many?", kind="number")
    widget.lock(3)
    assert (widget.stage, widget.can_reveal) == ("locked", False)
    widget.reveal(4)
    assert widget.outcome["words"] == "You said 3; it is 4, so you are off by 1."
    early = make("How many?", kind="number")
    early.reveal(lambda: 4)  # all cells were run before anybody answered
    assert (early.stage, early.outcome, early.can_reveal) == ("asking", {}, True)
    send(early, type="lock", answer=4)
    send(early, type="reveal")
    assert early.outcome["right"] is True


def test_a_truth_that_cannot_be_computed_is_said_in_words(make: Any) -> None:
    widget = make("How many?", kind="number", truth=lambda: 1 / 0)
    widget.lock(1)
    send(widget, type="reveal")
    assert widget.notice == "the truth could not be computed: ZeroDivisionError: division by zero"
    assert widget.stage == "locked"


def test_the_answers_of_others_are_counted(make: Any) -> None:
    choice = make("Which?", kind="choice", options=OPTIONS, truth="a", others=["a", "b", "the leaf"])
    choice.lock("b")
    choice.reveal()
    assert choice.outcome["counts"] == {"a": 2.0, "b": 1.0, "c": 0.0}
    order = make("Order?", kind="order", options=["x", "y"], truth=["x", "y"])
    order.lock(["x", "y"])
    order.reveal(others=[["x", "y"], ["y", "x"], ["x", "y"], ["x", "y"]])
    assert order.outcome["counts"] == {"x": 1.25, "y": 1.75}
    number = make("How many?", kind="number", truth=3, others=[1, 5, 2, 4])
    number.lock(1)
    number.reveal()
    assert number.outcome["others_words"] == "4 others said 1 to 5, in the middle 3."


def test_an_exercise_goes_to_dx_check_with_its_hints(make: Any, tmp_path: Path) -> None:
    widget = make(exercise="00.2")
    assert (widget.about["kind"], widget.about["exercise"]) == ("choice", "00.2")
    assert [one["key"] for one in widget.about["options"]] == ["a", "b", "c", "d"]
    for misses, answer in enumerate("abd", 1):
        widget.lock(answer)
        send(widget, type="reveal")
        assert (widget.stage, widget.outcome["right"], widget.outcome["truth"]) == ("revealed", False, {})
        assert len(widget.outcome["hints"]) == misses - 1
        send(widget, type="again")
        assert (widget.stage, widget.prediction) == ("asking", None)
    widget.lock("c")
    widget.reveal()
    assert (widget.outcome["right"], widget.outcome["truth"], widget.outcome["again"]) == (
        True,
        {"chosen": ["c"]},
        False,
    )
    assert "00.2 Right." in widget.outcome["words"]
    assert dx.check.progress("00").loc["00.2", "state"] == "solved"
    with pytest.raises(ValueError, match="only an answer to an exercise"):
        widget.again()
    assert "dx.check('00.2', prediction)" in widget.code


def test_a_point_of_an_exercise_is_set_in_its_picture(make: Any) -> None:
    with pytest.raises(ValueError, match="hand in image="):
        make(exercise="00.1")
    widget = make(exercise="00.1", image=np.zeros((480, 640, 3), np.uint8))
    widget.lock([196, 235])
    widget.reveal()
    assert widget.outcome["right"] is True


def test_an_exercise_of_ones_own_brings_unit_and_several(make: Any) -> None:
    own = Exercise("", "", "Which?", "choice", 1, 1, options=OPTIONS, several=True)
    widget = make(exercise=own, truth=["a", "c"])
    widget.lock(["c", "a"])
    widget.reveal()
    assert (widget.about["several"], widget.outcome["right"]) == (True, True)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({}, ValueError, "a question is a text"),
        ({"question": "What?"}, ValueError, "kind is one of 'number'"),
        ({"question": "What?", "kind": "code"}, ValueError, "kind is one of"),
        ({"question": "What?", "kind": "point"}, ValueError, "hand in image="),
        ({"question": "What?", "kind": "choice"}, ValueError, "two at least; got 0"),
        ({"question": "What?", "kind": "choice", "options": "ab"}, TypeError, "options are texts"),
        ({"question": "What?", "kind": "number", "options": ["a", "b"]}, ValueError, "options are for"),
        ({"question": "What?", "kind": "number", "truth": "three"}, TypeError, "expected a number"),
        ({"question": "What?", "kind": "number", "tolerance": -1}, ValueError, "at least 0"),
        ({"question": "What?", "kind": "number", "others": "12"}, TypeError, "a list of answers"),
        ({"question": "What?", "kind": "number", "others": ["x"]}, TypeError, "expected a number"),
        ({"exercise": "00.3"}, ValueError, r"dx\.check\('00\.3', function\)"),
        ({"exercise": "00.99"}, ValueError, "no exercise"),
        ({"exercise": 5}, TypeError, "named by its id"),
    ],
)
def test_what_cannot_be_asked_is_refused(given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        dx.widgets.Predict(**given)


@pytest.mark.parametrize("answer", [None, "x", [], [1], {"a": 1}, float("nan"), True, "<b>"])
def test_what_is_no_answer_is_not_locked(answer: Any, make: Any) -> None:
    widget = make("How many?", kind="number", truth=1)
    send(widget, type="lock", answer=answer)
    assert widget.notice.startswith("expected a number")
    assert widget.stage == "asking"


@pytest.mark.parametrize("kind", ["number", "choice", "order", "point", "box"])
def test_a_still_picture_shows_the_question_and_what_it_came_to(kind: str, make: Any, tmp_path: Path) -> None:
    truths = {"number": 1, "choice": "a", "order": ["a", "b", "c"], "point": {"polygon": [[1, 1], [9, 1], [5, 9]]}}
    truth = truths.get(kind, (1, 1, 50, 60))
    options = OPTIONS if kind in ("choice", "order") else None
    image = stub.photograph() if kind in ("point", "box") else None
    widget = make("What?", kind=kind, truth=truth, options=options, image=image)
    heights = []
    for step in (lambda: None, lambda: widget.lock((3, 4) if kind == "point" else truth), widget.reveal):
        step()
        with Image.open(widget.save_png(tmp_path / "shown.png")) as shown:
            assert shown.width == 640
            heights.append(shown.height)
    assert min(heights) > 50


@pytest.mark.parametrize("kind", ["number"])
def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(kind: str, make: Any) -> None:
    check_traits(make("What?", kind=kind), "predict")
