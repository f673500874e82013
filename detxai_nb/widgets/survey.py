"""Survey: one seat of a user study, from the consent to handing in and the reveal."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import traitlets
from PIL import Image

from detxai_nb.files import as_path
from detxai_nb.survey import HandedIn, Seat, SeatAnswers, Study, draw_qr, hand_in, reveal_seat, to_text
from detxai_nb.survey.seat_answers import ENDING
from detxai_nb.widgets.shared.asked import AskedWidget
from detxai_nb.widgets.shared.code import script_of
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.snapshots import pages

_KEY_NOTE = (
    "What the letters were is in the study's file with the key, which is given out when all have handed in: "
    "then run survey.reveal(its path), where survey = dx.widgets.Survey(...)."
)


class Survey(AskedWidget):
    """A user study at one seat: consent, one question after the other, handing in, and what the letters were.

    Every answer is on the disk before the next question shows. After a restart a new widget over the same folder goes
    on where that seat stopped. Before ``reveal`` nothing here tells which map is of which method: letters are shuffled
    from seat to seat, and of a study that is handed out (``study.without_key()``) the computer has no key either.

    What next: ``dx.survey.merge`` makes one table of all that was handed in, ``dx.survey.report`` the paper's tables.

    Args:
        study: what ``dx.survey.build_study`` made, or its file.
        folder: where the answers are kept; it is made with the first consent.
        seat: the code of the seat, as on its slip. None goes on with the seat whose answers are in the folder, or asks
            for the code.
        address: of the page to hand in to, as ``detxai-nb survey collect`` prints it; it can be typed as well.

    Attributes:
        page: what is shown: "seat", "consent", "declined", "question" or "done".
        answers: those given so far, a ``SeatAnswers``; None before the consent.

    Raises:
        TypeError, ValueError: for what is no study, or no seat of it.
        FileNotFoundError: if there is no such file.

    Example:
        >>> import tempfile
        >>> import detxai_nb as dx
        >>> study = dx.survey.rehearsal_study(seats=2, objects=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     survey = dx.widgets.Survey(study, folder, seat=study.codes[0])
        ...     survey.agree()
        ...     survey.answer(choice="BDAC", seconds=12.3)
        ...     survey.page, len(survey.answers)
        ('question', 1)
    """

    _esm = STATIC / "survey.js"
    _css = STATIC / "survey.css"

    page = traitlets.Unicode("seat").tag(sync=True)
    about: Any = traitlets.Dict().tag(sync=True)
    seat = traitlets.Unicode().tag(sync=True)
    question: Any = traitlets.Dict().tag(sync=True)
    progress: Any = traitlets.Dict({"done": 0, "of": 0}).tag(sync=True)
    ending: Any = traitlets.Dict().tag(sync=True)
    handed: Any = traitlets.Dict().tag(sync=True)
    results: Any = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        study: Study | str | os.PathLike[str],
        folder: str | os.PathLike[str] = "survey-answers",
        *,
        seat: str | None = None,
        address: str = "",
    ) -> None:
        self._file = None if isinstance(study, Study) else as_path(study, "a file of a study")
        self._study = study if isinstance(study, Study) else Study.load(study)
        self._folder = as_path(folder, "a folder for answers")
        if not isinstance(address, str):
            raise TypeError(f"an address is a text, got {type(address).__name__}")
        self._address = address
        self._seat: Seat | None = None
        self._stopped = self._declined = False
        self.answers: SeatAnswers | None = None
        code = self._only_seat() if seat is None else self._study.seat(seat).code
        super().__init__(about={"title": self._study.title, "consent": self._study.consent})
        if code is None:
            self._show()
        else:
            self.sit(code)

    def _page_prepare(self) -> None:
        raise NotImplementedError(
            "a survey's answers are kept by its notebook, and a page could not keep any; "
            "dx.survey.report(...) has pages of its results, and `detxai-nb survey collect` a page to hand in to"
        )

    def _only_seat(self) -> str | None:
        """The seat whose answers are in the folder; None if there are none, or of several seats."""
        found = set()
        for path in sorted(self._folder.glob(f"{self._study.identity}-*{ENDING}")) if self._folder.is_dir() else ():
            try:
                found.add(SeatAnswers.load(path, self._study).code)
            except (ValueError, OSError):
                continue
        return found.pop() if len(found) == 1 else None

    def sit(self, code: str) -> None:
        """Take a seat; answers of it that are in the folder are gone on with.

        Args:
            code: of the seat, as it was typed.

        Raises:
            TypeError: if the code is no text.
            ValueError: if it is no seat of the study, or another seat was taken before.
        """
        seat = self._study.seat(code)
        if self._seat is not None and self._seat.code != seat.code:
            raise ValueError(f"this is the seat {self._seat.code}; make a new widget for another one")
        try:
            found = SeatAnswers.resume(seat, self._folder)
        except FileNotFoundError:
            found = None
        self._seat, self.answers = seat, found if found is not None and found.consent else None
        self._show()

    def agree(self, agreed: bool = True) -> None:
        """Agree to the consent text, or not: then nothing is kept.

        Args:
            agreed: whether the person agrees.

        Raises:
            ValueError: before a seat is taken.
        """
        seat = self._sitting()
        self._declined, self._stopped = not agreed, False
        if agreed and self.answers is None:
            self.answers = SeatAnswers.begin(seat, self._folder, consent=True)
        self._show()

    def answer(
        self,
        *,
        item: str | None = None,
        choice: str = "",
        box: Any = None,
        confidence: int | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Answer the question that is shown; it is on the disk before the next one shows.

        Args:
            item: the name of the item; by default the one that is shown.
            choice: letters from best to worst, or for "better" a letter or "=".
            box: the drawn box, xyxy in pixels of the picture.
            confidence: of a drawn box, 1 to 5.
            seconds: that the person took.

        Raises:
            ValueError: if it is no answer to the question, or nothing is asked.
            OSError: if it cannot be written; then the question stays.
        """
        seat, answers = self._sitting(), self.answers
        left = [] if answers is None else answers.open_items(seat)
        if answers is None or not left:
            raise ValueError("nothing is asked: agree() begins, and after the last question there is no further one")
        name = left[0] if item is None else item
        answers.record(seat, name, choice=choice, box=box, confidence=confidence, seconds=seconds)
        self._stopped = False
        self._show()

    def stop(self, stopped: bool = True) -> None:
        """Stop before the last question, or go on: what was answered stays, and can be handed in.

        Args:
            stopped: False goes on.
        """
        self._stopped = stopped
        self._show()

    def hand_in(self, address: str, code: str) -> HandedIn:
        """Hand in the answers over the local network; see ``dx.survey.hand_in``.

        Args:
            address: as ``detxai-nb survey collect`` prints it.
            code: alike.

        Returns:
            What is kept there now.

        Raises:
            ValueError: if there are no answers, or they or the code are refused.
            ConnectionError: if nothing answers there.
        """
        if self.answers is None or not len(self.answers):
            raise ValueError("there are no answers yet")
        done = hand_in(address, code, self.answers)
        self.handed = {"state": "ok", "text": str(done)}
        return done

    def reveal(self, key: Study | str | os.PathLike[str] | None = None) -> None:
        """Show what the letters were, after the last answer.

        Args:
            key: the study with its key, or its file; by default the study of this widget, if that has a key.

        Raises:
            ValueError: if a question is open, or the study has no key or is another one.
            FileNotFoundError: if there is no such file.
        """
        study = self._study if key is None else key if isinstance(key, Study) else Study.load(key)
        if self.answers is None:
            raise ValueError("the reveal comes after the last answer; none is given yet")
        shown = asdict(reveal_seat(study, self.answers))
        self.look(shown["items"][0]["item"])
        self.results = _listed(shown)

    def look(self, item: str) -> None:
        """Show one question again, after the last answer.

        Args:
            item: its name.

        Raises:
            ValueError: if questions are open, or there is no such item.
        """
        if self.page != "done":
            raise ValueError("questions are looked at again after the last answer")
        self.question = self._sitting().question(item).to_plain()

    def to_code(self) -> str:
        """Return the Python code that reads the answers of this seat.

        Returns:
            Python source.
        """
        source = None if self._file is None else f"dx.survey.Study.load({os.fspath(self._file)!r})"
        lines = []
        if self._seat is not None and self.answers is not None and self.answers.path is not None:
            lines = [
                f"seat = study.seat({self._seat.code!r})",
                f"answers = dx.survey.SeatAnswers.load({os.fspath(self.answers.path)!r}, seat)",
            ]
        return script_of({"study": source}, lines)

    def _sitting(self) -> Seat:
        if self._seat is None:
            raise ValueError("first take a seat: sit(code), with the code on its slip")
        return self._seat

    def _show(self) -> None:
        """Publish what comes next."""
        seat, answers = self._seat, self.answers
        left = seat.questions if seat and answers is None else []
        if seat is not None and answers is not None:
            names = set(answers.open_items(seat))
            left = [one for one in seat.questions if one.item in names]
        asked = 0 if seat is None else len(seat.questions)
        with self.hold_sync():
            self.notice = ""
            self.seat = "" if seat is None else seat.code
            self.progress = {"done": 0 if answers is None else len(answers), "of": asked}
            if seat is None:
                self.page = "seat"
            elif answers is None:
                self.page = "declined" if self._declined else "consent"
            elif left and not self._stopped:
                self.question = left[0].to_plain()
                self.page = "question"
            else:
                self.ending = self._ending(answers, not left)
                self.page = "done"
                self.question = {}
            self.code = self.to_code()

    def _ending(self, answers: SeatAnswers, whole: bool) -> dict[str, Any]:
        qr, note = _qr(answers)
        file = "" if answers.path is None else str(answers.path.absolute())
        known = {"key": self._study.key is not None, "key_note": _KEY_NOTE}
        return {"file": file, "qr": qr, "qr_note": note, "whole": whole, "address": self._address, **known}

    def _steps(self, content: Mapping[str, Any]) -> Mapping[str, Callable[[], Any]]:
        return {
            "sit": lambda: self.sit(content.get("code", "")),
            "consent": lambda: self.agree(content.get("agreed") is True),
            "back": self._back,
            "answer": lambda: self._answered(content),
            "stop": self.stop,
            "go on": lambda: self.stop(False),
            "hand in": lambda: self._hand_in(content),
            "reveal": self.reveal,
            "look": lambda: self.look(content.get("item", "")),
        }

    def _back(self) -> None:
        self._declined = False
        self._show()

    def _answered(self, content: Mapping[str, Any]) -> None:
        item, answers = content.get("item"), self.answers
        if answers is not None and any(one.item == item for one in answers.answers):
            self._show()  # answered in another view before
            return
        given = {name: content[name] for name in ("choice", "box", "confidence", "seconds") if name in content}
        self.answer(item=item, **given)

    def _hand_in(self, content: Mapping[str, Any]) -> None:
        self.handed = {}
        try:
            self.hand_in(content.get("address", ""), content.get("code", ""))
        except (ValueError, TypeError, OSError) as error:
            self.handed = {"state": "error", "text": str(error)}

    def _photo_picture(self) -> Image.Image:
        """Words only: the maps of a question are for the seat."""
        done, of = self.progress["done"], self.progress["of"]
        said = f"{done} of {of} questions are answered." if of else "No seat is taken yet."
        return pages.words(f'User study "{self._study.title}": {said} Run the cell to go on.')


def _qr(answers: SeatAnswers) -> tuple[str, str]:
    """The answers as a QR code in a data URL, and what to say of it."""
    try:
        drawn = draw_qr(to_text(answers))
    except (ImportError, ValueError) as error:
        return "", str(error)
    said = "Scan it with a phone; the text goes into a file whose name ends in .txt, beside the other answers."
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode(), said


def _listed(value: Any) -> Any:
    """Plain values with lists for tuples, as they come back from a browser."""
    if isinstance(value, Mapping):
        return {str(key): _listed(one) for key, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, (list, tuple)) else value
