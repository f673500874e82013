"""One source makes the students' copy and the copy with folded solutions."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nbformat") is None, reason='notebooks need: python -m pip install -e ".[test]"'
)


@pytest.fixture(scope="module")
def script(ci_script: Callable[[str], ModuleType]) -> ModuleType:
    return ci_script("split_notebooks")


def text(words: str, tag: str = "") -> Any:
    import nbformat

    return nbformat.v4.new_markdown_cell(words, metadata={"tags": [tag]} if tag else {})


def code(words: str, tag: str = "") -> Any:
    import nbformat

    return nbformat.v4.new_code_cell(words, metadata={"tags": [tag]} if tag else {})


def source() -> Any:
    """A small lesson with one exercise, executed."""
    import nbformat

    notebook = nbformat.v4.new_notebook(
        cells=[
            text("# A lesson\n\nSee [the next](01_next.ipynb)."),
            code("import detxai_nb as dx\nnumbers = [1, 2]"),
            text("## How many?", "exercise"),
            code('answer = ...\ndx.check("00.1", answer)', "exercise"),
            text("There are two, because ...", "solution"),
            code('answer = len(numbers)\ndx.check("00.1", answer)', "solution"),
            text("## Go on"),
            code("sum(numbers)"),
        ]
    )
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(codes, 1):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": str(number)}, execution_count=number)]
    return notebook


def test_students_have_everything_but_the_solutions(script: ModuleType) -> None:
    import nbformat

    own = source()
    before = copy.deepcopy(own)
    student, _ = script.split(own)
    assert own == before
    assert [cell.source for cell in student.cells] == [own.cells[n].source for n in (0, 1, 2, 3, 6, 7)]
    codes = [cell for cell in student.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in codes] == [1, 2, 3]
    assert [cell.outputs[0].execution_count for cell in codes] == [1, 2, 3]
    assert codes[-1].outputs[0].data["text/plain"] == "4", "what the source showed"
    nbformat.validate(student)


def test_solutions_are_folded_and_links_lead_out_of_their_folder(script: ModuleType) -> None:
    import nbformat

    own = source()
    _, solutions = script.split(own)
    folded = [cell for cell in solutions.cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert [cell.source for cell in folded] == [own.cells[n].source for n in (4, 5)]
    assert folded[1].metadata.jupyter.outputs_hidden
    assert solutions.cells[0].source == "# A lesson (with solutions)\n\nSee [the next](../01_next.ipynb)."
    nbformat.validate(solutions)


def test_the_solutions_are_a_source_of_their_own(script: ModuleType) -> None:
    student, solutions = script.split(source())
    assert script.split(solutions) == (student, solutions)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({5: None}, "the exercise 00.1 has no solution"),
        ({3: ("answer = ...",)}, "solves 00.1, which no exercise above asks"),
        ({3: ('dx.check("00.1", ...)',)}, "tagged neither exercise nor solution"),
        ({3: ('dx.check("00.1", 2)', "exercise")}, "gives the answer away"),
        ({7: ("print(answer)",), 3: ('dx.check("00.1", ...)', "exercise")}, "needs answer, which only"),
        ({7: ("dx.check.progress()",)}, "shows the progress below a solution"),
        ({7: ("[answer for _ in numbers]",)}, "needs answer, which only"),
        ({7: ("{_: answer for _ in numbers}",)}, "needs answer, which only"),
        ({7: ("[answer for answer in answer]",)}, "needs answer, which only"),
        ({7: ("def of():\n    return answer\n",)}, "needs answer, which only"),
        ({7: ("answer += 1",)}, "needs answer, which only"),
        ({7: ("answer = answer + 1",)}, "needs answer, which only"),
    ],
)
def test_what_would_not_work_for_students_is_named(changed: dict[int, Any], words: str, script: ModuleType) -> None:
    own = source()
    for number, one in changed.items():
        own.cells[number] = text("Gone.") if one is None else code(*one)
    found = script.faults(own)
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    "last",
    [
        "answer = ...\nprint(answer)",
        "for answer in numbers:\n    print(answer)",
        "def of(answer):\n    return answer\n",
        "[answer for answer in numbers]",
        "{answer for answer in numbers}",
        "{answer: [answer for _ in numbers] for answer in numbers}",
        "%matplotlib inline\nfrom math import pi as answer\nanswer",
    ],
)
def test_names_that_are_set_again_are_nobody_elses(last: str, script: ModuleType) -> None:
    own = source()
    own.cells[-1] = code(last)
    assert script.faults(own) == []


def test_check_writes_nothing_and_says_what_differs(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import nbformat

    path = tmp_path / "00_lesson.ipynb"
    (tmp_path / "solutions").mkdir()
    own = tmp_path / "elsewhere" / path.name
    own.parent.mkdir()
    nbformat.write(source(), own)
    assert script.main(["--check", str(own)], tmp_path) == 1
    assert not path.exists()
    assert script.main([str(own)], tmp_path) == 0
    assert script.main(["--check", str(own)], tmp_path) == 0
    assert script.main(["--check"], tmp_path) == 0, "of the copy with solutions, which is a source too"
    capsys.readouterr()
    changed = nbformat.read(path, as_version=4)
    changed.cells[4].source = "## Stop"
    nbformat.write(changed, path)
    assert script.main(["--check"], tmp_path) == 1
    assert "cell 4 differs first" in capsys.readouterr().out


def test_the_committed_copies_are_what_their_sources_make(script: ModuleType) -> None:
    assert script.main(["--check"]) == 0
