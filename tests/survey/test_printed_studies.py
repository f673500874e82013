"""Studies on paper: the same letters as on a computer, each picture once, and no name of a method."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

import detxai_nb as dx
from detxai_nb.cli import main
from detxai_nb.survey import Study, StudyDesign, print_key, print_sheets, rehearsal_study

PICTURE = re.compile(r'<image id="p(\d+)" width="64" height="48" href="data:image/png;base64,([^"]+)"/>')
SHEET = re.compile(r'<section class="seat">.*?</section>', re.DOTALL)


@pytest.fixture(scope="module")
def study() -> Study:
    return rehearsal_study(seats=6, objects=4)


def test_a_sheet_shows_what_the_seat_sees_in_its_order(study: Study) -> None:
    page = print_sheets(study.without_key())
    pictures = {number: base64.b64decode(content) for number, content in PICTURE.findall(page)}
    assert len(pictures) == len(set(pictures.values()))
    sheets = SHEET.findall(page)
    assert len(sheets) == 6
    for code, sheet in zip(study.codes, sheets):
        asked = [one for one in study.seat(code).questions if one.kind != "draw"]
        assert asked
        shown = [pictures[number] for number in re.findall(r'href="#p(\d+)"', sheet)]
        assert shown == [picture for one in asked for picture in one.pictures]
        assert f"{code[:4]}-{code[4:]}" in sheet
        assert study.consent in sheet
        assert "".join(re.findall(r"<figcaption>(.)</figcaption>", sheet)) == "".join(one.letters for one in asked)


def test_the_sheets_name_no_method_and_the_key_tells_all(study: Study) -> None:
    assert study.key is not None
    words = re.sub(r"base64,[^\"]+", "", print_sheets(study)).casefold()
    options = {option for key in study.key.values() for option in key.options}
    assert [name for name in {*options, *dx.methods().index} if name.casefold() in words] == []
    key = print_key(study, 2)
    for code in study.codes[:2]:
        assert key.count(f"{code[:4]}-{code[4:]}") == 2  # its slip, and its letters
        for item, letters in study.revealed(code).items():
            if study.item(item).kind != "draw":
                assert ", ".join(f"{letter} {name}" for letter, name in letters.items()) in key
    assert study.codes[2][:4] not in key
    with pytest.raises(ValueError, match="no key"):
        print_key(study.without_key())


def test_outside_text_stays_text() -> None:
    study = rehearsal_study(seats=1, objects=1)
    hostile = "</style><script>alert(1)</script>"
    made = Study(hostile, hostile, study.items, study.pictures, study.plan, study.key, study.references)
    for page in (print_sheets(made), print_key(made)):
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "default-src 'none'" in page


def test_what_cannot_be_printed_is_said() -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    design = StudyDesign(kinds=["draw"], objects=1, seats=2, methods=["odam", "grad-cam"])
    study = dx.survey.build_study(dx.data.scenes.Scenes(8, mode="crowd"), detector, design=design)
    with pytest.raises(ValueError, match="asks for boxes only"):
        print_sheets(study)
    for seats in (0, 3, True, 1.5):
        with pytest.raises(ValueError, match="this study has 2 seats"):
            print_sheets(rehearsal_study(seats=2, objects=1), seats)  # type: ignore[arg-type]


def test_a_command_writes_both_pages(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = study.save(tmp_path / "lesson")
    page, key = tmp_path / "sheets.html", tmp_path / "key.html"
    assert main(["survey", "print", str(file), str(page), "--key", str(key), "--seats", "3"]) == 0
    assert page.read_text(encoding="utf-8") == print_sheets(study, 3)
    assert key.read_text(encoding="utf-8") == print_key(study, 3)
    assert capsys.readouterr().out.split() == [str(page), str(key)]
    assert main(["survey", "print", str(file), str(file)]) == 2
    assert "ends in .html" in capsys.readouterr().err
    assert Study.load(file) == study
