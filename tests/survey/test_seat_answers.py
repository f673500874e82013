"""Answers of a seat: on the disk after each item, one row whatever the way, and hostile files change nothing."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import hostile

import detxai_nb as dx
from detxai_nb.survey import ClassAnswers, ItemAnswer, Seat, SeatAnswers, Study, from_text, merge, simulate, to_text
from detxai_nb.survey.codes import SIGNS, draw_codes

CASES = int(os.environ.get("DETXAI_NB_FUZZ", "60"))


@pytest.fixture(scope="module")
def whole() -> ClassAnswers:
    return simulate(6, seed=5)


@pytest.fixture(scope="module")
def study(whole: ClassAnswers) -> Study:
    return whole.study


@pytest.fixture(scope="module")
def seat(study: Study) -> Seat:
    return study.seat(study.codes[0])


def given(seat: Seat, answers: SeatAnswers, rows: tuple[ItemAnswer, ...]) -> None:
    for one in rows:
        answers.record(seat, one.item, choice=one.choice, box=one.box, confidence=one.confidence, seconds=one.seconds)


def test_every_answer_is_on_the_disk_before_record_returns(whole: ClassAnswers, seat: Seat, tmp_path: Path) -> None:
    answers = SeatAnswers.begin(seat, tmp_path, consent=True)
    for count, one in enumerate(whole.seats[0].answers, 1):
        given(seat, answers, (one,))
        assert SeatAnswers.load(next(tmp_path.glob("*.json")), seat).answers == whole.seats[0].answers[:count]
    # A restart: nothing but the folder is left.
    assert SeatAnswers.resume(seat, tmp_path) == whole.seats[0]
    assert len(list(tmp_path.glob("*.json"))) == 2
    assert merge(tmp_path, whole.study).seats == whole.seats[:1]


def test_a_write_that_fails_loses_no_answer_and_keeps_none_that_is_not_on_the_disk(
    whole: ClassAnswers, seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = SeatAnswers.begin(seat, tmp_path, consent=True)
    given(seat, answers, whole.seats[0].answers[:2])

    def full(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="the disk is full"):
        given(seat, answers, whole.seats[0].answers[2:3])
    monkeypatch.undo()
    assert answers.answers == whole.seats[0].answers[:2] == SeatAnswers.resume(seat, tmp_path).answers
    assert not list(tmp_path.glob(".*"))
    given(seat, answers, whole.seats[0].answers[2:3])
    assert len(answers) == 3


def test_on_another_laptop_a_seat_goes_on_from_the_file_to_hand_in(
    seat: Seat, whole: ClassAnswers, tmp_path: Path
) -> None:
    answers = SeatAnswers(seat.study, seat.code, consent=True, answers=whole.seats[0].answers[:2])
    answers.save(tmp_path)
    again = SeatAnswers.resume(seat, tmp_path)
    assert again == answers
    given(seat, again, whole.seats[0].answers[2:3])
    assert len(SeatAnswers.resume(seat, tmp_path)) == 3


def test_nothing_is_recorded_without_consent(seat: Seat, tmp_path: Path) -> None:
    answers = SeatAnswers.begin(seat, tmp_path, consent=False)
    with pytest.raises(ValueError, match="without consent"):
        answers.record(seat, seat.questions[0].item, choice="ABCD")
    assert len(answers) == 0
    with pytest.raises(TypeError, match="consent is True or False"):
        SeatAnswers.begin(seat, tmp_path, consent=1)  # type: ignore[arg-type]


def of_kind(seat: Seat, kind: str) -> str:
    return next(one.item for one in seat.questions if one.kind == kind)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("rank", {"choice": "ABC"}),
        ("rank", {"choice": "ABCC"}),
        ("rank", {"choice": "abcd"}),
        ("rank", {"choice": "<b>D"}),
        ("rank", {"choice": "odam"}),
        ("rank", {"box": (1, 1, 9, 9), "confidence": 3}),
        ("better", {"choice": "AB"}),
        ("better", {"choice": "C"}),
        ("directions", {"choice": "="}),
        ("draw", {"choice": "A"}),
        ("draw", {"box": (1, 1, 9, 9)}),
        ("draw", {"box": (9, 1, 1, 9), "confidence": 3}),
        ("draw", {"box": (1, 1, 9), "confidence": 3}),
        ("draw", {"box": (1, 1, 9, float("nan")), "confidence": 3}),
        ("draw", {"box": (1, 1, 9, 9), "confidence": 6}),
        ("draw", {"box": (1, 1, 9, 9), "confidence": True}),
        ("rank", {"choice": "ABCD", "seconds": -1}),
        ("rank", {"choice": "ABCD", "seconds": "5"}),
        ("rank", {"choice": "ABCD", "seconds": float("inf")}),
    ],
)
def test_what_is_no_answer_to_the_question_is_refused(kind: str, answer: dict[str, Any], seat: Seat) -> None:
    answers = SeatAnswers(seat.study, seat.code, consent=True)
    with pytest.raises(ValueError):  # noqa: PT011
        answers.record(seat, of_kind(seat, kind), **answer)
    assert len(answers) == 0


def test_an_answer_is_given_once_and_a_box_is_cut_at_the_picture(seat: Seat) -> None:
    answers = SeatAnswers(seat.study, seat.code, consent=True)
    item = of_kind(seat, "draw")
    assert answers.record(seat, item, box=(-5, 3.04, 1000, 20), confidence=2).box == (0.0, 3.0, 64.0, 20.0)
    with pytest.raises(ValueError, match="answered before"):
        answers.record(seat, item, box=(1, 1, 9, 9), confidence=2)
    better = of_kind(seat, "better")
    assert answers.record(seat, better, choice="=", seconds=12.34).seconds == 12.3
    assert answers.open_items(seat) == [one.item for one in seat.questions if one.item not in (item, better)]


def test_all_ways_to_hand_in_give_the_same_row(whole: ClassAnswers, study: Study, tmp_path: Path) -> None:
    for number, one in enumerate(whole.seats):
        ways = (one.save, lambda path, one=one: path.joinpath(f"{one.code}.txt").write_text(to_text(one)))
        ways[number % 2](tmp_path)
        assert SeatAnswers.from_bytes(one.to_bytes(), study) == from_text(to_text(one), study) == one
    merged = merge(tmp_path, study)
    assert merged.seats == whole.seats
    assert merged.rows() == whole.rows()
    assert not merged.refused


def test_files_and_texts_are_small_and_hold_nothing_about_the_person(whole: ClassAnswers) -> None:
    for one in whole.seats:
        assert len(one.to_bytes()) < 6000
        assert set(to_text(one)) <= set(SIGNS)
        assert len(to_text(one)) < 600
        assert set(json.loads(one.to_bytes())) == {"format", "study", "seat", "consent", "answers", "checksum"}


def test_any_answers_go_through_a_text_and_come_out_equal() -> None:
    chance = random.Random(3)
    codes = draw_codes(CASES, np.random.default_rng(0))
    for code in codes:
        rows = []
        for number in chance.sample(range(1000), chance.randrange(0, 30)):
            seconds, name = chance.choice([0.0, 0.1, 12.7, 86400.0]), f"i{number:02d}"
            if chance.random() < 0.3:
                x, y = chance.uniform(0, 900), chance.uniform(0, 900)
                box = (x, y, x + chance.uniform(0.2, 900), y + chance.uniform(0.2, 900))
                rows.append(ItemAnswer(name, "", box, chance.randint(1, 5), seconds))
            else:
                letters = "".join(chance.sample("ABCDEFGH", chance.randint(1, 8)))
                rows.append(ItemAnswer(name, chance.choice([letters, "="]), seconds=seconds))
        one = SeatAnswers(f"{chance.getrandbits(64):016x}", code, consent=bool(rows), answers=rows)
        assert from_text(to_text(one)) == one
        assert from_text(" ".join(to_text(one)).lower()) == one
        assert SeatAnswers.from_bytes(one.to_bytes()) == one


def test_any_wrong_sign_of_a_text_is_noticed(whole: ClassAnswers, study: Study) -> None:
    text = to_text(whole.seats[0])
    chance = random.Random(1)
    for _ in range(CASES):
        place = chance.randrange(len(text))
        sign = chance.choice([one for one in SIGNS if one != text[place]])
        for wrong in (text[:place] + sign + text[place + 1 :], text[:place] + text[place + 1 :], text[:place]):
            with pytest.raises(ValueError, match="text"):
                from_text(wrong, study)
    for wrong in ("", "ABC", "<script>", text + "A", "A" * 10_000, "A" * 10_000_000):
        with pytest.raises(ValueError, match="text"):
            from_text(wrong, study)
    with pytest.raises(TypeError, match="as a text"):
        from_text(b"ABC", study)


def test_hostile_files_are_refused_in_words_and_change_nothing(
    whole: ClassAnswers, study: Study, tmp_path: Path
) -> None:
    good, victim = whole.seats[:2], whole.seats[1]
    for one in good:
        one.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    files = hostile(victim)
    for number, content in enumerate(files.values()):
        tmp_path.joinpath(f"bad{number:02d}.json").write_bytes(content)
    tmp_path.joinpath("bad.txt").write_text("ABC")
    tmp_path.joinpath("folder.json").mkdir()
    tmp_path.joinpath("note.pdf").write_bytes(b"not looked at")
    merged = merge(tmp_path, study)
    assert merged.seats == good
    assert not merged.doubles
    assert set(merged.refused) == {*(f"bad{n:02d}.json" for n in range(len(files))), "bad.txt", "folder.json"}
    assert all(len(why) <= 300 for why in merged.refused.values())
    assert {name: tmp_path.joinpath(name).read_bytes() for name in before} == before
    for content in files.values():
        with pytest.raises(ValueError):  # noqa: PT011
            SeatAnswers.from_bytes(content, study)


def test_two_tabs_of_one_seat_give_one_row_the_fuller(whole: ClassAnswers, seat: Seat, tmp_path: Path) -> None:
    rows = whole.seats[0].answers
    tabs = [SeatAnswers.begin(seat, tmp_path, consent=True) for _ in range(2)]
    for step in range(6):
        given(seat, tabs[0], rows[step : step + 1])
        if step < 3:
            given(seat, tabs[1], rows[step : step + 1])
    merged = merge(tmp_path, whole.study)
    assert [one.answers for one in merged.seats] == [rows[:6]]
    assert merged.doubles == {seat.code: 1}
    assert merged.partial == {seat.code: len(rows) - 6}
    assert merged.missing == whole.study.codes[1:]
    assert "1 of 6 seats; 1 doubles dropped" in str(merged)


def test_of_equally_full_files_the_same_one_is_taken_in_any_order(whole: ClassAnswers, study: Study) -> None:
    one = whole.seats[0]
    slow = [ItemAnswer(a.item, a.choice, a.box, a.confidence, a.seconds + 1) for a in one.answers]
    other = SeatAnswers(one.study, one.code, consent=True, answers=slow)
    for order in ([one, other], [other, one]):
        assert dx.survey.gather(study, order).seats == (other,)


def test_the_study_of_a_folder_is_found_there(whole: ClassAnswers, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file of a study"):
        merge(tmp_path)
    whole.study.save(tmp_path / "a")
    whole.seats[2].save(tmp_path)
    assert merge(tmp_path).seats == whole.seats[2:3]
    whole.study.save(tmp_path / "b")
    with pytest.raises(ValueError, match="holds 2 studies"):
        merge(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        merge(tmp_path / "none")


def test_a_box_is_right_if_it_overlaps_its_target_most_and_by_more_than_half() -> None:
    from detxai_nb.survey.merging import is_right

    boxes = ((0.0, 0.0, 10.0, 10.0), (5.0, 0.0, 15.0, 10.0))
    assert is_right((0.0, 0.0, 10.0, 10.0), boxes, 0)
    assert not is_right((0.0, 0.0, 10.0, 5.0), boxes, 0)  # IoU of exactly one half
    assert is_right((0.0, 0.0, 10.0, 5.1), boxes, 0)
    assert not is_right((2.5, 0.0, 12.5, 10.0), boxes, 0)  # as much of the one as of the other
    assert not is_right((4.0, 0.0, 14.0, 10.0), boxes, 0)
    assert is_right((4.0, 0.0, 14.0, 10.0), boxes, 1)


def test_a_code_for_a_phone_is_drawn_by_a_library(whole: ClassAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(ImportError, match=r"detxai-nb\[survey\]"):
        dx.survey.draw_qr(to_text(whole.seats[0]))
    monkeypatch.undo()
    pytest.importorskip("segno")
    assert dx.survey.draw_qr(to_text(whole.seats[0])).startswith("<svg")
