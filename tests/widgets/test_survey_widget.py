"""The Survey without a browser: what is kept, what a restart finds, and that nothing tells a method's name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from frontend import check_traits
from PIL import Image

import detxai_nb as dx
from detxai_nb.methods import all_methods
from detxai_nb.survey import ClassAnswers, SeatAnswers, merge, simulate
from detxai_nb.widgets.shared.widget import STATIC


@pytest.fixture(scope="module")
def whole() -> ClassAnswers:
    return simulate(3, dx.survey.rehearsal_study(seats=3, objects=2), seed=2)


@pytest.fixture
def sit(whole: ClassAnswers, tmp_path: Path) -> Iterator[Any]:
    """``sit(study, number)``: a widget at a seat, that is closed after the test."""
    made = []

    def sit_(study: Any = None, number: int = 0, **options: Any) -> Any:
        asked = whole.study if study is None else study
        seat = whole.study.codes[number] if options.pop("seated", True) else None
        made.append(dx.widgets.Survey(asked, tmp_path / "answers", seat=seat, **options))
        return made[-1]

    yield sit_
    for widget in made:
        widget.close()


def send(widget: Any, **message: Any) -> None:
    widget._message(widget, message, [])


def give(widget: Any, rows: Any) -> None:
    for one in rows:
        assert widget.question["item"] == one.item
        widget.answer(choice=one.choice, box=one.box, confidence=one.confidence, seconds=one.seconds)


def text_of(value: Any) -> str:
    """Plain values as one text, without the pictures, which hold no texts."""
    return re.sub(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]*", "", json.dumps(value, default=str)).casefold()


def names_in(text: str, study: Any) -> list[str]:
    """The names of methods, detectors and directions that a text tells."""
    known = {name for name, one in all_methods().items()} | {one.title for one in all_methods().values()}
    known |= {option for key in study.key.values() for option in key.options}
    return sorted(name for name in known if name and name.casefold() in text.casefold())


def test_a_seat_from_its_code_to_the_reveal(whole: ClassAnswers, sit: Any, tmp_path: Path) -> None:
    widget = sit(seated=False)
    assert (widget.page, widget.seat, widget.answers) == ("seat", "", None)
    code = whole.study.codes[0]
    send(widget, type="sit", code=f"{code[:4].lower()}-{code[4:]}", asked="x1")
    assert (widget.page, widget.seat, widget.heard, widget.progress) == ("consent", code, "x1", {"done": 0, "of": 8})
    assert not (tmp_path / "answers").exists()
    send(widget, type="consent", agreed=False)
    assert widget.page == "declined"
    assert not (tmp_path / "answers").exists()
    send(widget, type="back")
    send(widget, type="consent", agreed=True)
    for count, one in enumerate(whole.seats[0].answers):
        assert (widget.page, widget.progress["done"]) == ("question", count)
        given = {"box": list(one.box), "confidence": one.confidence} if one.box else {"choice": one.choice}
        send(widget, type="answer", item=one.item, seconds=one.seconds, **given)
        assert SeatAnswers.load(widget.answers.path, whole.study).answers == whole.seats[0].answers[: count + 1]
    assert (widget.page, widget.notice, widget.question) == ("done", "", {})
    assert widget.ending["file"] == str(widget.answers.path)
    assert widget.answers == whole.seats[0]
    assert merge(tmp_path / "answers", whole.study).seats == whole.seats[:1]
    names: dict[str, Any] = {"study": whole.study}
    exec(widget.code, names)
    assert names["answers"] == whole.seats[0]
    send(widget, type="reveal")
    assert widget.results["tables"][0]["title"] == "Order of the maps"
    first = widget.results["items"][0]
    assert first["names"] == whole.study.revealed(code)[first["item"]]
    assert widget.question["item"] == first["item"]
    send(widget, type="look", item=widget.results["items"][3]["item"])
    assert widget.question["item"] == widget.results["items"][3]["item"]


def test_nothing_tells_a_name_before_the_reveal(whole: ClassAnswers, sit: Any, tmp_path: Path) -> None:
    study = whole.study
    bundle = (STATIC / "survey.js").read_text(encoding="utf-8")
    methods = {name for name, one in all_methods().items()} | {one.title for one in all_methods().values()}
    assert [name for name in methods if name.casefold() in bundle.casefold()] == []
    widget = sit()

    def told() -> list[str]:
        saved = ipywidgets.Widget.get_manager_state(widgets=[widget])
        for one in saved["state"].values():
            # The front end and its style, which knows "position: absolute", are the same for every study.
            one["state"] = {name: value for name, value in one["state"].items() if name not in ("_esm", "_css")}
        shown = [widget.get_state(set(widget.keys) - {"_esm", "_css"}), saved, repr(widget), widget.to_code()]
        return names_in(text_of([*shown, widget.answers and widget.answers.to_bytes().decode()]), study)

    assert told() == []
    widget.agree()
    for one in whole.seats[0].answers:
        assert told() == []
        assert b"Text" not in widget._repr_mimebundle_()[0]["image/png"]
        give(widget, [one])
    assert told() == []
    with pytest.raises(ValueError, match="no item"):
        widget._study.item("nothing")
    widget.reveal()
    assert set(told()) >= {"odam", "d-rise", "grad-cam", "positive", "detector 1"}


def test_the_reveal_comes_after_the_last_answer_and_needs_the_key(
    whole: ClassAnswers, sit: Any, tmp_path: Path
) -> None:
    blind = sit(whole.study.without_key())
    with pytest.raises(ValueError, match="none is given yet"):
        blind.reveal(whole.study)
    blind.agree()
    give(blind, whole.seats[0].answers[:-1])
    with pytest.raises(ValueError, match="1 questions of this seat are open"):
        blind.reveal(whole.study)
    with pytest.raises(ValueError, match="after the last answer"):
        blind.look(whole.seats[0].answers[0].item)
    send(blind, type="reveal")
    assert "has no key" in blind.notice
    give(blind, whole.seats[0].answers[-1:])
    assert (blind.ending["key"], "survey.reveal" in blind.ending["key_note"]) == (False, True)
    with pytest.raises(ValueError, match="of the study"):
        blind.reveal(dx.survey.rehearsal_study(seats=3, objects=2, seed=9))
    assert blind.results == {}
    blind.reveal(whole.study.save(tmp_path / "key"))
    assert len(blind.results["items"]) == 8


def test_a_restart_goes_on_after_the_last_saved_answer(whole: ClassAnswers, sit: Any, tmp_path: Path) -> None:
    first = sit()
    first.agree()
    give(first, whole.seats[0].answers[:3])
    first.close()
    again = sit(seated=False)  # nothing but the folder says which seat it was
    assert (again.page, again.seat, again.progress) == ("question", whole.study.codes[0], {"done": 3, "of": 8})
    give(again, whole.seats[0].answers[3:])
    assert merge(tmp_path / "answers", whole.study).seats == whole.seats[:1]
    sit(number=1).agree()
    assert sit(seated=False).page == "seat"  # two seats of one computer: the person says which


def test_two_tabs_of_one_seat_give_one_row(whole: ClassAnswers, sit: Any, tmp_path: Path) -> None:
    rows = whole.seats[0].answers
    one, other = sit(), sit()
    one.agree()
    other.agree()
    give(other, rows[:2])
    give(one, rows)
    merged = merge(tmp_path / "answers", whole.study)
    assert merged.seats == whole.seats[:1]
    # Two views of one widget: what the second sends late is no second answer.
    send(one, type="answer", item=rows[0].item, choice=rows[0].choice, asked="late")
    assert (one.notice, one.heard, len(one.answers)) == ("", "late", 8)


def test_stopping_keeps_what_was_answered(whole: ClassAnswers, sit: Any) -> None:
    widget = sit()
    widget.agree()
    give(widget, whole.seats[0].answers[:2])
    send(widget, type="stop")
    assert (widget.page, widget.ending["whole"]) == ("done", False)
    send(widget, type="go on")
    assert widget.page == "question"
    give(widget, whole.seats[0].answers[2:])
    assert widget.ending["whole"]


@pytest.mark.parametrize(
    "message",
    [
        {"choice": "<img src=x>"},
        {"choice": "ABC"},
        {"choice": ["A"]},
        {"choice": "ABCD", "seconds": "5"},
        {"choice": "ABCD", "seconds": -1},
        {"box": [0, 0, 1, 1], "confidence": 3},
        {"item": "i99", "choice": "ABCD"},
        {"item": {"a": 1}, "choice": "ABCD"},
        {},
    ],
)
def test_what_is_no_answer_is_refused_in_words_and_the_question_stays(message: dict[str, Any], sit: Any) -> None:
    widget = sit()
    widget.agree()
    item = widget.question["item"]
    send(widget, **{"type": "answer", "item": item, "asked": "a", **message})
    assert (widget.page, widget.question["item"], len(widget.answers), widget.heard) == ("question", item, 0, "a")
    assert widget.notice


def test_what_is_no_message_changes_nothing(sit: Any) -> None:
    widget = sit()
    before = widget.get_state()
    for message in (None, 1, [], {}, {"type": None}, {"type": ["sit"]}, {"type": "delete"}):
        widget._message(widget, message, [])
    assert widget.get_state() == before
    send(widget, type="sit", code="../../x")
    assert "seat code is 8 signs" in widget.notice
    send(widget, type="answer", item="i00", choice="ABCD")
    assert "nothing is asked" in widget.notice
    for wrong in ({"type": "hand in"}, {"type": "hand in", "address": 5, "code": 5}):
        send(widget, **wrong)
        assert widget.handed["state"] == "error"


def test_a_full_disk_loses_nothing(whole: ClassAnswers, sit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    widget = sit()
    widget.agree()
    rows = whole.seats[0].answers
    give(widget, rows[:1])

    def full(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", full)
    send(widget, type="answer", item=rows[1].item, choice=rows[1].choice, seconds=rows[1].seconds)
    assert (widget.notice, widget.question["item"]) == ("the disk is full", rows[1].item)
    monkeypatch.undo()
    send(widget, type="answer", item=rows[1].item, choice=rows[1].choice, seconds=rows[1].seconds)
    assert (widget.notice, widget.answers.answers) == ("", rows[:2])


def test_wrong_arguments_are_refused(whole: ClassAnswers, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file"):
        dx.widgets.Survey(tmp_path / "none.study.json")
    with pytest.raises(ValueError, match="no seat"):
        dx.widgets.Survey(whole.study, tmp_path, seat="00000000")
    with pytest.raises(TypeError, match="an address is a text"):
        dx.widgets.Survey(whole.study, tmp_path, address=5)  # type: ignore[arg-type]


def test_a_picture_says_how_far_the_seat_is(sit: Any, tmp_path: Path) -> None:
    with Image.open(sit().save_png(tmp_path / "shown.png")) as shown:
        assert shown.width == 640


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(sit: Any) -> None:
    check_traits(sit(), "survey")
