"""Rehearsals: a study of grey pictures, and seats that answer as often in each way as the paper's persons did."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import numpy as np

from detxai_nb.survey import paper_tables as paper
from detxai_nb.survey.codes import draw_codes
from detxai_nb.survey.item_answer import ItemAnswer
from detxai_nb.survey.merging import ClassAnswers, gather, is_right
from detxai_nb.survey.ordering import deal_items
from detxai_nb.survey.seat import LETTERS, SIMILAR
from detxai_nb.survey.seat_answers import SeatAnswers
from detxai_nb.survey.study import ItemKey, Study, StudyItem

CONSENT = (
    "Taking part is voluntary and you may stop at any time. Your answers and how many seconds each took are kept under "
    "a random code, nothing about you. They are shown to the class as totals."
)
"""The consent text, unless a study brings another."""
_SIZE = (64, 48)
_BOXES = ((4.0, 4.0, 28.0, 40.0), (18.0, 6.0, 42.0, 44.0), (40.0, 8.0, 62.0, 46.0))
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "rank": tuple(paper.TABLE_2),
    "better": ("detector 1", "detector 2"),
    "draw": tuple(paper.TABLE_6),
    "directions": tuple(paper.TABLE_10),
}
_REFERENCES = {"rank": "odam", "better": "detector 1", "draw": "odam", "directions": "positive"}
_LEAKS = {"grad-cam": 0.91, "grad-cam++": 0.92, "d-rise": 0.95, "odam": 0.57, "odam-train": 0.51}
"""Object discrimination indices in crowds (ODAM, table 3a)."""


def rehearsal_study(seats: int = 30, objects: int = 10, per_seat: int | None = None, seed: int = 0) -> Study:
    """Return a study of grey pictures with the paper's options, to try the way from questions to report.

    Args:
        seats: how many.
        objects: items of each kind.
        per_seat: items of each kind at one seat; by default 8 or all, if there are fewer.
        seed: of codes and plan.

    Returns:
        The study with its key.

    Raises:
        ValueError: if a seat is asked about more items than there are.
    """
    random = np.random.default_rng(seed)
    pictures: dict[str, bytes] = {}
    items: list[StudyItem] = []
    key: dict[str, ItemKey] = {}
    for kind, options in _OPTIONS.items():
        for number in range(objects):
            shown = []
            for option in range(len(options)):
                name = f"{len(pictures):016x}"
                pictures[name] = _grey(8 * (option + 1), len(pictures))
                shown.append(name)
            item = StudyItem(f"i{len(items):02d}", kind, f"{kind} {number}", f"rehearsal: {kind}", tuple(shown), _SIZE)
            mixed = tuple(options[place] for place in random.permutation(len(options)))
            leaks = (
                tuple(float(np.clip(random.normal(_LEAKS[one], 0.1), 0, 1)) for one in mixed) if kind == "draw" else ()
            )
            key[item.name] = ItemKey(
                mixed, _BOXES if kind == "draw" else (), number % 3 if kind == "draw" else 0, leaks
            )
            items.append(item)
    of = {kind: [(i.name, len(i.pictures)) for i in items if i.kind == kind] for kind in _OPTIONS}
    count = min(8, objects) if per_seat is None else per_seat
    plan = deal_items(of, draw_codes(seats, random), dict.fromkeys(of, count), random)
    return Study("Rehearsal", CONSENT, tuple(items), pictures, plan, key, _REFERENCES)


def simulate(seats: int = 30, study: Study | None = None, *, seed: int = 0) -> ClassAnswers:
    """Return a class that answers a whole study at random, with the paper's shares where it has such options.

    Args:
        seats: how many of the study's seats answer.
        study: with its key; by default ``rehearsal_study(seats)``.
        seed: of the answers.

    Returns:
        The answers of the class, for ``report``, or seat by seat to be saved and merged.

    Raises:
        ValueError: if the study has fewer seats, or no key.

    Example:
        >>> import detxai_nb as dx
        >>> answers = dx.survey.simulate(30)
        >>> len(answers.seats), answers.missing, answers.partial
        (30, (), {})
    """
    asked = rehearsal_study(seats) if study is None else study
    key, random = asked.require_key(), np.random.default_rng(seed)
    if not 1 <= seats <= len(asked.codes):
        raise ValueError(f"this study has {len(asked.codes)} seats, got {seats}")
    items = {item.name: item for item in asked.items}
    found = []
    for code in asked.codes[:seats]:
        rows = [_answer(items[name], key[name], order, asked, random) for name, order in asked.plan[code]]
        found.append(SeatAnswers(asked.identity, code, consent=True, answers=rows))
    return gather(asked, found)


def _answer(
    item: StudyItem, key: ItemKey, order: tuple[int, ...], study: Study, random: np.random.Generator
) -> ItemAnswer:
    seconds = float(np.clip(random.lognormal(2.4, 0.5), 1, 600))
    names = [key.options[option] for option in order]
    if item.kind == "draw":
        shares = np.array(paper.TABLE_6.get(names[0], (20.0,) * 5))
        confidence = 1 + int(random.choice(5, p=shares / shares.sum()))
        right = random.random() < paper.ACCURACY.get(names[0], 50.0) / 100
        return ItemAnswer(item.name, "", _box(item, key, right), confidence, seconds)
    if item.kind == "better":
        place = names.index(study.references["better"])
        choices = (LETTERS[place], SIMILAR, LETTERS[1 - place])
        return ItemAnswer(item.name, choices[random.choice(3, p=np.array(paper.BETTER) / 100)], seconds=seconds)
    table = next((one for one in (paper.TABLE_2, paper.TABLE_10) if set(one) == set(names)), None)
    best = random.permutation(len(names))
    if table is not None:
        places = paper.orders(len(table))[random.choice(24, p=_shares_of(tuple(table)))]
        best = np.argsort([places[list(table).index(name)] for name in names])
    return ItemAnswer(item.name, "".join(LETTERS[place] for place in best), seconds=seconds)


_KNOWN: dict[tuple[str, ...], np.ndarray] = {}


def _shares_of(names: tuple[str, ...]) -> np.ndarray:
    if names not in _KNOWN:
        table = paper.TABLE_2 if names == tuple(paper.TABLE_2) else paper.TABLE_10
        _KNOWN[names] = paper.with_all_shares(list(table.values()))
    return _KNOWN[names]


def _box(item: StudyItem, key: ItemKey, right: bool) -> tuple[float, float, float, float]:
    """The box of the target, or one that is wrong, inside the picture."""
    width, height = item.size
    boxes = (
        [key.boxes[key.target]]
        if right
        else [*key.boxes, (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, float(width), float(height))]
    )
    for x1, y1, x2, y2 in boxes:
        cut = (max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2))
        if right or not is_right(cut, key.boxes, key.target):
            return cut
    return boxes[-1]


def _grey(value: int, salt: int) -> bytes:
    """A PNG file of one grey; the salt is in a corner pixel, so that no two are the same file."""
    width, height = _SIZE
    rows = bytearray((bytes([0]) + bytes([value]) * width) * height)
    rows[1:3] = bytes([salt % 256, salt // 256 % 256])
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(rows), 9)),
        (b"IEND", b""),
    )
    packed = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
