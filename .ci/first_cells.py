"""Begin each notebook with a folded cell of code that says what it needs, so that `uvx juv run NOTEBOOK` opens it.

python .ci/first_cells.py [--check] [NOTEBOOK.ipynb ...]

By default of every notebook in notebooks/ that has no copy with solutions, and of every one in notebooks/solutions; the
students' copies follow by .ci/split_notebooks.py. The cell stands below the title. Its first lines are inline script
metadata (PEP 723), which juv looks for in the cells of code; on Colab, which knows no such metadata, the rest of it
installs the same. With --check nothing is written, and the exit status is 1 where a notebook begins otherwise.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = REPOSITORY / "notebooks"
ID = "requirements"
EXTRAS = ("notebooks",)
MORE: dict[str, tuple[str, ...]] = {"11": ("onnx", "photographs")}
"""Extras that a notebook needs besides, by the number that its name begins with."""

CELL = """\
# /// script
# requires-python = "{python}"
# dependencies = ["{package}"]
# ///
import sys

if "google.colab" in sys.modules:
    %pip install --quiet "{package}"\
"""


def first_cell(name: str) -> Any:
    """The cell that a notebook of that file name begins with, before it has run."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = ",".join(sorted({*EXTRAS, *MORE.get(name.partition("_")[0], ())}))
    source = CELL.format(python=project["requires-python"], package=f"{project['name']}[{extras}]")
    return nbformat.v4.new_code_cell(source, id=ID, metadata={"jupyter": {"source_hidden": True}})


def begin(notebook: Any, name: str) -> bool:
    """Put the cell below the title, or in the place of an older one; False where it is there already.

    The cells below keep their outputs and count on from it, as if the notebook had run once with the cell in it.
    """
    made, there = first_cell(name), [cell for cell in notebook.cells if cell.get("id") == ID]
    executed = any(cell.get("execution_count") for cell in notebook.cells)
    made.execution_count = 1 if executed else None
    if there == notebook.cells[1:2] == [made]:
        return False
    notebook.cells = [cell for cell in notebook.cells if cell.get("id") != ID]
    notebook.cells.insert(1, made)
    if executed:
        _count_again([cell for cell in notebook.cells if cell.cell_type == "code"])
    return True


def _count_again(cells: list[Any]) -> None:
    for count, cell in enumerate(cells, 1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count


def sources(folder: Path) -> list[Path]:
    """The notebooks from which all others are made."""
    solved = sorted((folder / "solutions").glob("*.ipynb"))
    names = {path.name for path in solved}
    return [*solved, *(path for path in sorted(folder.glob("*.ipynb")) if path.name not in names)]


def main(arguments: list[str] | None = None, folder: Path = NOTEBOOKS) -> int:
    """Write or check the first cells of the notebooks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("notebooks", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    bad = False
    for path in options.notebooks or sources(folder):
        notebook = nbformat.read(path, as_version=4)
        if not begin(notebook, path.name):
            continue
        if options.check:
            bad = True
            print(f"{path} does not begin with what it needs; run python .ci/first_cells.py {path}")
        else:
            nbformat.write(notebook, path)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
