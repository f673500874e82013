"""`dx.check.feedback`: answers are checked and kept, and a class's files give tables, whatever is in them."""

from __future__ import annotations

import json
import os
import re
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.check.authoring import read_authored, seal_exercises, sealed_text
from detxai_nb.check.class_results import DEEPEST, LARGEST
from detxai_nb.check.lesson import as_lesson
from detxai_nb.check.record import RECORD_FILE, read_record

REPOSITORY = Path(__file__).resolve().parents[2]
LESSONS = sorted(
    path
    for path in (REPOSITORY / "notebooks" / "solutions").glob("*.toml")
    if as_lesson(read_authored(path)) is not None
)
GOOD: dict[str, Any] = {"goals": [4, 3, 5], "minutes": 45}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def kept(folder: Path) -> Any:
    return json.loads((folder / RECORD_FILE).read_text())["feedback"]


def hand_in(folder: Path, name: str, feedback: Any, **other: Any) -> Path:
    """A student's folder with a progress file of any content."""
    (folder / name).mkdir(parents=True)
    path = folder / name / RECORD_FILE
    path.write_text(json.dumps({"format": 1, "exercises": {}, "feedback": feedback, **other}))
    return path


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_goals_and_minutes_are_those_of_the_card(path: Path) -> None:
    lesson = as_lesson(read_authored(path))
    assert lesson is not None
    notebook = json.loads((path.parent / lesson.notebook).read_text(encoding="utf-8"))
    card = next("".join(one["source"]) for one in notebook["cells"] if "On one card" in "".join(one["source"]))
    told = re.search(r"^- \*\*Goals\.\*\* You can (.+)\.$", card, re.MULTILINE)
    minutes = re.search(r"About (\d+) minutes:", card)
    assert told is not None
    assert minutes is not None
    assert tuple(re.sub(r"[*`]", "", told[1]).split("; ")) == lesson.goals
    assert int(minutes[1]) == lesson.minutes
    assert dx.check.find_lesson(lesson.number) == lesson


def test_without_an_answer_the_goals_are_listed_and_nothing_is_kept(tmp_path: Path) -> None:
    for said in (dx.check.feedback("03"), dx.check.feedback("03", goals=None, minutes=..., unclear="")):
        assert said.kept is None
        for number, goal in enumerate(dx.check.find_lesson("03").goals, 1):
            assert f"  {number}: {goal}\n" in repr(said)
        assert "No answer yet.\n" in repr(said)
        assert "goals=[4, 3, 5]" in repr(said)
    assert "No answer yet. Missing: minutes." in repr(dx.check.feedback("03", goals=[1, 2, 3]))
    assert "No answer yet. Missing: goals." in repr(dx.check.feedback("03", minutes=3))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "goals", [[4, 3, 5], (4, 3, 5), np.array([4, 3, 5]), torch.tensor([4.0, 3.0, 5.0])], ids=lambda one: str(type(one))
)
def test_an_answer_is_kept_said_and_replaced(goals: Any, tmp_path: Path) -> None:
    said = dx.check.feedback("03", goals=goals, minutes=45, unclear=" what a\n stride is\x1b[2J ")
    assert "goals 4, 3, 5; 45 minutes; unclear: 'what a stride is[2J'" in repr(said)
    assert "The card says about 60 minutes." in repr(said)
    assert "Nothing was sent" in repr(said)
    assert kept(tmp_path) == {"03": {"goals": [4, 3, 5], "minutes": 45, "unclear": "what a stride is[2J"}}
    assert "Kept so far: goals 4, 3, 5; 45 minutes" in repr(dx.check.feedback("03"))
    dx.check.feedback("03", goals=[1, 1, 1], minutes=1)
    dx.check.feedback("04_gcame.ipynb", goals=[5, 5, 5], minutes=600, unclear="x" * 500)
    assert kept(tmp_path)["03"] == {"goals": [1, 1, 1], "minutes": 1, "unclear": ""}
    assert kept(tmp_path)["04"]["unclear"] == "x" * 500
    assert sorted(os.listdir(tmp_path)) == [RECORD_FILE, RECORD_FILE.replace(".json", ".lock")]


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"goals": [4, 3]}, ValueError, "3 whole numbers from 1 to 5, such as .*got 2 values"),
        ({"goals": [4, 3, 6]}, ValueError, "got 4, 3, 6"),
        ({"goals": [4, 3, 0]}, ValueError, "got 4, 3, 0"),
        ({"goals": [4, 3.5, 1]}, ValueError, "got 4, 3.5, 1"),
        ({"goals": [4, True, 1]}, TypeError, "got True"),
        ({"goals": [4, "3", 1]}, TypeError, "quotation marks"),
        ({"goals": "4, 3, 5"}, TypeError, "such as goals="),
        ({"goals": 4}, TypeError, "whole numbers"),
        ({"goals": [4, float("nan"), 1]}, ValueError, "finite"),
        ({"minutes": 0}, ValueError, "from 1 to 600, such as minutes=45, got 0"),
        ({"minutes": 601}, ValueError, "got 601"),
        ({"minutes": "an hour"}, TypeError, "minutes as a number"),
        ({"minutes": float("inf")}, ValueError, "finite"),
        ({"minutes": [45, 50]}, TypeError, "minutes as a number"),
        ({"unclear": "x" * 501}, ValueError, "at most 500 characters.* got 501: name what"),
        ({"unclear": 3}, TypeError, "unclear as a text .* got int"),
        ({"lesson": "99"}, ValueError, "there is no lesson '99'; there are 00, "),
        ({"lesson": "../03"}, ValueError, "there is no lesson"),
        ({"lesson": 3}, TypeError, 'such as "03"'),
    ],
)
def test_a_bad_answer_is_refused_in_words_and_changes_nothing(
    changed: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    dx.check.feedback("03", **GOOD)
    before = (tmp_path / RECORD_FILE).read_bytes()
    asked = {"lesson": "03", **GOOD, **changed}
    with pytest.raises(error, match=words):
        dx.check.feedback(asked.pop("lesson"), **asked)
    assert (tmp_path / RECORD_FILE).read_bytes() == before


def test_exercises_and_questionnaire_share_a_file_and_leave_each_other_alone(tmp_path: Path) -> None:
    dx.check("03.1", "a")
    dx.check.feedback("03", **GOOD)
    dx.check("03.1", "c")
    assert dx.check.progress("03").loc["03.1", "misses"] == 2
    assert list(kept(tmp_path)) == ["03"]
    dx.check.start_over()
    assert dx.check.progress("03").loc["03.1", "misses"] == 0
    assert list(kept(tmp_path)) == ["03"]


def test_a_record_of_before_is_read_and_a_damaged_one_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / RECORD_FILE
    path.write_text('{"format": 1, "exercises": {"03.1": {"solved": true, "misses": 1, "wrong": ["a"]}}}')
    dx.check.feedback("03", **GOOD)
    assert read_record(path).exercises["03.1"].solved
    damaged = json.dumps({"format": 1, "exercises": {}, "feedback": {"03": {"goals": [9, 9, 9]}}})
    path.write_text(damaged)
    with pytest.warns(UserWarning, match="is damaged; it is kept as"):
        dx.check.feedback("03", **GOOD)
    assert kept(tmp_path)["03"]["goals"] == [4, 3, 5]
    assert (tmp_path / ".detxai-nb-progress.broken.json").read_text() == damaged


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).mkdir()
    for folder in (tmp_path, tmp_path / "missing"):
        said = dx.check.feedback("03", **GOOD, folder=folder)
        assert "could not be noted" in repr(said)
        assert "goals 4, 3, 5" in repr(said)
    assert not list(tmp_path.glob("*.part"))


def test_a_lesson_of_ones_own_has_a_questionnaire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from detxai_nb.check import exercise

    monkeypatch.setattr(exercise, "_ADDED", {})
    monkeypatch.setattr(exercise, "_ADDED_LESSONS", {})
    base = {"id": "x1.1", "title": "", "question": "", "kind": "number", "difficulty": 1, "minutes": 1, "answer": 3}
    own = {"notebook": "x1_own.ipynb", "goals": ["see", "hear", "tell"], "minutes": 20, "exercises": [base]}
    path = tmp_path / "x1.json"
    path.write_text(sealed_text(seal_exercises(own)))
    dx.check.add_exercises(path)
    assert "2: hear" in repr(dx.check.feedback("x1"))
    dx.check.feedback("x1", **GOOD)
    assert dx.check.class_feedback(tmp_path).goals["goal"].tolist() == ["see", "hear", "tell"]
    for wrong, words in (({"goals": ["see"]}, "3 texts"), ({"minutes": 0}, "minutes = 60"), ({"minutes": None}, "60")):
        with pytest.raises(ValueError, match=words):
            seal_exercises({**own, **wrong})


def test_a_classes_tables_are_those_of_the_slow_way(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    said: dict[str, list[dict[str, Any]]] = {"03": [], "05": []}
    for student in range(9):
        folder = tmp_path / "class" / f"student {student}"
        folder.mkdir(parents=True)
        for lesson, some in said.items():
            if student < 7 or lesson == "03":
                goals, minutes = draw.integers(1, 6, 3).tolist(), int(draw.integers(20, 90))
                answer = {"goals": goals, "minutes": minutes, "unclear": f"<b>{student}</b>" if student % 2 else ""}
                some.append(answer)
                dx.check.feedback(lesson, **answer, folder=folder)
    hand_in(tmp_path / "class", "silent", {})
    heard = dx.check.class_feedback(tmp_path / "class")
    assert (heard.files, heard.silent, heard.refused) == (10, 1, {})
    rows = heard.goals.itertuples(index=False)
    for lesson, answers in said.items():
        for place, goal in enumerate(dx.check.find_lesson(lesson).goals):
            sure = [one["goals"][place] for one in answers]
            share = sum(one > 3 for one in sure) / len(sure)
            notebook = dx.check.find_lesson(lesson).notebook
            assert tuple(next(rows)) == (notebook, goal, len(answers), statistics.median(sure), share)
    assert heard.minutes["n"].tolist() == [9, 7]
    assert heard.minutes["card"].tolist() == [60, 50]
    for column, of in (("median", statistics.median), ("shortest", min), ("longest", max)):
        assert heard.minutes[column].tolist() == [of([one["minutes"] for one in some]) for some in said.values()]
    assert heard.unclear["05_tiny_objects.ipynb"] == ["<b>1</b>", "<b>3</b>", "<b>5</b>"]
    assert "<b>1</b>" in repr(heard)
    assert "student" not in repr(heard)
    assert "<b>" not in heard.goals.to_html()


def test_files_under_names_of_their_own_are_read_too(tmp_path: Path) -> None:
    for number in range(3):
        dx.check.feedback("03", **GOOD, folder=tmp_path)
        (tmp_path / RECORD_FILE).rename(tmp_path / f"{number}.json")
    (tmp_path / "notes.txt").write_text("no progress")
    (tmp_path / "deep" / "study").mkdir(parents=True)
    (tmp_path / "deep" / "study" / "other.json").write_text("{}")
    heard = dx.check.class_feedback(tmp_path)
    assert (heard.files, heard.refused) == (3, {})
    assert heard.minutes["n"].tolist() == [3]


FEEDBACK = {"03": {"goals": [4, 3, 5], "minutes": 45, "unclear": ""}}
HOSTILE: dict[str, tuple[Any, str]] = {
    "goals outside": ({"03": {**FEEDBACK["03"], "goals": [4, 3, 6]}}, "got 4, 3, 6"),
    "goals many": ({"03": {**FEEDBACK["03"], "goals": [1] * 1000}}, "got 1000 values"),
    "goals texts": ({"03": {**FEEDBACK["03"], "goals": ["<b>", 1, 1]}}, "3 whole numbers"),
    "minutes endless": ({"03": {**FEEDBACK["03"], "minutes": 1e999}}, "finite"),
    "unclear long": ({"03": {**FEEDBACK["03"], "unclear": "x" * 10_000}}, "at most 500"),
    "unclear no text": ({"03": {**FEEDBACK["03"], "unclear": {"a": 1}}}, "unclear as a text"),
    "a field more": ({"03": {**FEEDBACK["03"], "name": "Ada"}}, "nothing else"),
    "no mapping": ([FEEDBACK], "not kept by lesson"),
    "an answer no mapping": ({"03": 5}, "nothing else"),
}


def test_hostile_files_are_named_left_out_and_change_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    hand_in(folder, "good", FEEDBACK)
    expected = dx.check.class_feedback(folder)
    for name, (feedback, _) in HOSTILE.items():
        hand_in(folder, name, feedback)
    raw = {
        "empty": b"",
        "no json": b"{",
        "no text": b"\xff\xfe\x00",
        "a list": b"[]",
        "another format": b'{"format": 2}',
        "deep": b"[" * 100_000,
        "a long number": b'{"format": 1' + b"0" * 100_000 + b"}",
        "large": b" " * (LARGEST + 1),
    }
    for name, content in raw.items():
        hand_in(folder, name, {}).write_bytes(content)
    (tmp_path / "outside.json").write_text(json.dumps({"format": 1, "feedback": FEEDBACK}))
    (folder / "link.json").symlink_to(tmp_path / "outside.json")
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / "a\nb\x1b[2J.json").write_text("no")
    hand_in(folder, "/".join("deep" for _ in range(DEEPEST + 1)), FEEDBACK)
    hand_in(folder, "unknown", {**FEEDBACK, "../99<b>" * 100: FEEDBACK["03"]})
    heard = dx.check.class_feedback(folder)
    for name, (_, words) in HOSTILE.items():
        assert words in heard.refused[f"{name}{os.sep}{RECORD_FILE}"]
    for name in raw:
        assert f"{name}{os.sep}{RECORD_FILE}" in heard.refused
    assert "larger than 200 kB" in heard.refused[f"large{os.sep}{RECORD_FILE}"]
    assert heard.refused["link.json"] == "it is a link, and a file was expected"
    assert "a device" in heard.refused["pipe.json"]
    assert heard.refused["a\\nb\\x1b[2J.json"]
    strange = [name for name, why in heard.refused.items() if why == "there is no such lesson"]
    assert len(strange) == 1
    assert all(len(one) < 400 and one.isprintable() for pair in heard.refused.items() for one in pair)
    assert (heard.files, heard.minutes["n"].tolist()) == (2, [2])
    assert expected.minutes["n"].tolist() == [1]
    assert "\x1b" not in repr(heard)


def test_a_folder_that_there_is_not_or_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        dx.check.class_feedback(tmp_path / "missing")
    empty = dx.check.class_feedback(tmp_path)
    assert (empty.files, len(empty.goals), len(empty.minutes), empty.unclear) == (0, 0, 0, {})
    assert repr(empty) == "0 progress files, 0 without an answer"
