"""Every public docstring has a one-line summary and Google sections that name each parameter, field and result."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "detxai_nb"
FILES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if not any(part.startswith("_") and part != "__init__.py" for part in path.relative_to(PACKAGE).parts)
)

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises", "Example", "Examples", "Note", "References")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sections(docstring: str) -> dict[str, str]:
    """The text of each section of a cleaned docstring; what comes before the first is under ""."""
    pieces = re.split(rf"^({'|'.join(SECTIONS)}):\s*$", docstring, flags=re.MULTILINE)
    return {"": pieces[0], **dict(zip(pieces[1::2], pieces[2::2]))}


def entries(section: str) -> set[str]:
    """The names that an Args or Attributes section describes: ``name: text``, several as ``a, b: text``."""
    found = re.findall(r"^    (\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \([^)]*\))?:", section, flags=re.MULTILINE)
    return {name.lstrip("*") for entry in found for name in entry.split(", ")}


def _decorators(node: Function | ast.ClassDef) -> set[str]:
    return {ast.unparse(d.func if isinstance(d, ast.Call) else d).rpartition(".")[2] for d in node.decorator_list}


def parameters(function: Function) -> list[str]:
    """The names that a caller hands in."""
    args = function.args
    every = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    names = [one.arg for one in every if one is not None]
    bound = names[:1] in (["self"], ["cls"], ["mcs"])
    return [name for name in names[bound:] if not name.startswith("_")]


def fields(owner: ast.ClassDef) -> list[str]:
    """The public fields of a dataclass, TypedDict or NamedTuple."""
    bases = {ast.unparse(base) for base in owner.bases}
    if "dataclass" not in _decorators(owner) and not bases & {"TypedDict", "NamedTuple"}:
        return []
    named = [node for node in owner.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    names = [ast.unparse(node.target) for node in named if "ClassVar" not in ast.unparse(node.annotation)]
    return [name for name in names if not name.startswith("_")]


def returns_something(function: Function) -> bool:
    """Whether a caller is given something that has to be described."""
    told = ast.unparse(function.returns) if function.returns else "None"
    return told not in ("None", "NoReturn", "Iterator[None]", "Self")


def summary_faults(docstring: str) -> Iterator[str]:
    first, *rest = docstring.splitlines()
    if not first.rstrip().endswith((".", "?", "!")):
        yield "its first line is no sentence of one line"
    if rest and rest[0].strip():
        yield "a blank line is missing after its first line"


def function_faults(function: Function, docstring: str | None) -> Iterator[str]:
    if docstring is None:
        yield "it has no docstring"
        return
    yield from summary_faults(docstring)
    found = sections(docstring)
    if missing := [name for name in parameters(function) if name not in entries(found.get("Args", ""))]:
        yield f"its Args leave out {', '.join(missing)}"
    if unknown := entries(found.get("Args", "")) - set(parameters(function)) - _unpacked(function):
        yield f"its Args name what is no parameter: {', '.join(sorted(unknown))}"
    if returns_something(function) and not {"Returns", "Yields"} & set(found):
        yield "it says nowhere what it returns (Returns or Yields)"


def _unpacked(function: Function) -> set[str]:
    """With ``**options: Unpack[...]`` the Args may name the options too."""
    keywords = function.args.kwarg
    told = "" if keywords is None or keywords.annotation is None else ast.unparse(keywords.annotation)
    return {"*"} if not told.startswith("Unpack") else _Anything()


class _Anything(set[str]):
    def __rsub__(self, other: set[str]) -> set[str]:
        return set()


def class_faults(owner: ast.ClassDef) -> Iterator[str]:
    docstring = ast.get_docstring(owner)
    if docstring is None:
        yield "it has no docstring"
        return
    yield from summary_faults(docstring)
    found = sections(docstring)
    named = entries(found.get("Attributes", "")) | entries(found.get("Args", ""))
    own = {node.name: node for node in owner.body if isinstance(node, ast.FunctionDef)}
    wanted = fields(owner)
    if "__init__" in own:
        wanted = wanted + parameters(own["__init__"])
        named |= entries(sections(ast.get_docstring(own["__init__"]) or "").get("Args", ""))
    if missing := [name for name in wanted if name not in named]:
        yield f"its Args or Attributes leave out {', '.join(missing)}"


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST, list[str]]]:
    """Every public object of a module with what is wrong with its docstring."""
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        if isinstance(node, ast.FunctionDef):
            if "overload" not in _decorators(node):
                yield node.name, node, list(function_faults(node, ast.get_docstring(node)))
            continue
        yield node.name, node, list(class_faults(node))
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or method.name.startswith("_"):
                continue
            kind = _decorators(method)
            if kind & {"overload", "setter", "validate", "observe"}:
                continue
            docstring = ast.get_docstring(method)
            if kind & {"property", "cached_property"}:
                faults = list(summary_faults(docstring)) if docstring else ["it has no docstring"]
            else:
                faults = list(function_faults(method, docstring))
            yield f"{node.name}.{method.name}", method, faults


def test_public_docstrings_have_sections_that_name_everything() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}: {name}: {fault}"
        for path in FILES
        for name, _, faults in public(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))
        for fault in faults
    ]
    assert not wrong, "\n".join(["", *wrong])


def test_the_check_notices_what_is_missing() -> None:
    source = inspect.cleandoc('''
        def good(a, b=1, **more) -> int:
            """Add two numbers.

            Args:
                a, b: numbers, of any range.
                **more: ignored.

            Returns:
                Their sum.
            """

        def bad(a, b) -> int:
            """Add
            two numbers

            Args:
                a: a number.
                c: no parameter.
            """
    ''')
    found = {name: faults for name, _, faults in public(ast.parse(source))}
    assert found["good"] == []
    assert len(found["bad"]) == 5
