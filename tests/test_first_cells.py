"""What notebooks begin with: a folded cell that says what they need, and links once the repository has an address."""

from __future__ import annotations

import copy
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

nbformat: Any = pytest.importorskip("nbformat")
REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").rglob("*.ipynb"))
# As the specification of inline script metadata has it.
METADATA = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
ADDRESS = "https://github.com/Some-One/a.kit"


def lesson() -> Any:
    """Two cells that have run."""
    v4 = nbformat.v4
    codes = [v4.new_code_cell(source, execution_count=count) for count, source in enumerate(("one = 1", "one"), 1)]
    codes[1].outputs = [v4.new_output("execute_result", {"text/plain": "1"}, execution_count=2)]
    title, more = v4.new_markdown_cell("# A lesson\n\nIts first words."), v4.new_markdown_cell("## More")
    return v4.new_notebook(cells=[title, codes[0], more, codes[1]])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_the_first_cell_of_code_says_what_the_notebook_needs(path: Path) -> None:
    cells = nbformat.read(path, 4).cells
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert first is cells[1]
    assert first.metadata.jupyter.source_hidden
    assert first.outputs == []
    [found] = METADATA.finditer(first.source)
    assert found["type"] == "script"
    said = tomllib.loads("".join(line[2:] for line in found["content"].splitlines(keepends=True)))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert said["requires-python"] == project["requires-python"]
    [needed] = said["dependencies"]
    name, extras = re.fullmatch(r"([\w-]+)\[([\w,]+)\]", needed).groups()  # type: ignore[union-attr]
    assert name == project["name"]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert f'%pip install --quiet "{needed}"' in first.source, "on Colab the same is installed"


def test_the_cells_below_count_on(ci_script: Callable[[str], ModuleType]) -> None:
    module, notebook = ci_script("first_cells"), lesson()
    before = copy.deepcopy(notebook)
    assert module.begin(notebook, "00_lesson.ipynb")
    nbformat.validate(notebook)
    assert [cell.source for cell in notebook.cells if cell.id != module.ID] == [cell.source for cell in before.cells]
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert notebook.cells[-1].outputs[0].execution_count == 3
    assert not module.begin(notebook, "00_lesson.ipynb"), "it is there already"


def test_the_counts_are_those_of_a_run_with_the_cell(ci_script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    notebook = lesson()
    ci_script("first_cells").begin(notebook, "00_lesson.ipynb")
    ran = copy.deepcopy(notebook)
    nbclient.NotebookClient(
        ran, timeout=60, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    for cell in ran.cells:
        cell.metadata.pop("execution", None)
    assert ran.cells == notebook.cells


def test_an_older_cell_or_another_place_is_mended(ci_script: Callable[[str], ModuleType]) -> None:
    module, right = ci_script("first_cells"), lesson()
    module.begin(right, "00_lesson.ipynb")
    older, lower = copy.deepcopy(right), copy.deepcopy(right)
    older.cells[1].source = "# /// script\n# dependencies = []\n# ///"
    lower.cells[1:3] = reversed(lower.cells[1:3])
    for notebook in (older, lower):
        assert module.begin(notebook, "00_lesson.ipynb")
        assert notebook == right
    fresh = lesson()
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    module.begin(fresh, "00_lesson.ipynb")
    assert all(cell.get("execution_count") is None for cell in fresh.cells), "it has not run yet"


def test_a_notebook_may_need_more(ci_script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    module = ci_script("first_cells")
    monkeypatch.setattr(module, "MORE", {"77": ("ultralytics",)})
    assert '"detxai-nb[notebooks,ultralytics]"' in module.first_cell("77_boats.ipynb").source
    assert '"detxai-nb[notebooks]"' in module.first_cell("7_cars.ipynb").source


def test_sources_are_written_and_check_only_looks(ci_script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    module = ci_script("first_cells")
    (tmp_path / "solutions").mkdir()
    for name in ("00_a.ipynb", "solutions/00_a.ipynb", "01_b.ipynb"):
        nbformat.write(lesson(), tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")}
    assert module.main(["--check"], tmp_path) == 1
    assert {path: path.read_bytes() for path in before} == before
    assert module.main([], tmp_path) == 0
    written = {path.relative_to(tmp_path).as_posix() for path in before if path.read_bytes() != before[path]}
    assert written == {"solutions/00_a.ipynb", "01_b.ipynb"}, "the students' copy is made from the solutions"
    assert module.main(["--check"], tmp_path) == 0


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of the repository that will name its address, with two of its notebooks."""
    for name in ("pyproject.toml", "CITATION.cff", "notebooks/00_start_here.ipynb", "notebooks/02_ssgradcam.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "notebooks" / "solutions").mkdir()
    for name in ("00_start_here", "02_ssgradcam"):
        shutil.copy(REPOSITORY / "notebooks" / "solutions" / f"{name}.ipynb", tmp_path / "notebooks" / "solutions")
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in folder.rglob("*.*") if p.is_file()}


def test_each_copy_has_links_that_open_itself(ci_script: Callable[[str], ModuleType], checkout: Path) -> None:
    before = contents(checkout)
    assert ci_script("buttons").main([ADDRESS], checkout) == 0
    for path in sorted(checkout.rglob("*.ipynb")):
        notebook, place = nbformat.read(path, 4), path.relative_to(checkout).as_posix()
        old = nbformat.reads(before[place], 4)
        nbformat.validate(notebook)
        title, _, line, *rest = notebook.cells[0].source.split("\n")
        assert "\n".join([title, *rest]) == old.cells[0].source
        assert notebook.cells[1:] == old.cells[1:]
        assert re.findall(r"\]\((.*?)\)", line) == [
            f"https://colab.research.google.com/github/Some-One/a.kit/blob/main/{place}",
            f"https://mybinder.org/v2/gh/Some-One/a.kit/HEAD?labpath={place}",
        ]
    # The students' copy is still what the copy with the solutions makes.
    split = ci_script("split_notebooks")
    for source in (checkout / "notebooks" / "solutions").glob("*.ipynb"):
        assert split.write(source, checkout / "notebooks", check=True) == []


def test_the_links_of_a_source_elsewhere_lead_to_its_copies(ci_script: Callable[[str], ModuleType]) -> None:
    repository = ci_script("buttons").read_address(ADDRESS)
    source = ci_script("buttons").with_buttons(lesson(), repository.buttons("notebooks/00_lesson.ipynb"))
    student, solutions = ci_script("split_notebooks").split(source)
    assert repository.buttons("notebooks/00_lesson.ipynb") in student.cells[0].source
    assert repository.buttons("notebooks/solutions/00_lesson.ipynb") in solutions.cells[0].source


def test_the_project_says_where_it_is(ci_script: Callable[[str], ModuleType], checkout: Path) -> None:
    yaml = pytest.importorskip("yaml")
    before = contents(checkout)
    assert ci_script("buttons").main([f"{ADDRESS}.git"], checkout) == 0
    after = contents(checkout)
    project, old = (tomllib.loads(one["pyproject.toml"]) for one in (after, before))
    urls = project["project"].pop("urls")
    assert urls.pop("Documentation") == "https://some-one.github.io/a.kit/"
    assert {url.removeprefix(ADDRESS) for url in urls.values()} == {"", "/issues", "/blob/main/CHANGELOG.md"}
    old["project"].pop("urls", None)
    assert project == old
    cited, old_cited = (yaml.safe_load(one["CITATION.cff"]) for one in (after, before))
    assert cited == {**old_cited, "repository-code": ADDRESS}


def test_called_again_it_replaces_what_it_wrote(ci_script: Callable[[str], ModuleType], checkout: Path) -> None:
    main = ci_script("buttons").main
    main([ADDRESS], checkout)
    first = contents(checkout)
    main([ADDRESS + "/"], checkout)
    assert contents(checkout) == first
    main(["https://github.com/other/place"], checkout)
    assert not any("Some-One" in text for text in contents(checkout).values())
    main([ADDRESS], checkout)
    assert contents(checkout) == first


@pytest.mark.parametrize(
    "address",
    [
        "",
        "github.com/a/b",
        "http://github.com/a/b",
        "https://github.com/a",
        "https://github.com/a/b/c",
        "https://example.org/a/b",
        "https://github.com/a/b) [x](javascript:alert(1)",
        'https://github.com/a/b"\n[x]',
    ],
)
def test_what_is_no_address_changes_nothing(
    address: str, ci_script: Callable[[str], ModuleType], checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(checkout)
    assert ci_script("buttons").main([address], checkout) == 2
    assert "https://github.com/OWNER/NAME" in capsys.readouterr().err
    assert contents(checkout) == before


def test_a_file_without_the_place_changes_nothing(ci_script: Callable[[str], ModuleType], checkout: Path) -> None:
    (checkout / "CITATION.cff").write_text("cff-version: 1.2.0\n", encoding="utf-8")
    before = contents(checkout)
    assert ci_script("buttons").main([ADDRESS], checkout) == 2
    assert contents(checkout) == before
