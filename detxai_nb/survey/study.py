"""A study: its items with pictures made beforehand, who sees what, and apart from these the key."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from detxai_nb.files import as_path, write_whole
from detxai_nb.survey.codes import check_code, typed_code
from detxai_nb.survey.ordering import Turn
from detxai_nb.survey.plain import checksum
from detxai_nb.survey.seat import KINDS, LETTERS, Seat, SeatQuestion

ENDING = ".study.json"
_NAME = re.compile(r"i\d{2,3}")
_PICTURE = re.compile(r"[0-9a-f]{16}")
_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_LONGEST_SIDE = 4096


@dataclass(frozen=True)
class StudyItem:
    """One question of a study, as anybody may see it.

    Attributes:
        name: such as "i07".
        kind: one of ``KINDS``.
        subject: which object of which picture it is about; no two items of a study are about the same.
        words: the question.
        pictures: the names of its pictures, one for each option; their order means nothing.
        size: (width, height) of the pictures in pixels.
    """

    name: str
    kind: str
    subject: str
    words: str
    pictures: tuple[str, ...]
    size: tuple[int, int]


@dataclass(frozen=True)
class ItemKey:
    """What the options of an item are.

    Attributes:
        options: the name of each option's method, detector or direction.
        boxes: of a "draw" item all annotated boxes, xyxy in pixels of the picture.
        target: which of the boxes the maps explain.
        discrimination: the object discrimination index of each option's map, 0..1, or None where it is undefined.
    """

    options: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    target: int = 0
    discrimination: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Study:
    """Items, seats and pictures of a user study; with a key it can be evaluated, without one it can be handed out.

    Attributes:
        title: what it is called.
        consent: the text that a person agrees to before the first question.
        items: the questions.
        pictures: PNG files by name.
        plan: by seat code which items that seat is asked about, and which option stands at which letter.
        key: by the item's name what its options are; None in a file that is handed out.
        references: by kind the option that the others are compared with; empty without a key.
    """

    title: str
    consent: str
    items: tuple[StudyItem, ...]
    pictures: Mapping[str, bytes] = field(repr=False)
    plan: Mapping[str, tuple[Turn, ...]] = field(repr=False)
    key: Mapping[str, ItemKey] | None = field(default=None, repr=False)
    references: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("pictures", "plan", "key", "references"):
            value = getattr(self, name)
            object.__setattr__(self, name, value if value is None else MappingProxyType(dict(value)))
        _check_items(self)
        _check_plan(self)
        _check_key(self)

    @cached_property
    def identity(self) -> str:
        """Sixteen hexadecimal digits that are the same with and without the key, and of no other study."""
        from detxai_nb.survey.study_files import visible

        return checksum(visible(self))

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the seats."""
        return tuple(self.plan)

    def item(self, name: str) -> StudyItem:
        """Return an item.

        Args:
            name: such as "i07".

        Returns:
            The item.

        Raises:
            ValueError: if there is none of this name.
        """
        for one in self.items:
            if one.name == name:
                return one
        raise ValueError(f"this study has no item {str(name)[:40]!r}")

    def seat(self, code: str) -> Seat:
        """Return what one seat is shown: letters and pictures, no name of a method.

        Args:
            code: of the seat, as it was typed.

        Returns:
            Its questions.

        Raises:
            TypeError: if the code is no text.
            ValueError: if it is no seat code, or this study has no such seat.
        """
        code = typed_code(code)
        if code not in self.plan:
            raise ValueError(f"this study has no seat {code}; the codes are on the slips that belong to it")
        questions = []
        for name, order in self.plan[code]:
            item = self.item(name)
            shown = tuple(self.pictures[item.pictures[option]] for option in order)
            questions.append(SeatQuestion(name, item.kind, item.words, LETTERS[: len(order)], shown, item.size))
        return Seat(self.identity, self.title, self.consent, code, tuple(questions))

    def revealed(self, code: str) -> dict[str, dict[str, str]]:
        """Return what the letters of a seat were, for the reveal after the last answer.

        Args:
            code: of the seat, as it was typed.

        Returns:
            By the item's name the option at each letter.

        Raises:
            ValueError: if there is no such seat, or this copy has no key.

        Example:
            >>> import detxai_nb as dx
            >>> study = dx.survey.rehearsal_study(seats=1, objects=1)
            >>> sorted(study.revealed(study.codes[0])["i01"].values())
            ['detector 1', 'detector 2']
        """
        key, seat = self.require_key(), self.seat(code)
        return {
            name: {letter: key[name].options[option] for letter, option in zip(LETTERS, order)}
            for name, order in self.plan[seat.code]
        }

    def require_key(self) -> Mapping[str, ItemKey]:
        """Return the key.

        Returns:
            By the item's name what its options are.

        Raises:
            ValueError: if this copy has none.
        """
        if self.key is None:
            raise ValueError("this copy of the study has no key; take the file that build_study's study.save wrote")
        return self.key

    def without_key(self) -> Study:
        """Return the same study to be handed out: nothing in it tells a method's name.

        Returns:
            The study without key and references; its identity is the same.
        """
        return replace(self, key=None, references={})

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything to one file; an existing one is replaced only by a complete one.

        Args:
            path: the file; ".study.json" is added if it is missing.

        Returns:
            The file's path.

        Raises:
            FileNotFoundError: if the folder does not exist.
        """
        from detxai_nb.survey.study_files import study_bytes

        path = as_path(path, "a file of a study")
        path = path if path.name.endswith(ENDING) else path.with_name(path.name.removesuffix(".json") + ENDING)
        write_whole(path, study_bytes(self))
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Study:
        """Read what ``save`` wrote.

        Args:
            path: the file.

        Returns:
            The study.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: for anything else than a whole file of a study.
        """
        from detxai_nb.survey.study_files import read_study

        return read_study(as_path(path, "a file of a study"))


def _check_items(study: Study) -> None:
    names = [item.name for item in study.items]
    subjects = [item.subject for item in study.items]
    if not names or len(set(names)) < len(names):
        raise ValueError("a study has at least one item, and each has a name of its own")
    if len(set(subjects)) < len(subjects):
        twice = next(one for one in subjects if subjects.count(one) > 1)
        raise ValueError(f"two items are about the same object, {twice!r}; nobody is shown an object twice")
    for name, content in study.pictures.items():
        if not _PICTURE.fullmatch(name):
            raise ValueError(f"a picture's name is 16 hexadecimal digits, got {name[:40]!r}")
        png_size(content)
    for item in study.items:
        if not _NAME.fullmatch(item.name) or item.kind not in KINDS:
            raise ValueError(f"an item is called i00 to i999 and is of a kind of {', '.join(KINDS)}, got {item!r:.80}")
        if not 2 <= len(item.pictures) <= len(LETTERS) and item.kind != "draw":
            raise ValueError(f"{item.name} has {len(item.pictures)} options; 2 to {len(LETTERS)} are shown at once")
        if item.kind == "better" and len(item.pictures) != 2:
            raise ValueError(
                f"{item.name} asks which of two detectors is better, and has {len(item.pictures)} pictures"
            )
        for one in item.pictures:
            if one not in study.pictures or png_size(study.pictures[one]) != tuple(item.size):
                raise ValueError(
                    f"{item.name} needs the picture {one[:40]!r} in its size {item.size}, and it is not there"
                )


def _check_plan(study: Study) -> None:
    options = {item.name: (item.kind, len(item.pictures)) for item in study.items}
    if not study.plan:
        raise ValueError("a study has at least one seat")
    for code, turns in study.plan.items():
        check_code(code)
        if len({name for name, _ in turns}) < len(turns) or not turns:
            raise ValueError(f"the seat {code} is asked nothing, or about one item twice")
        for name, order in turns:
            kind, count = options.get(name, ("", 0))
            whole = 0 <= order[0] < count and len(order) == 1 if kind == "draw" else sorted(order) == list(range(count))
            if not order or not whole:
                raise ValueError(f"the seat {code} is shown {list(order)} of {name[:40]!r}, which has {count} options")


def _check_key(study: Study) -> None:
    if study.key is None:
        return
    if set(study.key) != {item.name for item in study.items}:
        raise ValueError("the key is of other items")
    for item in study.items:
        key = study.key[item.name]
        if len(key.options) != len(item.pictures) or len(set(key.options)) < len(key.options):
            raise ValueError(f"the key of {item.name} names {len(key.options)} options, it has {len(item.pictures)}")
        if item.kind == "draw" and not 0 <= key.target < len(key.boxes):
            raise ValueError(f"the key of {item.name} has no box of its target")
        if key.discrimination and len(key.discrimination) != len(key.options):
            raise ValueError(f"the key of {item.name} has a discrimination index for some of its options only")
    for kind in {item.kind for item in study.items}:
        named = {one for item in study.items if item.kind == kind for one in study.key[item.name].options}
        if study.references.get(kind) not in named:
            raise ValueError(f"no item of the kind {kind!r} has the reference {study.references.get(kind)!r}")


def png_size(content: Any) -> tuple[int, int]:
    """Return the size of a PNG file that holds a picture and nothing else, no texts in particular.

    Args:
        content: its bytes.

    Returns:
        (width, height) in pixels.

    Raises:
        ValueError: for anything else.
    """
    place, size, last = 8, (0, 0), b""
    if not isinstance(content, bytes) or content[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("a picture of a study is a PNG file")
    while place + 12 <= len(content) and last != b"IEND":
        length, last = struct.unpack(">I4s", content[place : place + 8])
        if last not in _CHUNKS or length > len(content) - place - 12:
            raise ValueError(f"a picture of a study holds {last!r}, which may tell what is to be hidden, or is damaged")
        if last == b"IHDR" and length >= 8:
            size = struct.unpack(">II", content[place + 8 : place + 16])
        place += length + 12
    if last != b"IEND" or place != len(content) or not all(1 <= side <= _LONGEST_SIDE for side in size):
        raise ValueError("a picture of a study is cut off, damaged or too large")
    return int(size[0]), int(size[1])
