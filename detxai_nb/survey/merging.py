"""The answers of a class: one row for each seat, whatever was handed in how often and by which way."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detxai_nb.files import as_path
from detxai_nb.survey.answer_text import LONGEST, from_text
from detxai_nb.survey.plain import printable, read_limited
from detxai_nb.survey.seat import LETTERS, SIMILAR
from detxai_nb.survey.seat_answers import LARGEST, SeatAnswers
from detxai_nb.survey.study import ENDING, Study

if TYPE_CHECKING:
    import pandas

TEXT = ".txt"
"""How the name of a file ends that holds the text of a QR code."""


@dataclass(frozen=True)
class ClassAnswers:
    """The answers of all seats to one study.

    Attributes:
        study: with its key, for reports.
        seats: answers of each seat that gave any, in the order of the study's codes.
        doubles: by seat code how many further files there were of it.
        refused: by file name why it was not taken.
    """

    study: Study
    seats: tuple[SeatAnswers, ...]
    doubles: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The codes of seats that handed in nothing, or no consent."""
        there = {one.code for one in self.seats}
        return tuple(code for code in self.study.codes if code not in there)

    @property
    def partial(self) -> dict[str, int]:
        """By the code of each seat that did not answer everything how many answers are missing."""
        wanted = {code: len(turns) for code, turns in self.study.plan.items()}
        return {one.code: wanted[one.code] - len(one) for one in self.seats if len(one) < wanted[one.code]}

    def __str__(self) -> str:
        said = [f"{len(self.seats)} of {len(self.study.codes)} seats"]
        said += [f"{sum(self.doubles.values())} doubles dropped ({', '.join(self.doubles)})"] if self.doubles else []
        said += (
            [f"partial: {', '.join(f'{code} lacks {n}' for code, n in self.partial.items())}"] if self.partial else []
        )
        said += [f"missing: {', '.join(self.missing)}"] if self.missing else []
        said += [f"refused: {name} ({why})" for name, why in self.refused.items()]
        return "; ".join(said)

    def rows(self) -> list[dict[str, Any]]:
        """Return every answer with the names of what was shown.

        Returns:
            A dictionary for each option of each answer: seat, item, kind, subject, option, letter, rank (1 is the
            best), chosen (1, 0, or 0.5 for both of "=" ), right, confidence, discrimination and seconds; None where a
            value does not apply.

        Raises:
            ValueError: if the study has no key.
        """
        key = self.study.require_key()
        items = {item.name: item for item in self.study.items}
        found = []
        for seat in self.seats:
            turns = dict(self.study.plan[seat.code])
            for answer in seat.answers:
                item, secret, order = items[answer.item], key[answer.item], turns[answer.item]
                for letter, option in zip(LETTERS, order):
                    index = secret.discrimination[option] if secret.discrimination else None
                    row: dict[str, Any] = {
                        "seat": seat.code,
                        "item": item.name,
                        "kind": item.kind,
                        "subject": item.subject,
                        "option": secret.options[option],
                        "letter": letter,
                        **dict.fromkeys(("rank", "chosen", "right", "confidence")),
                        "discrimination": index,
                        "seconds": answer.seconds,
                    }
                    if answer.box is not None:
                        row["right"] = is_right(answer.box, secret.boxes, secret.target)
                        row["confidence"] = answer.confidence
                    elif item.kind == "better":
                        row["chosen"] = 0.5 if answer.choice == SIMILAR else float(answer.choice == letter)
                    else:
                        row["rank"] = answer.choice.index(letter) + 1
                    found.append(row)
        return found

    def table(self) -> pandas.DataFrame:
        """Return ``rows`` as a table.

        Returns:
            A row for each option of each answer.

        Raises:
            ValueError: if the study has no key.
        """
        import pandas as pd

        return pd.DataFrame(self.rows())


def merge(folder: str | os.PathLike[str], study: Study | str | os.PathLike[str] | None = None) -> ClassAnswers:
    """Put together what was handed in: one row for each seat.

    Of several files of one seat, such as those of two tabs, the fuller is taken, and of equally full ones the one of
    more seconds. What is no file of answers to this study is listed with the reason and changes nothing.

    Args:
        folder: with files of answers (``.json``) and texts of QR codes (``.txt``).
        study: the study or its file; by default the one file in the folder whose name ends in ".study.json".

    Returns:
        The answers, and which seats are missing, partial, or there more than once.

    Raises:
        FileNotFoundError: if there is no such folder, or no study in it.
        ValueError: if the folder holds several studies.

    Example:
        >>> import tempfile
        >>> import detxai_nb as dx
        >>> whole = dx.survey.simulate(4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for seat in whole.seats[:3]:
        ...         path = seat.save(folder)
        ...     merged = dx.survey.merge(folder, whole.study)
        >>> merged.seats == whole.seats[:3], merged.missing == (whole.study.codes[3],)
        (True, True)
    """
    where = as_path(folder, "a folder of answers")
    if not where.is_dir():
        raise FileNotFoundError(f"there is no folder {where} with answers")
    asked = study if isinstance(study, Study) else Study.load(_only_study(where) if study is None else study)
    found, refused = [], {}
    for path in sorted(where.iterdir()):
        if path.name.startswith(".") or path.name.endswith(ENDING) or not path.name.endswith((".json", TEXT)):
            continue
        try:
            found.append(_read(path, asked))
        except (ValueError, OSError) as error:
            refused[printable(path.name)] = printable(str(error))
    return gather(asked, found, refused)


def gather(study: Study, answers: Iterable[SeatAnswers], refused: Mapping[str, str] | None = None) -> ClassAnswers:
    """Put answers together as ``merge`` does: one row for each seat.

    Args:
        study: what they answer.
        answers: in any order.
        refused: by file name why it was not taken.

    Returns:
        The answers of the class.

    Raises:
        ValueError: if one of them is of another study.
    """
    of: dict[str, list[SeatAnswers]] = {code: [] for code in study.codes}
    for one in answers:
        one.check(study)
        of[one.code].append(one)
    fullest = {code: max(some, key=lambda answers: answers.fullness) for code, some in of.items() if some}
    doubles = {code: len(some) - 1 for code, some in of.items() if len(some) > 1}
    seats = tuple(one for one in fullest.values() if one.consent and len(one))
    return ClassAnswers(study, seats, doubles, dict(refused or {}))


def is_right(
    box: tuple[float, float, float, float], boxes: tuple[tuple[float, float, float, float], ...], target: int
) -> bool:
    """Return whether a drawn box is of its target: it overlaps no other object as much, and by an IoU above 0.5.

    Args:
        box: drawn, xyxy in pixels of the picture.
        boxes: of all annotated objects, alike.
        target: which of them is meant.

    Returns:
        True if it is right.

    Example:
        >>> boxes = ((0.0, 0.0, 10.0, 10.0), (4.0, 0.0, 14.0, 10.0))
        >>> is_right((1.0, 0.0, 11.0, 10.0), boxes, 0), is_right((1.0, 0.0, 11.0, 10.0), boxes, 1)
        (True, False)
    """
    overlaps = [_overlap(box, other) for other in boxes]
    return overlaps[target] > 0.5 and all(
        overlaps[target] > one for number, one in enumerate(overlaps) if number != target
    )


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    width = max(0.0, min(first[2], second[2]) - max(first[0], second[0]))
    height = max(0.0, min(first[3], second[3]) - max(first[1], second[1]))
    areas = sum(max(0.0, one[2] - one[0]) * max(0.0, one[3] - one[1]) for one in (first, second))
    return width * height / (areas - width * height) if areas > width * height else 0.0


def _only_study(where: Path) -> Path:
    found = sorted(where.glob("*" + ENDING))
    if not found:
        raise FileNotFoundError(f"{where} holds no file of a study (*{ENDING}); name the study: merge(folder, study)")
    if len(found) > 1:
        raise ValueError(f"{where} holds {len(found)} studies, {found[0].name} and {found[1].name}; name one of them")
    return found[0]


def _read(path: Path, study: Study) -> SeatAnswers:
    if not path.name.endswith(TEXT):
        return SeatAnswers.load(path, study)
    content = read_limited(path, "answers", min(LARGEST, 2 * LONGEST))
    return from_text(content.decode("ascii"), study)
