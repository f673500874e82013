"""Answers as one short text with a checksum, which a QR code holds and a person could type."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from detxai_nb.survey.codes import SIGNS
from detxai_nb.survey.item_answer import ItemAnswer
from detxai_nb.survey.seat import LETTERS, SIMILAR, Seat
from detxai_nb.survey.seat_answers import SeatAnswers

if TYPE_CHECKING:
    from detxai_nb.survey.study import Study

_VERSION = 1
LONGEST = 4000
"""Signs in the longest text; a QR code of the largest size holds 4,296 signs of this kind."""
_CHOICES = (*LETTERS, SIMILAR)
_CHECK = 5


def to_text(answers: SeatAnswers) -> str:
    """Return answers as a text of digits and capital letters.

    Args:
        answers: of one seat.

    Returns:
        About nine signs for each choice and sixteen for each drawn box, 43 for the rest.

    Raises:
        ValueError: if it would be too long for a QR code.

    Example:
        >>> import detxai_nb as dx
        >>> one = dx.survey.simulate(1, seed=3).seats[0]
        >>> dx.survey.from_text(dx.survey.to_text(one)) == one
        True
    """
    content = bytearray([_VERSION, answers.consent])
    content += bytes.fromhex(answers.study) + answers.code.encode()
    for one in answers.answers:
        content += _number(int(one.item[1:]) * 2 + (len(one.item) == 4))
        content += _number(round(one.seconds * 10))
        if one.box is None:
            content += bytes([len(one.choice)])
            signs = [_CHOICES.index(sign) for sign in one.choice] + [0] * (len(one.choice) % 2)
            content += bytes(high * 16 + low for high, low in zip(signs[::2], signs[1::2]))
        else:
            content += bytes([0x80 + (one.confidence or 0)])
            for side in one.box:
                content += _number(round(side * 10))
    found = _signs(bytes(content) + _checked(bytes(content)))
    if len(found) > LONGEST:
        raise ValueError(f"{len(answers)} answers take {len(found)} signs, and a QR code holds {LONGEST}; save a file")
    return found


def from_text(text: Any, seats: Seat | Study | None = None) -> SeatAnswers:
    """Return the answers that a text holds.

    Args:
        text: what ``to_text`` gave; spaces and line ends do not matter.
        seats: the ``Study`` or the ``Seat`` that it should be of; None takes any study.

    Returns:
        The answers.

    Raises:
        TypeError: if it is no text.
        ValueError: if a sign is wrong or missing, or they are no answers to this study.
    """
    if not isinstance(text, str):
        raise TypeError(f"answers are handed in as a text, got {type(text).__name__}")
    signs = "".join(text.split()).upper() if len(text) <= 2 * LONGEST else ""
    if not signs or len(signs) > LONGEST or not set(signs) <= set(SIGNS):
        raise ValueError(f"this text is none of a seat's answers: up to {LONGEST} signs of {SIGNS} are expected")
    whole = _bytes(signs)
    content, said = whole[:-_CHECK], whole[-_CHECK:]
    if len(content) < 18 or _checked(content) != said or _signs(whole) != signs:
        raise ValueError("a sign of this text is wrong or missing: its checksum does not fit; scan the code once more")
    if content[0] != _VERSION or content[1] > 1:
        raise ValueError(f"this text has the version {content[0]}, and {_VERSION} is read")
    try:
        study, code = content[2:10].hex(), content[10:18].decode("ascii")
        found = SeatAnswers(study, code, consent=content[1] == 1, answers=_answers(content[18:]))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("this text ends in the middle of an answer") from error
    found.check(seats)
    return found


def draw_qr(text: str) -> str:
    """Draw a text as a QR code.

    Args:
        text: what ``to_text`` gave.

    Returns:
        An SVG picture, black on white, for a page or a file.

    Raises:
        ImportError: if segno is not installed.
    """
    try:
        import segno
    except ImportError as error:
        raise ImportError('QR codes are drawn by segno: pip install "detxai-nb[survey]"; or save a file') from error
    file = io.BytesIO()
    made = segno.make_qr(text, error="m" if len(text) < 3000 else "l")
    made.save(file, kind="svg", scale=4, border=4, light="#fff", xmldecl=False, nl=False)
    return file.getvalue().decode()


def _answers(content: bytes) -> Iterator[ItemAnswer]:
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = content[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 28:
                raise ValueError("a number of this text is too large")

    while place < len(content):
        name, tenths = number(), number()
        item = f"i{name // 2:0{2 + name % 2}d}"
        form = content[place]
        place += 1
        if form >= 0x80:
            x1, y1, x2, y2 = (number() / 10 for _ in range(4))
            yield ItemAnswer(item, "", (x1, y1, x2, y2), form - 0x80, tenths / 10)
        else:
            signs = [part for byte in content[place : place + (form + 1) // 2] for part in divmod(byte, 16)]
            place += (form + 1) // 2
            choice = "".join(_CHOICES[sign] for sign in signs[:form])
            if len(choice) < form:
                raise IndexError(form)
            yield ItemAnswer(item, choice, seconds=tenths / 10)


def _number(value: int) -> bytes:
    """A whole number in as few bytes as it takes, seven bits in each."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _checked(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECK).digest()


def _signs(content: bytes) -> str:
    """Five bits a sign, the last one filled with zeros."""
    count = -(-len(content) * 8 // 5)
    value = int.from_bytes(content, "big") << (count * 5 - len(content) * 8)
    return "".join(SIGNS[value >> (5 * place) & 31] for place in reversed(range(count)))


def _bytes(signs: str) -> bytes:
    value = 0
    for sign in signs:
        value = value << 5 | SIGNS.index(sign)
    count = len(signs) * 5 // 8
    return (value >> (len(signs) * 5 - count * 8)).to_bytes(count, "big")
