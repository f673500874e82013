"""What lies in docs/workshop: slides that need nothing beside them, and minutes and values as in the notebook."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from detxai_nb.workshop import slides
from detxai_nb.workshop.material import without_lost_links

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = REPOSITORY / "docs" / "workshop"
NOTEBOOK = REPOSITORY / "notebooks" / "solutions" / "10_workshop.ipynb"


def told(cell: str) -> str:
    """What a cell of the notebook says, or shows as text."""
    found = next(one for one in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if one["id"] == cell)
    texts = ["".join(found["source"])] if found["cell_type"] == "markdown" else []
    for output in found.get("outputs", ()):
        texts += output.get("text", ()) or output.get("data", {}).get("text/plain", ())
    return "".join(texts)


def test_ten_slides_are_one_page_that_asks_for_nothing(tmp_path: Path) -> None:
    pytest.importorskip("nbconvert")
    page = tmp_path / "slides.html"
    assert slides._main([str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<section>") == 10
    assert text.count('src="data:image/png;base64,') == len(slides.PICTURE.findall((PAGES / "slides.md").read_text()))
    assert "default-src 'none'" in text
    bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.findall(r"https?:|PICTURE-|!\[", bare)


def test_a_picture_that_no_cell_shows_is_said() -> None:
    with pytest.raises(ValueError, match="no cell 'none' of"):
        slides.picture_of("10_workshop.ipynb", "none")


def test_the_minutes_are_the_same_everywhere() -> None:
    starts = [int(one) for one in re.findall(r"^\| (\d+) \|", told("timeline"), re.MULTILINE)]
    notes = (PAGES / "instructor.md").read_text(encoding="utf-8")
    table = notes.split("## Minute by minute")[1].split("##")[0]
    assert [int(one) for one in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == starts
    assert starts == [0, 5, 17, 29, 42, 50, 73, 90]
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    minutes = [int(one) for one in re.findall(r"^\| [a-z' ]+ \| (\d+) \|", index, re.MULTILINE)]
    assert minutes == [
        int(one) for one in re.findall(r" (\d+)(?:,|\.)", told("card").split("minutes: ")[1].split("\n")[0])
    ]
    assert sum(minutes) == 90


def test_the_expected_values_are_the_notebooks() -> None:
    table = (PAGES / "instructor.md").read_text(encoding="utf-8").split("## What to expect")[1].split("## ")[0]
    rows = {one.split("|")[1].strip(): one for one in table.splitlines() if one.startswith("| ")}
    numbers = {
        "vote": ("shares", rows["vote"]),
        "floor changed": ("control", rows["floor changed"].split("A's")[0]),
        "flame": ("flame", rows["flame"]),
        "random weights": ("random-weights", rows["random weights"]),
        "10.2": ("exercise-2-solved", rows["10.2"].split("|")[2].split(":")[1]),
    }
    for name, (cell, row) in numbers.items():
        expected = re.findall(r"\d\.\d\d", row)
        assert expected, name
        assert set(expected) <= set(re.findall(r"\d\.\d\d", told(cell))), name


def test_the_teachers_line_adds_up_each_answers_seconds_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import detxai_nb as dx

    notes = (PAGES / "instructor.md").read_text(encoding="utf-8")
    (line,) = re.findall(r'`([^`]*dx\.survey\.merge\("class/rank"\)[^`]*)`', notes)
    monkeypatch.chdir(tmp_path)
    folder = Path("class", "rank")
    folder.mkdir(parents=True)
    study = dx.survey.rehearsal_study(seats=1)
    study.save(folder / "rank.study.json")
    seat = study.seat(study.codes[0])
    answers = dx.survey.SeatAnswers.begin(seat, folder, consent=True)
    for question in [one for one in seat.questions if one.kind == "rank"][:2]:
        answers.record(seat, question.item, choice="BDAC", seconds=21.5)
    assert eval(line, {"dx": dx}) == {seat.code: 43.0}


def test_links_that_would_lead_nowhere_leave_their_words() -> None:
    text = "[a](../start.md#x) [b](consent.md#y) [c](#z) [d](https://example.com/e.md) ![f](g.png)"
    told = "a [b](consent.md#y) [c](#z) [d](https://example.com/e.md) ![f](g.png)"
    assert without_lost_links(text, ["consent.md"]) == told
