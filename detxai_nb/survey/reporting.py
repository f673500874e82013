"""The papers' tables of a class's own answers, each with its tests."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detxai_nb.pages.report import write_report
from detxai_nb.survey import paper_tables as paper
from detxai_nb.survey.comparisons import (
    SurveyTest,
    Values,
    chosen_oftener,
    corrected,
    means_apart,
    paired_ranks,
    shares_apart,
)
from detxai_nb.survey.merging import ClassAnswers

if TYPE_CHECKING:
    import pandas

PLACES = ("1st", "2nd", "3rd", *(f"{place}th" for place in range(4, 9)))
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""The ends of the groups of discrimination indices in figure 8's table."""


@dataclass(frozen=True)
class SurveySection:
    """The answers of one kind of item.

    Attributes:
        kind: one of ``KINDS``.
        title: which table of the paper it is like.
        table: a row for each option, in percent where the paper has percent.
        tests: the reference against every other option.
        by_discrimination: of drawn boxes how many were right, and the confidence, by the map's discrimination index (as
            figure 8); None for other kinds.
    """

    kind: str
    title: str
    table: pandas.DataFrame
    tests: tuple[SurveyTest, ...]
    by_discrimination: pandas.DataFrame | None = None

    def __str__(self) -> str:
        said = [self.title, self.table.round(2).to_string(), *map(str, self.tests)]
        if self.by_discrimination is not None and len(self.by_discrimination):
            said += ["By the object discrimination index of the map (as figure 8):"]
            said += [self.by_discrimination.round(2).to_string()]
        return "\n".join(said)


@dataclass(frozen=True)
class SurveyReport:
    """The tables of a class.

    Attributes:
        class_answers: what they are of.
        sections: one for each kind of item that was answered.
    """

    class_answers: ClassAnswers
    sections: tuple[SurveySection, ...]

    def section(self, kind: str) -> SurveySection:
        """Return the tables of one kind of item.

        Args:
            kind: one of ``KINDS``.

        Returns:
            The section.

        Raises:
            ValueError: if nothing of that kind was answered.
        """
        for one in self.sections:
            if one.kind == kind:
                return one
        there = ", ".join(one.kind for one in self.sections)
        raise ValueError(f"nothing of the kind {kind!r:.40} was answered; there is {there or 'nothing at all'}")

    def save_html(self, path: str | os.PathLike[str], *, title: str = "Survey", overwrite: bool = False) -> Path:
        """Write the tables and tests as one HTML file.

        Args:
            path: the file, which ends in .html.
            title: of the page.
            overwrite: whether an existing file is replaced.

        Returns:
            The file.

        Raises:
            FileNotFoundError: if its folder does not exist.
            FileExistsError: if the file exists and ``overwrite`` is False.
            ValueError: if the name is no HTML file's.
        """
        parts: list[Any] = []
        for one in self.sections:
            parts += [f"# {one.title}", one.table.round(2), [str(test) for test in one.tests]]
            if one.by_discrimination is not None and len(one.by_discrimination):
                parts += ["By the object discrimination index of the map:", one.by_discrimination.round(2)]
        return write_report(path, title, parts, overwrite)

    def __str__(self) -> str:
        return "\n\n".join([str(self.class_answers), *map(str, self.sections)])


def report(class_answers: ClassAnswers) -> SurveyReport:
    """Return each paper's table of a class's answers, with its test and an interval over persons.

    Rankings and directions: shares of places and average rank, Wilcoxon signed-rank test and chi-square test of first
    places. Which detector is better: shares, chi-square test. Drawn boxes: confidences and accuracy, chi-square test
    and t-test, and both against the object discrimination index. The tests are the papers', which take all answers for
    independent. Answers of one person are not, so an order counts as decided only if the bootstrap interval over
    persons says so too.

    Args:
        class_answers: what ``merge`` or ``simulate`` returned, of a study with its key.

    Returns:
        The tables and tests; as a text with plain words.

    Raises:
        ImportError: if scipy is not installed.
        TypeError: for anything else than the answers of a class.
        ValueError: if the study has no key, or nobody answered anything.

    Example:
        >>> import detxai_nb as dx
        >>> found = dx.survey.report(dx.survey.simulate(30))
        >>> bool(found.section("rank").table.loc["odam", "average rank"] < 2)
        True
        >>> found.section("draw").tests[0].decided
        True
    """
    if not isinstance(class_answers, ClassAnswers):
        kind = type(class_answers).__name__
        raise TypeError(f"a report is of what merge or simulate returned, ClassAnswers, got {kind}")
    table = class_answers.table()
    if not len(table):
        raise ValueError("there are no answers yet; merge a folder with files that were handed in")
    sections = []
    for kind, rows in table.groupby("kind", sort=False):
        reference = class_answers.study.references[kind]
        named = {
            one for item in class_answers.study.items if item.kind == kind for one in _options(class_answers, item.name)
        }
        others = sorted(named - {reference}, key=lambda name: (_place(name), name))
        if kind in ("rank", "directions"):
            sections.append(_ranking(str(kind), rows, reference, others))
        elif kind == "better":
            sections.append(_better(rows, reference, others))
        else:
            sections.append(_drawn(rows, reference, others))
    return SurveyReport(class_answers, tuple(sections))


def _options(class_answers: ClassAnswers, item: str) -> tuple[str, ...]:
    return class_answers.study.require_key()[item].options


def _place(name: str) -> int:
    """In the order of the paper's tables, others behind."""
    known = [*paper.TABLE_6, *paper.TABLE_10]
    return known.index(name) if name in known else len(known)


def _ranking(kind: str, rows: pandas.DataFrame, reference: str, others: list[str]) -> SurveySection:
    """Tables 2 and 10."""
    import pandas as pd

    count = int(rows["rank"].max())
    found = {}
    for name in (*others, reference):
        ranks = rows.loc[rows["option"] == name, "rank"].astype(float)
        shares = {PLACES[place]: 100 * float((ranks == place + 1).mean()) for place in range(count)}
        found[name] = {**shares, "average rank": float(ranks.mean()), "answers": len(ranks)}
    printed = paper.TABLE_2 if kind == "rank" else paper.TABLE_10
    if set(found) <= set(printed):
        for name, row in found.items():
            whole = sum(printed[name])
            row["paper's average rank"] = sum(s * (place + 1) for place, s in enumerate(printed[name])) / whole
    places = rows.pivot_table(index=["seat", "item"], columns="option", values="rank", aggfunc="first").astype(float)
    tests = []
    for name in others:
        both = places[[reference, name]].dropna()
        tests.append(paired_ranks(reference, name, _by_seat(both[name] - both[reference])))
    for name in others:
        both = places[[reference, name]].dropna()
        signs = (both[reference] == 1).astype(float) - (both[name] == 1).astype(float)
        tests.append(chosen_oftener(reference, name, _by_seat(signs), "is ranked first more often than"))
    title = (
        "Rankings (as ODAM, table 2), % of places" if kind == "rank" else "Directions (as ODAM, table 10), % of places"
    )
    return SurveySection(kind, title, pd.DataFrame.from_dict(found, orient="index"), corrected(tests))


def _better(rows: pandas.DataFrame, reference: str, others: list[str]) -> SurveySection:
    """Section 4.2: which of two detectors is better."""
    import pandas as pd

    other = others[0]
    chosen = rows.pivot_table(index=["seat", "item"], columns="option", values="chosen", aggfunc="first").astype(float)
    signs = chosen[reference] - chosen[other]
    shares = {reference: (signs > 0).mean(), "similar": (signs == 0).mean(), other: (signs < 0).mean()}
    table = pd.DataFrame(
        {"chosen": [100 * float(share) for share in shares.values()], "paper": list(paper.BETTER)}, index=list(shares)
    )
    table["answers"] = len(signs)
    test = chosen_oftener(reference, other, _by_seat(signs), "is taken for the better one more often than")
    title = "Which detector is better (as ODAM, section 4.2), % of answers; the first is the better detector"
    return SurveySection("better", title, table, corrected([test]))


def _drawn(rows: pandas.DataFrame, reference: str, others: list[str]) -> SurveySection:
    """Tables 3b and 6, and the table behind figure 8."""
    import pandas as pd

    found, right, confident = {}, {}, {}
    for name in (*others, reference):
        some = rows[rows["option"] == name]
        right[name] = _values(zip(some["seat"], some["right"]))
        confident[name] = _values(zip(some["seat"], some["confidence"]))
        levels = some["confidence"].astype(float)
        shares = {f"confidence {level}": 100 * float((levels == level).mean()) for level in range(1, 6)}
        row = {
            **shares,
            "average confidence": float(levels.mean()),
            "accuracy": 100 * float(some["right"].astype(float).mean()),
        }
        row |= {"answers": len(some)}
        if name in paper.ACCURACY:
            row["paper's accuracy"] = paper.ACCURACY[name]
        found[name] = row
    tests = [shares_apart(reference, name, right[reference], right[name]) for name in others]
    tests += [means_apart(reference, name, confident[reference], confident[name]) for name in others]
    title = "Drawn boxes (as ODAM, tables 3b and 6), % of answers"
    table = pd.DataFrame.from_dict(found, orient="index")
    return SurveySection("draw", title, table, corrected(tests), _discrimination(rows))


def _discrimination(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Right and confident by option and group of discrimination indices."""
    import pandas as pd

    known = rows.dropna(subset=["discrimination"])
    groups = pd.cut(known["discrimination"].astype(float), BINS, include_lowest=True, labels=group_labels())
    found = known.assign(
        ODI=groups.astype(str),
        right=known["right"].astype(float),
        confidence=known["confidence"].astype(float),
    ).groupby(["option", "ODI"])
    return pd.DataFrame(
        {"answers": found.size(), "right": 100 * found["right"].mean(), "confidence": found["confidence"].mean()}
    )


def group_labels() -> list[str]:
    """Return the names of the groups of discrimination indices.

    Returns:
        One for each, such as "0 to 0.2".
    """
    return [f"{low:g} to {high:g}" for low, high in itertools.pairwise(BINS)]


def _by_seat(values: pandas.Series) -> Values:
    return _values((seat, value) for (seat, _), value in values.items())


def _values(pairs: Iterable[tuple[str, float]]) -> Values:
    found: Values = {}
    for seat, value in pairs:
        found.setdefault(seat, []).append(float(value))
    return found
