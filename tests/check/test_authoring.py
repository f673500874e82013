"""Students' exercises are what the authors' sources make, without the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import detxai_nb as dx
from detxai_nb.check.authoring import read_authored, seal_exercises

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = """
notebook = "07_one.ipynb"

[[exercises]]
id = "07.1"
title = "Heat"
question = "How much heat lies on the leaf?"
kind = "number"
difficulty = 2
minutes = 3
tolerance = 0.01
hints = ["Sum over the mask."]
answer = 0.7351
why = "The quick brown explanation."
wrong = [0.1, 0.2, 0.9]

[[exercises]]
id = "07.2"
title = "Where"
question = "Where is the leaf?"
kind = "point"
difficulty = 1
minutes = 1
answer = {circle = [10, 20, 5]}
wrong = [[0, 0], [10, 30], [100, 20]]
"""


def own(**changed: Any) -> dict[str, Any]:
    base = {"id": "t.1", "title": "", "question": "", "kind": "number", "difficulty": 1, "minutes": 1, "answer": 3}
    merged = {**base, **changed}
    return {"notebook": "t.ipynb", "exercises": [{key: one for key, one in merged.items() if one is not None}]}


@pytest.fixture(scope="module")
def script(ci_script: Callable[[str], ModuleType]) -> ModuleType:
    return ci_script("build_exercises")


def test_the_committed_exercises_are_what_their_sources_make(script: ModuleType) -> None:
    assert script.main(["--check"]) == 0


def test_building_is_repeatable_and_changes_only_what_was_changed(script: ModuleType, tmp_path: Path) -> None:
    sources, folder = tmp_path / "sources", tmp_path / "sealed"
    sources.mkdir()
    folder.mkdir()
    (sources / "07.toml").write_text(SOURCE)
    assert script.main(["--check"], sources, folder) == 1
    assert not list(folder.iterdir())
    assert script.main([], sources, folder) == 0
    first = (folder / "07.json").read_text()
    assert script.main([], sources, folder) == 0
    assert (folder / "07.json").read_text() == first
    assert script.main(["--check"], sources, folder) == 0
    (sources / "07.toml").write_text(SOURCE.replace("0.7351", "0.6"))
    assert script.main(["--check"], sources, folder) == 1
    assert script.main([], sources, folder) == 0
    one, two = json.loads(first)["exercises"], json.loads((folder / "07.json").read_text())["exercises"]
    assert one[0]["salt"] != two[0]["salt"]
    assert one[1] == two[1]
    (sources / "07.toml").unlink()
    assert script.main(["--check"], sources, folder) == 1


def test_students_read_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "07.toml"
    path.write_text(SOURCE)
    text = json.dumps(seal_exercises(read_authored(path)))
    assert "How much heat" in text
    for secret in ("0.7351", "quick brown", "wrong", "circle", "answer"):
        assert secret not in text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"title": None}, "t.1 lacks title"),
        ({"answer": None}, "t.1: it has no answer"),
        ({"kind": "essay"}, "there is no kind 'essay'"),
        ({"colour": 1}, "unknown fields: colour"),
        ({"difficulty": 4}, "difficulty is 1, 2 or 3"),
        ({"id": "one"}, "an exercise's id is"),
        ({"wrong": [3.05], "tolerance": 0.1}, "counts as wrong, and is right"),
        ({"tolerance": -1}, "at least 0"),
        ({"kind": "choice", "options": {"a": "x"}, "answer": "a"}, "two options"),
        ({"kind": "choice", "options": {"a": "x", "b": "y"}, "answer": "c"}, "none of them"),
        ({"kind": "point", "answer": [1, 2]}, "a region is"),
        ({"kind": "point", "answer": {"polygon": [[0, 0], [1, 1]]}}, "three corners"),
        ({"kind": "point", "answer": {"circle": [0, 0, 0]}}, "with an area"),
        ({"kind": "box", "answer": [0, 0, 5, 5], "overlap": 0}, "least IoU"),
        ({"kind": "code", "test": "no-such"}, "no test of code 'no-such'"),
    ],
)
def test_a_fault_of_the_author_is_named(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        seal_exercises(own(**changed))


def test_two_exercises_of_one_id_are_refused(tmp_path: Path) -> None:
    both = own()
    both["exercises"] *= 2
    with pytest.raises(ValueError, match="two exercises"):
        seal_exercises(both)
    path = tmp_path / "a.toml"
    path.write_text("notebook = ")
    with pytest.raises(ValueError, match="no file in TOML"):
        read_authored(path)
    path.write_text("")
    with pytest.raises(ValueError, match="needs a line notebook"):
        read_authored(path)


def test_a_file_that_holds_no_exercises_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(FileNotFoundError, match="no file of exercises"):
        dx.check.add_exercises(path)
    good = seal_exercises(own(tolerance=1))
    without_step = {**good, "exercises": [{**good["exercises"][0], "sealed": [{"step": 0, "boxes": []}]}]}
    for content in ("{", "[]", json.dumps({**good, "format": 9}), json.dumps(without_step)):
        path.write_text(content)
        with pytest.raises(ValueError, match="make it again"):
            dx.check.add_exercises(path)
