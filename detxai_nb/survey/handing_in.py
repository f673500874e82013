"""Handing in answers over the local network, to the page that ``detxai-nb survey collect`` serves."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from detxai_nb.survey.codes import SIGNS, typed_signs
from detxai_nb.survey.plain import only, take
from detxai_nb.survey.seat_answers import SeatAnswers

PATH = "/answers"
"""Where answers are posted to."""
CODE_HEADER = "X-Survey-Code"
"""The header with the typed code."""
SECONDS = 10.0
"""The longest wait for the other side."""
_LARGEST = 10_000


@dataclass(frozen=True)
class HandedIn:
    """What the collecting side says of answers that it took.

    Attributes:
        seat: the code of the seat.
        answers: how many answers of it are kept now.
        questions: how many questions the seat is asked.
        kept: "new", "replaced" if less of this seat was there before, or "already" if as much or more was there.
    """

    seat: str
    answers: int
    questions: int
    kept: str

    def __str__(self) -> str:
        much = f"{self.answers} of {self.questions} answers of the seat {self.seat}"
        before = {"new": "", "replaced": ", more than before", "already": ", which were there before"}
        return f"Handed in: {much}{before[self.kept]}."


def hand_in(address: str, code: str, answers: SeatAnswers) -> HandedIn:
    """Hand in answers over the local network.

    Args:
        address: that the collecting side shows, such as "http://192.168.0.10:8765".
        code: that it shows; small letters, hyphens and spaces are no mistakes.
        answers: of one seat.

    Returns:
        What is kept there now. Handing in again changes nothing, unless there are more answers by then.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if the address is none, or the other side refuses the answers or the code.
        ConnectionError: if nothing answers there in time.
    """
    if not isinstance(answers, SeatAnswers):
        raise TypeError(f"answers of a seat (SeatAnswers) are handed in, got {type(answers).__name__}")
    where = _address(address)
    typed = typed_signs(code, "the code for handing in")
    if not typed or not set(typed) <= set(SIGNS):
        raise ValueError(f"the code for handing in stands beside the address, such as 'ABC-DEF'; got {code[:40]!r}")
    headers = {CODE_HEADER: typed, "Content-Type": "application/json"}
    request = urllib.request.Request(where + PATH, answers.to_bytes(), headers, method="POST")
    # The other side is in the same room: no proxy leads there.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
    try:
        with opener.open(request, timeout=SECONDS) as got:
            content = got.read(_LARGEST)
    except urllib.error.HTTPError as error:
        with error:
            raise ValueError(_refusal(error, where)) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise ConnectionError(
            f"{where} does not answer ({reason}): is this computer in the same network, and the page still open "
            "there? Otherwise hand in the file"
        ) from error
    try:
        return _handed_in(json.loads(content.decode()), answers)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{where} is no page that collects answers; look at the address once more") from error


class _Stay(urllib.request.HTTPRedirectHandler):
    """Answers go nowhere else than to the address that was typed."""

    def redirect_request(self, *_: Any) -> None:
        """Follow no redirection."""


def _address(address: Any) -> str:
    if not isinstance(address, str):
        raise TypeError(f"an address is a text such as 'http://192.168.0.10:8765', got {type(address).__name__}")
    text = address.strip() if "://" in address else f"http://{address.strip()}"
    try:
        parts = urllib.parse.urlsplit(text)
        fine = parts.scheme in ("http", "https") and parts.hostname and not parts.username
        where = f"{parts.scheme}://{parts.netloc}" if fine and (parts.port is None or parts.port > 0) else ""
    except ValueError:
        where = ""
    if not where or len(where) > 200 or not where.isascii() or any(sign.isspace() for sign in where):
        raise ValueError(f"an address is such as 'http://192.168.0.10:8765', got {address[:60]!r}")
    return where


def _handed_in(fields: Any, answers: SeatAnswers) -> HandedIn:
    only(fields, ("seat", "answers", "questions", "kept"))
    seat, kept = take(fields, "seat", str), take(fields, "kept", str)
    found = HandedIn(seat, take(fields, "answers", int), take(fields, "questions", int), kept)
    if found.seat != answers.code or found.kept not in ("new", "replaced", "already"):
        raise ValueError("another answer")
    return found


def _refusal(got: urllib.error.HTTPError, where: str) -> str:
    try:
        return str(take(json.loads(got.read(_LARGEST).decode()), "error", str))[:300]
    except (ValueError, AttributeError, TypeError, OSError, http.client.HTTPException):
        return f"{where} refused the answers without a reason; look at the address once more"
