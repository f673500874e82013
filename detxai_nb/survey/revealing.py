"""What the letters of one seat were, beside what was answered there: the reveal after the last answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detxai_nb.survey.merging import gather
from detxai_nb.survey.seat import RANKINGS, SIMILAR

if TYPE_CHECKING:
    from detxai_nb.survey.seat_answers import SeatAnswers
    from detxai_nb.survey.study import Study

_TITLES = {
    "rank": "Order of the maps",
    "better": "The more reasonable map",
    "draw": "Boxes drawn from a map",
    "directions": "Order of the directions",
}
_MEASURES = {
    "rank": ("mean place", "answers"),
    "better": ("chosen", "answers"),
    "draw": ("right", "answers", "mean confidence"),
    "directions": ("mean place", "answers"),
}


@dataclass(frozen=True)
class RevealedItem:
    """One question of a seat with the names of what was shown.

    Attributes:
        item: its name.
        kind: of the question.
        words: the question.
        names: by letter the method, detector or direction.
        answer: what was answered, in words and names.
        box: the box that was drawn, xyxy in pixels of the picture; None for other kinds.
        target: the box of the object that the map explains, alike.
        right: whether the drawn box is right; None for other kinds.
    """

    item: str
    kind: str
    words: str
    names: Mapping[str, str]
    answer: str
    box: tuple[float, float, float, float] | None = None
    target: tuple[float, float, float, float] | None = None
    right: bool | None = None


@dataclass(frozen=True)
class RevealedTable:
    """The answers of a seat to one kind of question.

    Attributes:
        title: of the kind.
        columns: heads; the first is that of the names.
        rows: a name and its values, as texts.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class RevealedSeat:
    """The reveal of one seat.

    Attributes:
        tables: one for each kind of question.
        items: one for each answer, in the order of the answers.
    """

    tables: tuple[RevealedTable, ...]
    items: tuple[RevealedItem, ...]


def reveal_seat(study: Study, answers: SeatAnswers) -> RevealedSeat:
    """Return what the letters of a seat were, and what its answers come to.

    Args:
        study: with its key.
        answers: of one seat of it, to all its questions.

    Returns:
        Tables and items.

    Raises:
        ValueError: if the study has no key, the answers are of another study, or a question is still open.

    Example:
        >>> import detxai_nb as dx
        >>> whole = dx.survey.simulate(1)
        >>> shown = dx.survey.reveal_seat(whole.study, whole.seats[0])
        >>> [table.title for table in shown.tables][0], len(shown.items)
        ('Order of the maps', 32)
    """
    key = study.require_key()
    answers.check(study)
    if left := answers.open_items(study.seat(answers.code)):
        raise ValueError(f"the reveal comes after the last answer; {len(left)} questions of this seat are open")
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in gather(study, [answers]).rows():
        rows.setdefault(row["kind"], []).append(row)
    names = study.revealed(answers.code)
    items = []
    for one in answers.answers:
        item, secret = study.item(one.item), key[one.item]
        said = _in_words(item.kind, one.choice, names[one.item])
        if one.box is None:
            items.append(RevealedItem(item.name, item.kind, item.words, names[one.item], said))
            continue
        right = next(row["right"] for row in rows["draw"] if row["item"] == item.name)
        said = f"Your box is {'right' if right else 'not right'}; you were sure by {one.confidence} of 5."
        target = secret.boxes[secret.target]
        items.append(RevealedItem(item.name, item.kind, item.words, names[one.item], said, one.box, target, right))
    tables = tuple(_table(kind, some) for kind, some in rows.items())
    return RevealedSeat(tables, tuple(items))


def _in_words(kind: str, choice: str, names: Mapping[str, str]) -> str:
    if kind in RANKINGS:
        return f"Your order: {', '.join(names[letter] for letter in choice)}."
    return "You saw no difference." if choice == SIMILAR else f"You chose {names.get(choice, '')}."


def _table(kind: str, rows: list[dict[str, Any]]) -> RevealedTable:
    found: list[tuple[float, tuple[str, ...]]] = []
    for name in dict.fromkeys(row["option"] for row in rows):
        own = [row for row in rows if row["option"] == name]

        def mean(column: str, own: list[dict[str, Any]] = own) -> float:
            return sum(float(row[column]) for row in own) / len(own)

        if kind in RANKINGS:
            found.append((mean("rank"), (name, f"{mean('rank'):.1f}", str(len(own)))))
        elif kind == "better":
            chosen = sum(row["chosen"] for row in own)
            found.append((-chosen, (name, f"{chosen:g}", str(len(own)))))
        else:
            right = sum(row["right"] for row in own)
            found.append((-mean("right"), (name, f"{right}", str(len(own)), f"{mean('confidence'):.1f}")))
    rank = sorted(found, key=lambda one: one[0])
    return RevealedTable(_TITLES[kind], ("", *_MEASURES[kind]), tuple(texts for _, texts in rank))
