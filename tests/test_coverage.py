"""docs/coverage.md names every figure and table of the papers, and the cells that it names are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "coverage.md"
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))

# How many figures and tables each paper has, as counted in the papers.
PRINTED = {
    "ODAM": {"figure": 20, "table": 11},
    "G-CAME": {"figure": 10, "table": 2},
    "Global guidance": {"figure": 6, "table": 3},
    "SSGrad-CAM++": {"figure": 1, "table": 2},
    "Difference maps": {"figure": 5, "table": 1},
}
# The paper that a notebook's headings mean where they name none, and what cell ids and tags call each paper.
OWN = {
    **dict.fromkeys(("01a", "01b", "01c", "01d"), "ODAM"),
    "02": "SSGrad-CAM++",
    "03": "Difference maps",
    "04": "G-CAME",
    "05": "G-CAME",
    "07": "Global guidance",
    "09": "ODAM",
    "10": "ODAM",
}
TAGS = {
    "odam": "ODAM",
    "gcame": "G-CAME",
    "guidance": "Global guidance",
    "ss": "SSGrad-CAM++",
    "diff": "Difference maps",
}
OF_PAPER = re.compile(r"(?:odam|gcame|guidance|ss|diff)-\d+")
CLAIM = re.compile(
    r"(?:(ODAM|G-CAME),\s*)?\b(figure|table)s?\s+\(?"
    r"(\d+[a-z]?(?:(?:,| to| and|[ ,]*(?:above|below) and)\s+\d+[a-z]?\b)*)",
    re.IGNORECASE,
)

Item = tuple[str, str, int]


def sections() -> dict[str, list[list[str]]]:
    """The rows of each section's table, as lists of cells."""
    found: dict[str, list[list[str]]] = {}
    section = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:].strip()
        elif line.startswith("|") and not line.startswith(("| in the paper", "| cells", "|---")):
            found.setdefault(section, []).append([one.strip() for one in line.strip("|").split("|")])
    return found


def named(text: str) -> Iterator[tuple[str, str]]:
    """The notebook and id of each cell that a text names."""
    for notebook, cells in re.findall(r"`(\w+): ([^`]+)`", text):
        for cell in cells.split(","):
            yield notebook, cell.strip()


def rows() -> dict[Item, list[str]]:
    found: dict[Item, list[str]] = {}
    for section, lines in sections().items():
        for line in lines if section in PRINTED else []:
            kind, number = line[0].split()
            assert (section, kind, int(number)) not in found, f"{section}, {line[0]} has two rows"
            found[section, kind, int(number)] = line
    return found


def cells() -> dict[str, list[Any]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8"))["cells"] for path in NOTEBOOKS}


def claims(heading: str, own: str | None) -> Iterator[Item]:
    """The figures and tables that a heading names."""
    for paper, kind, numbers in CLAIM.findall(heading):
        of = next((name for name in PRINTED if name.casefold() == paper.casefold()), own)
        ends = [int(one) for one in re.findall(r"\d+", numbers)]
        if " to " in numbers and len(ends) == 2:
            ends = list(range(ends[0], ends[1] + 1))
        if of is not None:
            yield from ((of, kind.casefold(), number) for number in ends)


def test_every_figure_and_table_of_the_papers_has_a_row() -> None:
    expected = {
        (paper, kind, number)
        for paper, kinds in PRINTED.items()
        for kind, count in kinds.items()
        for number in range(1, count + 1)
    }
    assert len(expected) == 61
    assert set(rows()) == expected


def test_a_row_says_where_on_how_many_objects_and_what_is_missing() -> None:
    for item, line in rows().items():
        assert len(line) == 5, f"{item} has {len(line)} columns"
        assert all(line), f"{item} has an empty column; - stands for nothing"
        where, objects, missing = line[2:]
        assert (where == "-") == (objects == "-"), f"{item}: objects, and no cell, or the other way round"
        assert where != "-" or missing != "-", f"{item} is nowhere, and nothing is missing"
        assert where == "-" or list(named(where)), f"{item} names no cell as `notebook: cell`"


def test_the_page_counts_what_is_absent() -> None:
    absent = sum(line[2] == "-" for line in rows().values())
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"{61 - absent} are repeated, whole or in part, and {absent} are absent" in text


def test_every_cell_that_is_named_is_there() -> None:
    there = {(notebook, cell["id"]) for notebook, every in cells().items() for cell in every}
    missing = [one for one in named(PAGE.read_text(encoding="utf-8")) if one not in there]
    assert not missing, f"docs/coverage.md names cells that no notebook has: {missing}"


def test_what_a_heading_claims_is_shown_below_it() -> None:
    wrong = []
    table = rows()
    for notebook, every in cells().items():
        heads = [n for n, one in enumerate(every) if one["cell_type"] == "markdown" and "## " in "".join(one["source"])]
        for start, end in zip(heads, [*heads[1:], len(every)]):
            headings = [line for line in "".join(every[start]["source"]).splitlines() if line.startswith("##")]
            below = {(notebook, one["id"]) for one in every[start:end]}
            for item in claims(headings[-1], OWN.get(notebook.partition("_")[0])):
                if item not in table or not below & set(named(table[item][2])):
                    wrong.append(f"{notebook}, {headings[-1]!r}: {item[0]}, {item[1]} {item[2]}")
    assert not wrong, "add a cell below the heading to the row in docs/coverage.md:\n" + "\n".join(wrong)


def test_every_cell_of_a_papers_name_is_in_a_row() -> None:
    mentioned = set(named(PAGE.read_text(encoding="utf-8")))
    missing = []
    for notebook, every in cells().items():
        for cell in every:
            code = cell["cell_type"] == "code"
            if code and OF_PAPER.fullmatch(cell["id"]) and (notebook, cell["id"]) not in mentioned:
                missing.append(f"{notebook}: {cell['id']}")
            for tag in cell["metadata"].get("tags", []):
                parts = re.fullmatch(r"(\w+)-(figure|table)-(\d+)", tag)
                if parts and parts[1] in TAGS:
                    line = rows().get((TAGS[parts[1]], parts[2], int(parts[3])), ["", "", ""])
                    missing += [] if (notebook, cell["id"]) in named(line[2]) else [f"{notebook}: {cell['id']}, {tag}"]
    assert not missing, f"docs/coverage.md has no row for these cells ('Beside the papers' is for others): {missing}"


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("## Growing and shrinking (figure 16, A.5.6)", [("ODAM", "figure", 16)]),
        ("## The paper's tables (1, 3a and 4)", [("ODAM", "table", n) for n in (1, 3, 4)]),
        ("## Better? (tables 1, 3a and 4)", [("ODAM", "table", n) for n in (1, 3, 4)]),
        ("## Tables 1 to 3, a small part", [("ODAM", "table", n) for n in (1, 2, 3)]),
        ("## Alone (G-CAME, figures 6 below and 8)", [("G-CAME", "figure", 6), ("G-CAME", "figure", 8)]),
        ("## A figure of speech in 3 acts", []),
    ],
)
def test_headings_are_understood(heading: str, expected: list[Item]) -> None:
    assert list(claims(heading, "ODAM")) == expected
