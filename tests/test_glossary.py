"""The glossary: its names exist, its links lead to it, and the words that it settles are used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

import pytest

import detxai_nb as dx
from detxai_nb.lab import GLOSSARY, copy_notebooks, notebook_folder

REPOSITORY = Path(__file__).resolve().parents[1]
TEXT = (REPOSITORY / "notebooks" / GLOSSARY).read_text(encoding="utf-8")
ENTRIES = re.findall(r"^- \*\*(.+?)\*\*: (.+?)(?=\n- |\Z)", TEXT, re.MULTILINE | re.DOTALL)
# What the glossary calls otherwise, as regular expressions, and what to say.
DEPARTURES = {
    r"\bdrawn scenes?\b": "synthetic scene",
    r"\bper cent\b": "percent",
    r"(?<!explanation )\bvisual accuracy\b": "visual explanation accuracy",
    r"\b(?:without|no need for|needs?|no) (?:a |the )?network\b": "internet connection",
    r"\b(?:its|paper's|papers'|the) figures? (?:beside|after the bar|on (?:COCO|CrowdHuman))\b": "value",
    r"\bafter the bar the paper's figures?\b": "value",
    r"\bbounding box(?:es)?\b": "box",
    r"\bground truth\b": "annotation",
}


def texts() -> Iterator[tuple[str, str]]:
    """What people read: the words of the notebooks, the documentation and the front page, with where they are."""
    for path in sorted(REPOSITORY.glob("notebooks/**/*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                yield f"{path.relative_to(REPOSITORY).as_posix()}, {cell['id']}", "".join(cell["source"])
    for path in (*sorted(REPOSITORY.glob("docs/**/*.md")), REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"):
        yield path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8")


def names_of(text: str) -> list[str]:
    """The public names that a text has in backticks."""
    return re.findall(r"`dx\.([\w.]+)", text)


@pytest.mark.parametrize("term", [term for term, _ in ENTRIES])
def test_the_names_of_an_entry_exist(term: str) -> None:
    text = dict(ENTRIES)[term]
    for name in names_of(text):
        assert attrgetter(name)(dx) is not None, f"{term}: there is no dx.{name}"
    for notebook in re.findall(r"`(\d\d\w?_\w+)`", text):
        found = list((REPOSITORY / "notebooks").glob(f"{notebook[:2]}*.ipynb"))
        assert found, f"{term}: there is no notebook {notebook}"


def test_it_has_about_sixty_terms_in_order_each_once() -> None:
    terms = [term for term, _ in ENTRIES]
    assert len(terms) >= 60
    assert len(terms) == TEXT.count("\n- **")
    assert [term.casefold() for term in terms] == sorted({term.casefold() for term in terms})
    assert sum(bool(names_of(text)) for _, text in ENTRIES) >= 50


def test_students_have_it_where_the_first_notebook_links_it(tmp_path: Path) -> None:
    copy_notebooks(tmp_path)
    for start in (tmp_path / "00_start_here.ipynb", *REPOSITORY.glob("notebooks/**/00_start_here.ipynb")):
        links = re.findall(r"\]\(([\w./]*glossary\.md)\)", start.read_text(encoding="utf-8"))
        assert links
        for link in links:
            assert (start.parent / link).read_text(encoding="utf-8") == TEXT
    assert (notebook_folder() / GLOSSARY).is_file()


@pytest.mark.parametrize("pattern", DEPARTURES)
def test_one_thing_has_one_name(pattern: str) -> None:
    found = [f"{where}: {match[0]!r}" for where, text in texts() for match in re.finditer(pattern, text, re.IGNORECASE)]
    assert not found, f"say {DEPARTURES[pattern]!r}: {found}"
