"""The answers of one seat: saved after each item, without anything that tells who sat there."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detxai_nb.files import as_path, write_whole
from detxai_nb.survey.codes import check_code
from detxai_nb.survey.item_answer import ItemAnswer, check_item_answer, cut_box
from detxai_nb.survey.plain import file_content, file_fields, only, read_limited, take
from detxai_nb.survey.seat import Seat

if TYPE_CHECKING:
    from detxai_nb.survey.study import Study

FORMAT = "detxai-nb answers 1"
LARGEST = 200_000
"""The most bytes in a file of answers; those of a hundred items take a tenth of it."""
ENDING = ".answers.json"
_STUDY = re.compile(r"[0-9a-f]{16}")


class SeatAnswers:
    """The answers of one seat in the order in which they were given; each is given once.

    With a path (``begin``, ``resume``) every answer is on the disk before ``record`` returns, in a file of its own for
    each tab or kernel, so that two of them never overwrite each other; ``merge`` takes one row of them.

    Args:
        study: the identity of the study.
        code: of the seat.
        consent: whether the person agreed to the consent text; without that nothing is recorded.
        answers: those given so far.
        path: the file that is written after each answer; None for none.

    Raises:
        TypeError: if consent is no truth value.
        ValueError: for a code that is none, an item answered twice, or answers without consent.

    Example:
        >>> import tempfile
        >>> import detxai_nb as dx
        >>> study = dx.survey.rehearsal_study(seats=2)
        >>> seat = study.seat(study.codes[0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     answers = dx.survey.SeatAnswers.begin(seat, folder, consent=True)
        ...     answer = answers.record(seat, seat.questions[0].item, choice="BDAC", seconds=12.3)
        ...     again = dx.survey.SeatAnswers.resume(seat, folder)  # as after a restart
        >>> again == answers, len(again), again.open_items(seat) == [one.item for one in seat.questions[1:]]
        (True, 1, True)
    """

    def __init__(
        self,
        study: str,
        code: str,
        *,
        consent: bool,
        answers: Iterable[ItemAnswer] = (),
        path: Path | None = None,
    ) -> None:
        if not isinstance(study, str) or not _STUDY.fullmatch(study):
            raise ValueError(f"a study's identity is 16 hexadecimal digits, got {str(study)[:40]!r}")
        if not isinstance(consent, bool):
            raise TypeError(f"consent is True or False, got {type(consent).__name__}")
        self.study, self.code, self.consent, self.path = study, check_code(code), consent, path
        self._answers: dict[str, ItemAnswer] = {}
        for one in answers:
            self._add(one)

    @property
    def answers(self) -> tuple[ItemAnswer, ...]:
        """The answers, in the order in which they were given."""
        return tuple(self._answers.values())

    def __len__(self) -> int:
        return len(self._answers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SeatAnswers):
            return NotImplemented
        mine, theirs = ((one.study, one.code, one.consent, one.answers) for one in (self, other))
        return mine == theirs

    def __hash__(self) -> int:
        return hash((self.study, self.code))

    def __repr__(self) -> str:
        return f"SeatAnswers({self.code}, {len(self)} answers)"

    @classmethod
    def begin(cls, seat: Seat, folder: str | os.PathLike[str], *, consent: bool) -> SeatAnswers:
        """Begin the answers of a seat with a new file in a folder.

        Args:
            seat: what is shown there.
            folder: where the file is written; made if it is missing.
            consent: whether the person agreed to ``seat.consent``.

        Returns:
            Answers without any item yet, already on the disk.
        """
        where = as_path(folder, "a folder for answers")
        where.mkdir(parents=True, exist_ok=True)
        found = cls(seat.study, seat.code, consent=consent, path=where / _file_name(seat.study, seat.code))
        found._write()
        return found

    @classmethod
    def resume(cls, seat: Seat, folder: str | os.PathLike[str]) -> SeatAnswers:
        """Go on with the answers of a seat after a restart, in a new file that holds the fullest of its files.

        Args:
            seat: what is shown there.
            folder: where its files are.

        Returns:
            The answers so far.

        Raises:
            FileNotFoundError: if the folder has none of this seat.
        """
        where = as_path(folder, "a folder for answers")
        found = []
        for path in sorted(where.glob(f"{seat.study}-{seat.code}*{ENDING}")):
            try:
                found.append(cls.load(path, seat))
            except ValueError:
                continue
        if not found:
            raise FileNotFoundError(f"{where} has no answers of the seat {seat.code}; begin them")
        one = max(found, key=lambda answers: answers.fullness)
        one.path = where / _file_name(seat.study, seat.code)
        one._write()
        return one

    @property
    def fullness(self) -> tuple[bool, int, float, tuple[str, ...]]:
        """What orders files of one seat, the fuller and later last: consent, how many answers, seconds of them all."""
        return self.consent, len(self), sum(one.seconds for one in self.answers), tuple(map(repr, self.answers))

    def open_items(self, seat: Seat) -> list[str]:
        """Return what is still to be answered.

        Args:
            seat: what is shown there.

        Returns:
            Names of items, in the order of the seat.
        """
        return [one.item for one in seat.questions if one.item not in self._answers]

    def record(
        self,
        seat: Seat,
        item: str,
        *,
        choice: str = "",
        box: Sequence[float] | None = None,
        confidence: int | None = None,
        seconds: float = 0.0,
    ) -> ItemAnswer:
        """Keep the answer to an item, and write it to the file if there is one.

        Args:
            seat: what is shown there.
            item: the name of the item.
            choice: letters from best to worst, or for "better" a letter or "=".
            box: the drawn box, xyxy in pixels of the picture; it is cut at the picture's sides.
            confidence: of a drawn box, 1 to 5.
            seconds: that the person took.

        Returns:
            The answer.

        Raises:
            ValueError: if it is no answer to the question, the item was answered before, or there is no consent.
            OSError: if the file cannot be written; then the answer is not kept either.
        """
        question = seat.question(item)
        drawn = None if box is None else cut_box(box, question.size)
        answer = ItemAnswer(item, choice, drawn, confidence, seconds)
        check_item_answer(question, answer)
        if (self.study, self.code) != (seat.study, seat.code):
            raise ValueError(f"these are the answers of the seat {self.code}, not of {seat.code} of this study")
        self._add(answer)
        try:
            self._write()
        except BaseException:
            del self._answers[item]
            raise
        return answer

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the answers to a file to hand in; an existing file is replaced only by a complete one.

        Args:
            path: the file, or a folder, in which the file is named after the study and the seat.

        Returns:
            The file's path.

        Raises:
            FileNotFoundError: if the folder does not exist.
        """
        where = as_path(path, "a file of answers")
        where = where / f"{self.study}-{self.code}{ENDING}" if where.is_dir() else where
        write_whole(where, self.to_bytes())
        return where

    def to_bytes(self) -> bytes:
        """Return the content of the file to hand in.

        Returns:
            JSON of some kB.
        """
        rows = [{**vars(one), "box": None if one.box is None else list(one.box)} for one in self.answers]
        fields = {"format": FORMAT, "study": self.study, "seat": self.code, "consent": self.consent, "answers": rows}
        return file_content(fields)

    @classmethod
    def from_bytes(cls, content: bytes, seats: Seat | Study | None = None) -> SeatAnswers:
        """Read what was handed in, whole or not at all.

        Args:
            content: at most 200 kB.
            seats: the ``Study`` or the ``Seat`` that it should be of; None takes any study.

        Returns:
            The answers.

        Raises:
            ValueError: for anything else: too large, damaged, another study's, a seat or an item that is not there,
                fields that do not belong there, texts where letters are expected.
        """
        if len(content) > LARGEST:
            raise ValueError(f"answers take at most {LARGEST / 1000:g} kB, got {len(content) / 1000:g}")
        fields = file_fields(content, "answers", FORMAT)
        only(fields, ("format", "study", "seat", "consent", "answers"))
        rows = take(fields, "answers", list)
        if len(rows) > 1000:
            raise ValueError(f"a seat answers at most 1000 items, got {len(rows)}")
        found = cls(
            take(fields, "study", str),
            take(fields, "seat", str),
            consent=take(fields, "consent", bool),
            answers=map(_answer, rows),
        )
        found.check(seats)
        return found

    @classmethod
    def load(cls, path: str | os.PathLike[str], seats: Seat | Study | None = None) -> SeatAnswers:
        """Read a file of answers, whole or not at all.

        Args:
            path: the file.
            seats: the ``Study`` or the ``Seat`` that it should be of; None takes any study.

        Returns:
            The answers.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: as ``from_bytes``.
        """
        where = as_path(path, "a file of answers")
        content = read_limited(where, "answers", LARGEST)
        try:
            return cls.from_bytes(content, seats)
        except ValueError as error:
            raise ValueError(f"{where.name}: {error}") from error

    def check(self, seats: Seat | Study | None) -> None:
        """Raise an error if these are not answers to the questions of a study.

        Args:
            seats: the ``Study`` or one ``Seat`` of it; None checks nothing.

        Raises:
            ValueError: naming what does not fit.
        """
        if seats is None:
            return
        seat = seats if isinstance(seats, Seat) else seats.seat(self.code) if self.study == seats.identity else None
        if seat is None or (seat.study, seat.code) != (self.study, self.code):
            raise ValueError(f"these answers are of the study {self.study} and the seat {self.code}, not of this one")
        for one in self.answers:
            check_item_answer(seat.question(one.item), one)

    def _add(self, answer: ItemAnswer) -> None:
        if not self.consent:
            raise ValueError("without consent to the text before the first question nothing is recorded")
        if answer.item in self._answers:
            raise ValueError(f"{answer.item} was answered before, and an answer is not changed")
        self._answers[answer.item] = answer

    def _write(self) -> None:
        if self.path is not None:
            write_whole(self.path, self.to_bytes())


def _answer(row: Any) -> ItemAnswer:
    if not isinstance(row, Mapping):
        raise ValueError(f"an answer has named fields, got {str(row)[:40]!r}")
    only(row, ("item", "choice", "box", "confidence", "seconds"))
    box = take(row, "box", (list, type(None)))
    sides: Any = box and tuple(box)
    confidence = take(row, "confidence", (int, type(None)))
    seconds = take(row, "seconds", (int, float))
    return ItemAnswer(take(row, "item", str), take(row, "choice", str), sides, confidence, seconds)


def _file_name(study: str, code: str) -> str:
    """A name of a new file, which no other tab of the seat has."""
    return f"{study}-{code}-{secrets.token_hex(4)}{ENDING}"
