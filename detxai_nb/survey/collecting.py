"""Collecting answers in a class: what is handed in goes into one folder, whole or not at all."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from detxai_nb.files import as_path
from detxai_nb.survey.answer_text import from_text
from detxai_nb.survey.codes import SIGNS
from detxai_nb.survey.handing_in import HandedIn
from detxai_nb.survey.merging import merge
from detxai_nb.survey.seat_answers import ENDING, LARGEST, SeatAnswers
from detxai_nb.survey.study import Study

if TYPE_CHECKING:
    from detxai_nb.survey.collecting_server import CollectingServer

ADDRESS = "127.0.0.1"
PORT = 8765
"""Where answers are collected unless somewhere else is named."""
_CODE = 6


class CollectedAnswers:
    """The answers that a class has handed in, each seat's in a file of its own in one folder.

    What was in the folder before counts; of a seat that hands in more than once the fuller answers stay.

    Args:
        folder: where the files are written; made if it is missing.
        study: what is answered, with or without its key, or its file.

    Attributes:
        study: the study.
        folder: the folder.
        code: six random signs that have to be typed to hand in.
        changed: called after something was taken; does nothing until it is set.

    Raises:
        ValueError: for what is no study.
        OSError: if the folder cannot be made.

    Example:
        >>> import tempfile
        >>> import detxai_nb as dx
        >>> whole = dx.survey.simulate(3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     collected = dx.survey.CollectedAnswers(folder, whole.study)
        ...     kept = [collected.take(seat.to_bytes()).kept for seat in whole.seats[:2] * 2]
        >>> kept, collected.counts()
        (['new', 'new', 'already', 'already'], {'seats': 2, 'of': 3, 'answers': 64})
    """

    def __init__(self, folder: str | os.PathLike[str], study: Study | str | os.PathLike[str]) -> None:
        self.study = study if isinstance(study, Study) else Study.load(study)
        self.folder = as_path(folder, "a folder for answers")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.code = "".join(secrets.choice(SIGNS) for _ in range(_CODE))
        self.changed: Callable[[HandedIn], None] = lambda done: None
        self._lock = threading.Lock()
        self._seats = {one.code: one for one in merge(self.folder, self.study).seats}

    def counts(self) -> dict[str, int]:
        """Return how much is there.

        Returns:
            "seats" that have handed in, "of" how many, and "answers" of them all.
        """
        answers = sum(len(one) for one in self._seats.values())
        return {"seats": len(self._seats), "of": len(self.study.codes), "answers": answers}

    def take(self, content: bytes) -> HandedIn:
        """Take what somebody hands in, whole or not at all.

        Args:
            content: of a file of answers, or the text of a QR code.

        Returns:
            What is kept of that seat now.

        Raises:
            ValueError: for anything else than answers to this study, with consent; nothing is written then.
            OSError: if it cannot be written.
        """
        answers = self._read(content)
        if not answers.consent or not len(answers):
            raise ValueError("there are no answers in it yet")
        with self._lock:
            known = self._seats.get(answers.code)
            kept = "new" if known is None else "replaced" if answers.fullness > known.fullness else "already"
            if known is None or kept == "replaced":
                answers.save(self._path(answers, known))
                self._seats[answers.code] = answers
            now = len(self._seats[answers.code])
        done = HandedIn(answers.code, now, len(self.study.plan[answers.code]), kept)
        self.changed(done)
        return done

    def _read(self, content: bytes) -> SeatAnswers:
        if len(content) > LARGEST:
            raise ValueError(f"answers take at most {LARGEST / 1000:g} kB, got {len(content) / 1000:g}")
        if content.lstrip()[:1] == b"{":
            return SeatAnswers.from_bytes(content, self.study)
        try:
            text = content.decode("ascii")
        except UnicodeDecodeError as error:
            raise ValueError("this is neither a file of answers nor the text of a QR code") from error
        return from_text(text, self.study)

    def _path(self, answers: SeatAnswers, known: SeatAnswers | None) -> os.PathLike[str]:
        """The seat's file; another one if a file is there that could not be read, which stays as it is."""
        path = self.folder / f"{answers.study}-{answers.code}{ENDING}"
        free = known is not None or not path.exists()
        return path if free else path.with_name(f"{answers.study}-{answers.code}-{secrets.token_hex(4)}{ENDING}")


def collect_answers(
    folder: str | os.PathLike[str],
    study: Study | str | os.PathLike[str],
    *,
    address: str = ADDRESS,
    port: int = PORT,
) -> AbstractContextManager[CollectingServer]:
    """Collect answers over the local network, as ``detxai-nb survey collect`` does, while a ``with`` block runs.

    Args:
        folder: where the files are written; made if it is missing.
        study: what is answered, with or without its key, or its file.
        address: of this computer, to listen on; "0.0.0.0" opens it to the local network.
        port: to listen on; 0 takes one that is free.

    Returns:
        The server, with ``url``, ``collected`` and its ``collected.code``.

    Raises:
        ImportError: if Tornado is not installed, which JupyterLab brings.
        ValueError: for what is no study.
        OSError: if the folder cannot be made, or the address is not this computer's or in use.

    Example:
        >>> import tempfile
        >>> import detxai_nb as dx
        >>> whole = dx.survey.simulate(2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with dx.survey.collect_answers(folder, whole.study, port=0) as server:
        ...         done = dx.survey.hand_in(server.url, server.collected.code, whole.seats[0])
        ...     again = dx.survey.merge(folder, whole.study).seats
        >>> done.kept, again == whole.seats[:1]
        ('new', True)
    """
    try:
        from detxai_nb.survey.collecting_server import CollectingServer, listen
    except ImportError as error:
        raise ImportError('the page that collects answers needs Tornado: pip install "detxai-nb[lab]"') from error
    found = study if isinstance(study, Study) else Study.load(study)
    listening = listen(address, port)
    try:
        return CollectingServer(CollectedAnswers(folder, found), listening)
    except BaseException:
        listening.close()
        raise
