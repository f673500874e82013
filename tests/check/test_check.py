"""`dx.check`: right answers are always right, wrong ones never, and what was done is kept."""

from __future__ import annotations

import inspect
import json
import math
import os
import random
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import detxai_nb as dx
from detxai_nb.check import exercise as exercises
from detxai_nb.check import sealing
from detxai_nb.check.authoring import seal_exercises, sealed_text
from detxai_nb.check.lesson_feedback import LessonFeedback
from detxai_nb.check.record import RECORD_FILE, note_feedback, read_record
from detxai_nb.check.sealing import seal, unseal

ROUNDS = int(os.environ.get("DETXAI_NB_FUZZ", "12"))
BASE = {"title": "A title", "question": "What?", "difficulty": 1, "minutes": 2}
OPTIONS = {"a": "the leaf", "b": "the ball", "c": "the table"}
Add = Callable[..., str]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exercises that a test adds, and its record, are gone afterwards; a guess takes no time."""
    monkeypatch.setattr(sealing, "_ROUNDS", 1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exercises, "_ADDED", {})


@pytest.fixture
def add(tmp_path: Path) -> Add:
    """``add(kind=..., answer=...)`` adds an exercise as a student has it and returns its id."""

    def make(**own: Any) -> str:
        name = f"t.{len(exercises._ADDED) + 1}"
        path = tmp_path / "sealed.json"
        content = seal_exercises({"notebook": "t.ipynb", "exercises": [{"id": name, **BASE, **own}]})
        path.write_text(sealed_text(content))
        assert dx.check.add_exercises(path) == [name]
        return name

    return make


def test_a_number_within_the_tolerance_is_right_and_none_outside(add: Add) -> None:
    draw = random.Random(1)
    for _ in range(ROUNDS):
        value = draw.choice([0.0, 1.0, -1.0]) * 10 ** draw.uniform(-4, 6)
        tolerance = draw.choice([0.0, 10 ** draw.uniform(-5, 4)])
        name = add(kind="number", answer=value, tolerance=tolerance)
        slack = 1e-6 * max(1e-3, abs(value), tolerance)
        for part in (-1, -0.999, draw.uniform(-1, 1), 0, 1):
            assert dx.check(name, value + part * tolerance), (value, tolerance, part)
        for beyond in (tolerance + slack, 1.01 * tolerance + slack, 3 * tolerance + 10 * slack, 1e300):
            assert not dx.check(name, value + beyond), (value, tolerance, beyond)
            assert not dx.check(name, value - beyond), (value, tolerance, beyond)


def test_edges_that_binary_numbers_miss_are_within(add: Add) -> None:
    name = add(kind="number", answer=0.7, tolerance=0.1)
    assert 0.8 - 0.7 > 0.1
    assert dx.check(name, 0.8)
    assert dx.check(name, 0.6)
    assert not dx.check(name, 0.8001)


@pytest.mark.parametrize(
    "answer",
    [3, 3.0, np.float32(3), np.array([3]), torch.tensor(3.0, requires_grad=True), pd.Series([3]), Fraction(3)],
    ids=lambda one: type(one).__name__,
)
def test_numbers_of_every_library_are_numbers(answer: Any, add: Add) -> None:
    assert dx.check(add(kind="number", answer=3), answer)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ("0.5", TypeError, "quotation marks"),
        (True, TypeError, "a number of pixels, within 0.1"),
        ([1, 2], TypeError, "a number"),
        (np.array([1.0, 2.0]), TypeError, "several values"),
        (1j, TypeError, "a number"),
        (math.nan, ValueError, "finite"),
        (10**400, ValueError, "finite"),
    ],
    ids=("text", "truth", "list", "array", "complex", "nan", "endless"),
)
def test_what_is_no_number_is_refused_in_words_and_is_no_miss(
    answer: Any, error: type[Exception], words: str, add: Add
) -> None:
    name = add(kind="number", answer=0.5, tolerance=0.1, unit="pixels")
    with pytest.raises(error, match=words):
        dx.check(name, answer)
    assert dx.check.progress().loc[name, "misses"] == 0


def test_one_option_is_chosen_by_its_key_or_its_text(add: Add) -> None:
    name = add(kind="choice", options=OPTIONS, answer="b")
    assert dx.check(name, "b")
    assert dx.check(name, " The Ball ")
    assert not dx.check(name, "a")
    with pytest.raises(ValueError, match=r"one of 'a', 'b', 'c', got 'd'"):
        dx.check(name, "d")
    with pytest.raises(ValueError, match="2 of them"):
        dx.check(name, ["a", "b"])
    with pytest.raises(TypeError, match="as texts, got 2"):
        dx.check(name, 2)


def test_of_several_options_all_that_are_right_are_chosen(add: Add) -> None:
    name = add(kind="choice", options=OPTIONS, answer=["c", "a"], several=True)
    assert dx.check(name, {"a", "c"})
    assert dx.check(name, ["c", "a", "a"])
    assert not dx.check(name, "a")
    assert not dx.check(name, ["a", "b", "c"])


def test_an_order_is_right_as_a_whole(add: Add) -> None:
    name = add(kind="order", options=OPTIONS, answer=["b", "c", "a"])
    assert dx.check(name, ["b", "c", "a"])
    assert dx.check(name, "b, c, a")
    assert dx.check(name, np.array(["the ball", "the table", "the leaf"]))
    assert not dx.check(name, ["c", "b", "a"])
    for wrong, words in ((["a", "b"], "without 'c'"), (["a", "b", "c", "a"], "one of them twice")):
        with pytest.raises(ValueError, match=words):
            dx.check(name, wrong)
    with pytest.raises(TypeError, match="no order"):
        dx.check(name, {"a", "b", "c"})


def test_a_point_inside_a_region_is_right_and_none_outside(add: Add) -> None:
    draw = random.Random(2)
    for _ in range(ROUNDS):
        x, y, size = draw.uniform(-50, 500), draw.uniform(0, 500), 10 ** draw.uniform(-1, 2.5)
        far = draw.choice([0.0, 5.0])
        box = [x, y, x + size, y + 0.3 * size]
        name = add(kind="point", answer={"box": box}, tolerance=far)
        for part in (0, 0.5, 1):
            assert dx.check(name, (x + part * size, y + 0.3 * part * size))
            assert dx.check(name, (x - far, y + 0.3 * part * size))
        assert not dx.check(name, (x - far - 1e-3, y))
        assert not dx.check(name, (x, y + 0.3 * size + far + 1e-3))
        name = add(kind="point", answer={"circle": [x, y, size]}, tolerance=far)
        angle = draw.uniform(0, 2 * math.pi)
        for reach, right in ((0, True), (size + far, True), (size + far + 1e-3, False)):
            assert bool(dx.check(name, (x + reach * math.cos(angle), y + reach * math.sin(angle)))) is right


def test_a_region_may_have_any_outline_and_there_may_be_several(add: Add) -> None:
    corner = {"polygon": [[0, 0], [100, 0], [100, 20], [20, 20], [20, 100], [0, 100]]}
    name = add(kind="point", answer=corner, also=[{"circle": [300, 300, 5]}])
    assert dx.check(name, {"x": 90, "y": 10})
    assert dx.check(name, torch.tensor([[10.0, 90.0]]))
    assert dx.check(name, (302, 299))
    assert not dx.check(name, (60, 60))
    with pytest.raises(ValueError, match="3 values"):
        dx.check(name, (1, 2, 3))
    with pytest.raises(TypeError, match="a point"):
        dx.check(name, 5)


def _iou(one: np.ndarray, two: np.ndarray) -> float:
    sides = np.minimum(one[2:], two[2:]) - np.maximum(one[:2], two[:2])
    both = float(sides.clip(0).prod())
    return both / float((one[2:] - one[:2]).prod() + (two[2:] - two[:2]).prod() - both)


def test_a_box_is_right_where_it_overlaps_enough_wherever_it_lies(add: Add) -> None:
    draw = np.random.default_rng(3)
    counted = {True: 0, False: 0}
    for least in (0.1, 0.3, 0.5, 0.9):
        right = np.array([40.0, 60.0, 90.0, 80.0])
        name = add(kind="box", answer=right.tolist(), overlap=least)
        for _ in range(3 * ROUNDS):
            spread = draw.choice([0.05, 0.2, 0.6])
            box = right + spread * draw.normal(size=4) * [50, 20, 50, 20]
            if (box[2:] <= box[:2]).any() or abs(_iou(right, box) - least) < 1e-6:
                continue
            fits = _iou(right, box) >= least
            counted[bool(fits)] += 1
            assert bool(dx.check(name, box)) is bool(fits), (least, box)
        # The furthest that theory allows: a box that ends where the overlap is just enough.
        wide = 50 / least
        assert dx.check(name, (90 - wide, 60, 90, 80))
        assert dx.check(name, (40, 60, 40 + wide, 80))
        assert not dx.check(name, (40, 60, 41 + wide, 80))
    assert min(counted.values()) >= ROUNDS


def test_a_box_of_width_and_height_is_refused_in_words(add: Add) -> None:
    name = add(kind="box", answer=[40, 60, 90, 80])
    with pytest.raises(ValueError, match="not a width and a height"):
        dx.check(name, (40, 60, 30, 20))
    assert dx.check(name, {"x1": 40, "y1": 60, "x2": 90, "y2": 80})


def test_code_is_tried_and_what_is_wrong_is_said(add: Add) -> None:
    name = add(kind="code", test="share-inside", why="Only positive values are heat.")

    def right(heat: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return heat.clamp(min=0)[mask].sum() / heat.clamp(min=0).sum()

    def without_signs(heat: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return heat[mask].sum() / heat.sum()

    def failing(heat: torch.Tensor, mask: torch.Tensor) -> None:
        raise KeyError("lost")

    assert "Only positive" in dx.check(name, right).words
    assert "1 and -4 outside" in dx.check(name, without_signs).words
    assert "KeyError: 'lost'" in dx.check(name, failing).words
    assert "not a number" in dx.check(name, lambda heat, mask: None).words
    with pytest.raises(TypeError, match="without brackets"):
        dx.check(name, 0.3)


def test_what_is_said_after_a_right_answer_and_of_wrong_ones_that_many_give(add: Add) -> None:
    remark = {"answer": 42, "say": "A share, from 0 to 1, not per cent."}
    name = add(kind="number", answer=0.42, tolerance=0.01, why="The rest lies on the ball.", remarks=[remark])
    assert "not per cent" in dx.check(name, 42).words
    assert "not per cent" not in dx.check(name, 43).words
    assert "The rest lies on the ball." in dx.check(name, 0.42).words


def test_the_second_miss_brings_a_hint_and_each_further_one_more(add: Add) -> None:
    name = add(kind="number", answer=5, hints=["first", "second"])
    assert [dx.check(name, wrong).hints for wrong in (1, 2, 2, 3)] == [
        (),
        ("first",),
        ("first",),
        ("first", "second"),
    ]
    assert "notebooks/solutions" in dx.check(name, 4).words
    assert dx.check.progress().loc[name, ["state", "misses"]].tolist() == ["tried", 4]
    assert dx.check(name, 5).misses == 4
    again = dx.check(name, 1)
    assert not again
    assert "stays solved" in again.words
    assert dx.check.progress("t").loc[name, ["state", "misses"]].tolist() == ["solved", 4]
    dx.check.start_over(name)
    assert dx.check.progress().loc[name, ["state", "misses"]].tolist() == ["open", 0]


def test_without_an_answer_the_exercise_is_shown_and_nothing_is_noted(add: Add, tmp_path: Path) -> None:
    name = add(kind="choice", options=OPTIONS, answer="b")
    for shown in (dx.check(name), dx.check(name, ...), dx.check(name, None)):
        assert shown.right is None
        assert not shown
        assert "b: the ball" in repr(shown)
        assert "Expected: one of 'a', 'b', 'c'." in repr(shown)
    assert not (tmp_path / RECORD_FILE).exists()


def test_the_same_function_again_is_one_miss(add: Add) -> None:
    name = add(kind="code", test="share-inside")
    for _ in range(3):
        scope: dict[str, Any] = {}
        exec("def wrong(heat, mask):\n    return 2.0", scope)
        assert dx.check(name, scope["wrong"]).misses == 1


def test_an_exercise_that_there_is_not_is_answered_with_the_nearest(add: Add) -> None:
    add(kind="number", answer=1)
    with pytest.raises(ValueError, match=r"no exercise 't\.7'; did you mean 't\.1'\?"):
        dx.check("t.7", 1)
    with pytest.raises(ValueError, match="there is no exercise"):
        dx.check("nothing like it", 1)
    with pytest.raises(TypeError, match=r'a text such as "1\.3"'):
        dx.check(1.3, 1)
    assert dx.check(" T.1 ", 1)
    with pytest.raises(ValueError, match="no exercises of a notebook 'x'"):
        dx.check.progress("x")


def test_the_record_lies_beside_the_notebook_and_holds_no_answer(add: Add, tmp_path: Path) -> None:
    name = add(kind="number", answer=0.123456, tolerance=0.001)
    dx.check(name, 0.987654)
    dx.check(name, 0.123456)
    text = (tmp_path / RECORD_FILE).read_text()
    assert json.loads(text)["exercises"][name]["misses"] == 1
    assert "0.98" not in text
    assert "0.12" not in text
    other = tmp_path / "other"
    other.mkdir()
    dx.check(name, 0.123456, folder=other)
    assert (other / RECORD_FILE).is_file()


BROKEN = (
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b'{"format": 1}',
    b'{"format": 1, "exercises": [1]}',
    b'{"format": 1, "exercises": {"t.1": {"misses": 1e999}}}',
    b"[" * 100_000,
)


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_a_damaged_record_is_put_aside_and_the_answer_is_checked(broken: bytes, add: Add, tmp_path: Path) -> None:
    name = add(kind="number", answer=1)
    (tmp_path / RECORD_FILE).write_bytes(broken)
    with pytest.warns(UserWarning, match="is damaged; it is kept as"):
        assert dx.check(name, 1)
    assert (tmp_path / ".detxai-nb-progress.broken.json").read_bytes() == broken
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dx.check.progress().loc[name, "state"] == "solved"


def test_a_second_damaged_record_does_not_take_the_place_of_the_first(add: Add, tmp_path: Path) -> None:
    name = add(kind="number", answer=1)
    for content in (b"first", b"second", b"third"):
        (tmp_path / RECORD_FILE).write_bytes(content)
        with pytest.warns(UserWarning, match="is damaged; it is kept as"):
            dx.check(name, 1)
    aside = sorted(tmp_path.glob("*.broken*.json"))
    assert {one.read_bytes() for one in aside} == {b"first", b"second", b"third"}


def test_where_nothing_can_be_written_hints_come_and_what_was_done_is_written_later(add: Add, tmp_path: Path) -> None:
    name = add(kind="number", answer=1, hints=["look again"])
    (tmp_path / RECORD_FILE).mkdir()
    assert [dx.check(name, wrong).misses for wrong in (5, 6, 6, 7)] == [1, 2, 2, 3]
    assert dx.check(name, 8).hints == ("look again",)
    assert dx.check.progress().loc[name, ["state", "misses"]].tolist() == ["tried", 4]
    (tmp_path / RECORD_FILE).rmdir()
    other = add(kind="number", answer=2)
    dx.check(other, 2)
    written = json.loads((tmp_path / RECORD_FILE).read_text())["exercises"]
    assert (written[name]["misses"], written[other]["solved"]) == (4, True)


def test_a_record_that_cannot_be_read_is_not_overwritten(
    add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = add(kind="number", answer=1), add(kind="number", answer=2)
    dx.check(one, 1)
    before = (tmp_path / RECORD_FILE).read_bytes()

    def closed(_: Path) -> bytes:
        raise PermissionError("not yours")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", closed)
        assert "could not be noted" in dx.check(two, 2).words
        assert "could not be noted" in dx.check.feedback("00", goals=[1, 2, 3], minutes=5).words
        with pytest.raises(PermissionError, match="what was done is as it was"):
            dx.check.start_over()
    assert (tmp_path / RECORD_FILE).read_bytes() == before
    assert dx.check.progress()["state"].loc[[one, two]].tolist() == ["solved", "solved"]


def test_kernels_that_note_at_once_lose_no_answer_of_each_other(add: Add, tmp_path: Path) -> None:
    """Threads open the lock each for itself, as processes do."""
    names = [add(kind="number", answer=number) for number in range(24)]
    start = threading.Barrier(4)

    def kernel(number: int) -> None:
        start.wait()
        for name in names[number::4]:
            assert "could not be noted" not in dx.check(name, -1.0, folder=tmp_path).words
            note_feedback(tmp_path / RECORD_FILE, name, LessonFeedback((1, 2, 3), 5.0))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(kernel, range(4)))
    record = read_record(tmp_path / RECORD_FILE)
    assert set(record.feedback) == set(names)
    assert dx.check.progress()["misses"].loc[names].tolist() == [1] * 24


def test_where_nothing_can_be_written_the_answer_is_checked_all_the_same(add: Add, tmp_path: Path) -> None:
    name = add(kind="number", answer=1)
    (tmp_path / RECORD_FILE).mkdir()
    for folder in (tmp_path, tmp_path / "missing"):
        said = dx.check(name, 1, folder=folder)
        assert said
        assert "could not be noted" in said.words
    assert not list(tmp_path.glob("*.part"))


def test_two_notebooks_note_into_one_record(add: Add, tmp_path: Path) -> None:
    one, two = add(kind="number", answer=1), add(kind="number", answer=2)
    dx.check(one, 1)
    dx.check(two, 5)
    assert dx.check.progress()["state"].loc[[one, two]].tolist() == ["solved", "tried"]


def test_only_the_answer_opens_what_it_seals() -> None:
    content = {"why": "ä" * 100, "n": [1.5, None]}
    closed = seal(content, "b", "salt")
    assert unseal([closed, "no base64!", ""], "b", "salt") == [content]
    assert unseal([closed], "B", "salt") == []
    assert unseal([closed], "b", "salt2") == []
    assert unseal([closed[:-8] + "AAAAAAA="], "b", "salt") == []


def test_shift_tab_shows_the_arguments_of_the_call() -> None:
    assert list(inspect.signature(dx.check).parameters) == ["exercise", "answer", "folder"]
    assert {"progress", "start_over", "Exercise"} <= set(dir(dx.check))
