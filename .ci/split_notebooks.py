"""Make two notebooks of one source: the students' copy, and the copy with the solutions folded.

python .ci/split_notebooks.py [--check] [SOURCE.ipynb ...]

By default of every notebook in notebooks/solutions, each of which is its own source: it is folded in place, and the
students' copy is written to notebooks/ without the solutions. A source that lies elsewhere makes both. Cells have tags:

exercise    the question, and a cell of code that ends in dx.check("00.1", answer) with answer = ...: in both copies
solution    what follows it, such as answer = 3 and the same dx.check: only with the solutions, and folded there

With --check nothing is written, and the exit status is 1 where a copy is not what its source makes. A notebook is not
split, with the reason, where an exercise has no solution, or a cell that students have needs what a solution has set.
"""

from __future__ import annotations

import argparse
import ast
import copy
import re
import symtable
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
SUFFIX = " (with solutions)"
EXERCISE, SOLUTION = "exercise", "solution"
MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)
CHECKED = re.compile(r"""dx\.check\(\s*["']([^"']+)["']""")
LINK = re.compile(r"\]\((\w[\w-]*\.ipynb)")
BUTTON = re.compile(r"(\[Open in \w+\]\([^)\s]*\bnotebooks/)(?:solutions/)?")
COMPOUND = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.FunctionDef, ast.ClassDef)


def split(source: Any) -> tuple[Any, Any]:
    """The students' copy and the copy with solutions; the source stays as it is."""
    student, solutions = copy.deepcopy(source), copy.deepcopy(source)
    _rename(solutions, True)
    _rename(student, False)
    for cell in solutions.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(r"](../\1", cell.source)
        if _has(cell, SOLUTION):
            hidden = {"source_hidden": True, **({"outputs_hidden": True} if cell.cell_type == "code" else {})}
            cell.metadata.jupyter = nbformat.from_dict({**cell.metadata.get("jupyter", {}), **hidden})
    student.cells = [cell for cell in student.cells if not _has(cell, SOLUTION)]
    count = 0
    for cell in student.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../", "](")
        elif cell.cell_type == "code" and cell.execution_count is not None:
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    return student, solutions


def faults(source: Any) -> list[str]:
    """Why a source cannot be split."""
    found: list[str] = []
    asked: dict[str, bool] = {}
    for number, cell in enumerate(source.cells):
        if _has(cell, SOLUTION) and _has(cell, EXERCISE):
            found.append(f"cell {number} is tagged as both, exercise and solution")
        ids = CHECKED.findall(cell.source) if cell.cell_type == "code" else []
        for one in ids:
            if _has(cell, SOLUTION):
                if one not in asked:
                    found.append(f"cell {number} solves {one}, which no exercise above asks")
                asked[one] = True
                continue
            asked.setdefault(one, False)
            if not _has(cell, EXERCISE):
                found.append(f"cell {number} checks {one} and is tagged neither exercise nor solution")
        if _has(cell, EXERCISE) and cell.cell_type == "code":
            found += [f"cell {number} gives the answer away: {text}" for text in _given_away(cell.source)]
        if "dx.check.progress(" in cell.source and not _has(cell, SOLUTION) and any(asked.values()):
            found.append(f"cell {number} shows the progress below a solution, as if students had solved it: move it up")
    found += [f"the exercise {one} has no solution below it" for one, solved in asked.items() if not solved]
    return found + list(_leaks(source))


def _leaks(source: Any) -> Iterator[str]:
    """Cells that students have, and that need what only a solution sets."""
    of_solution: set[str] = set()
    for number, cell in enumerate(source.cells):
        if cell.cell_type != "code":
            continue
        for statement in _statements(cell.source):
            needed, made = _names(statement)
            if _has(cell, SOLUTION):
                of_solution |= made
                continue
            inside = made if isinstance(statement, COMPOUND) else set()
            if lacking := sorted(needed & of_solution - inside):
                yield f"cell {number} needs {', '.join(lacking)}, which only a solution sets"
            of_solution -= made


def _statements(code: str) -> list[ast.stmt]:
    try:
        return ast.parse(MAGIC.sub("", code)).body
    except SyntaxError:
        return []


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The variables of the notebook that a statement reads, and those that it sets."""
    # From Python 3.12 on a comprehension's variables are listed among those around it; a generator's never are.
    plain = _AsGenerators().visit(copy.deepcopy(statement))
    table = symtable.symtable(ast.unparse(plain), "cell", "exec")
    read = {one.get_name() for one in table.get_symbols() if one.is_referenced()}
    made = {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
    waiting = list(table.get_children())
    while waiting:
        inner = waiting.pop()
        waiting += inner.get_children()
        read |= {one.get_name() for one in inner.get_symbols() if one.is_global() and one.is_referenced()}
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        read.add(statement.target.id)
    return read, made


class _AsGenerators(ast.NodeTransformer):
    """Comprehensions become generators over the same names."""

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.GeneratorExp:
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> ast.GeneratorExp:
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


def _given_away(code: str) -> Iterator[str]:
    for statement in _statements(code):
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "dx.check" and len(node.args) > 1:
                answer = node.args[1]
                if isinstance(answer, ast.Constant) and answer.value not in (..., None):
                    yield ast.unparse(node)


def _has(cell: Any, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def _rename(notebook: Any, solved: bool) -> None:
    """The title says which copy it is, and the links below it (``.ci/buttons.py``) open that copy."""
    first = notebook.cells[0]
    title, line_end, rest = first.source.partition("\n")
    title = title.removesuffix(SUFFIX)
    rest = BUTTON.sub(r"\1solutions/" if solved else r"\1", rest)
    first.source = (title + SUFFIX if solved else title) + line_end + rest


def write(source: Path, folder: Path, check: bool) -> list[str]:
    """Write or check both copies of a source; returns what was wrong."""
    notebook = nbformat.read(source, as_version=4)
    if reasons := faults(notebook):
        return [f"{source}: {reason}" for reason in reasons]
    found = []
    for made, path in zip(split(notebook), (folder / source.name, folder / "solutions" / source.name)):
        text = nbformat.writes(made) + "\n"
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        if there == text:
            continue
        if check:
            found.append(f"{path} is not what {source} makes{_where(there, made)}; run python .ci/split_notebooks.py")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return found


def _where(there: str, made: Any) -> str:
    """The first cell that differs, for the message."""
    cells = nbformat.reads(there, as_version=4).cells if there else []
    for number, (one, other) in enumerate(zip(cells, made.cells)):
        if one != other:
            return f" (cell {number} differs first)"
    return f" ({len(cells)} cells, not {len(made.cells)})" if len(cells) != len(made.cells) else ""


def main(arguments: list[str] | None = None, folder: Path = NOTEBOOKS) -> int:
    """Split or check the notebooks named on the command line, by default all that have solutions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("sources", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    sources = options.sources or sorted((folder / "solutions").glob("*.ipynb"))
    found = [reason for one in sources for reason in write(one, folder, options.check)]
    for reason in found:
        print(reason)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
