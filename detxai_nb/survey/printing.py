"""A study on paper: sheets for seats that have no computer, and apart from them what only the teacher may see."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from typing import TYPE_CHECKING

from detxai_nb.survey.seat import RANKINGS

if TYPE_CHECKING:
    from detxai_nb.survey.seat import Seat, SeatQuestion
    from detxai_nb.survey.study import Study

_PRINTED = (*RANKINGS, "better")
"""Kinds of questions that are answered by letters; a box that is drawn on paper cannot be read back."""
_STYLE = """
@page { size: A4; margin: 11mm; }
body { font: 10pt/1.35 sans-serif; color: #000; background: #fff; margin: 0 auto; max-width: 190mm; }
h1 { font-size: 14pt; margin: 0 0 1mm; } h2 { font-size: 11pt; margin: 6mm 0 2mm; } p { margin: 1mm 0 2mm; }
.seat { break-after: page; } .seat:last-child { break-after: auto; }
.head { display: flex; justify-content: space-between; align-items: baseline; }
.code { font: bold 14pt monospace; }
.question { break-inside: avoid; margin: 0 0 3mm; } .maps { display: flex; gap: 2mm; align-items: center; }
figure { margin: 0; flex: 1 1 0; max-width: 40%; text-align: center; } figure svg { width: 100%; display: block; }
figcaption { font-weight: bold; } .answer { flex: 0 0 31mm; margin: 0; text-align: center; }
.field { display: inline-block; width: 5.5mm; height: 7mm; border: 0.3mm solid #000; margin: 0.5mm;
vertical-align: middle; }
.slips { display: grid; grid-template-columns: repeat(4, 1fr); break-after: page; }
.slips div { border: 0.2mm dashed #888; padding: 5mm 0;
text-align: center; break-inside: avoid; }
table { border-collapse: collapse; width: 100%; font-size: 8.5pt; } tr { break-inside: avoid; }
th, td { border: 0.2mm solid #888; padding: 1mm 1.5mm; text-align: left; vertical-align: top; }
.hidden { position: fixed; width: 0; height: 0; overflow: hidden; }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body>
{body}
</body></html>
"""


def print_sheets(study: Study, seats: int | None = None) -> str:
    """Return a page to print, with a sheet for each seat: its code, the consent, and the questions answered by letters.

    The letters are shuffled from seat to seat as on a computer, and no method's name is in the page. Questions that ask
    for a box are left out. Print it in colour: a heat map is nothing without.

    Args:
        study: with or without its key.
        seats: how many, the first of the study; None for all.

    Returns:
        HTML, complete in itself; it holds each picture once.

    Raises:
        ValueError: if the study asks for boxes only, or has fewer seats.

    Example:
        >>> import detxai_nb as dx
        >>> study = dx.survey.rehearsal_study(seats=2, objects=1)
        >>> page = dx.survey.print_sheets(study)
        >>> page.count('class="seat"'), "odam" in page
        (2, False)
    """
    shown = [study.seat(code) for code in _codes(study, seats)]
    numbers: dict[bytes, int] = {}
    sheets = [_sheet(seat, numbers) for seat in shown]
    sizes = {picture: one.size for seat in shown for one in _asked(seat) for picture in one.pictures}
    drawn = "".join(
        f'<image id="p{number}" width="{sizes[picture][0]}" height="{sizes[picture][1]}" '
        f'href="data:image/png;base64,{base64.b64encode(picture).decode()}"/>'
        for picture, number in numbers.items()
    )
    kept = f'<svg class="hidden" aria-hidden="true"><defs>{drawn}</defs></svg>'
    return _page(study.title, [kept, *sheets])


def print_key(study: Study, seats: int | None = None) -> str:
    """Return the teacher's page: slips with the seats' codes to cut out, and what the letters are.

    Args:
        study: with its key.
        seats: as for ``print_sheets``.

    Returns:
        HTML, complete in itself.

    Raises:
        ValueError: if the study has no key, asks for boxes only, or has fewer seats.
    """
    study.require_key()
    codes = _codes(study, seats)
    slips = "".join(f'<div><span class="code">{_spelled(code)}</span></div>' for code in codes)
    rows = []
    for code in codes:
        told = study.revealed(code)
        for number, one in enumerate(_asked(study.seat(code)), 1):
            letters = ", ".join(f"{letter} {name}" for letter, name in told[one.item].items())
            cells = (_spelled(code) if number == 1 else "", str(number), one.item, letters)
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("seat", "question", "item", "letters"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    title = html.escape(f"Key: {study.title}")
    parts = [
        f"<h1>{title}</h1><p>For the teacher alone. One code is one person, in all studies of the class.</p>",
        f'<h2>Slips</h2><div class="slips">{slips}</div>',
        f"<h2>Letters</h2>{table}",
    ]
    return _page(f"Key: {study.title}", parts)


def _codes(study: Study, seats: int | None) -> tuple[str, ...]:
    whole = len(study.codes)
    if seats is not None and (isinstance(seats, bool) or not isinstance(seats, int) or not 1 <= seats <= whole):
        raise ValueError(f"this study has {whole} seats, got {seats!r:.40}")
    if not any(item.kind in _PRINTED for item in study.items):
        raise ValueError("this study asks for boxes only, which cannot be answered on paper; it needs a computer")
    return study.codes[:seats]


def _asked(seat: Seat) -> list[SeatQuestion]:
    return [one for one in seat.questions if one.kind in _PRINTED]


def _sheet(seat: Seat, numbers: dict[bytes, int]) -> str:
    """The sheet of a seat; pictures that are new get the next number."""
    head = f'<h1>{html.escape(seat.title)}</h1><span class="code">{_spelled(seat.code)}</span>'
    agreed = f'<p>{html.escape(seat.consent)}</p><p><span class="field"></span> I agree and take part.</p>'
    questions = [_question(number, one, numbers) for number, one in enumerate(_asked(seat), 1)]
    return f'<section class="seat"><div class="head">{head}</div>{agreed}{"".join(questions)}</section>'


def _question(number: int, one: SeatQuestion, numbers: dict[bytes, int]) -> str:
    width, height = one.size
    maps = "".join(
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="Map {letter}">'
        f'<use href="#p{numbers.setdefault(picture, len(numbers))}"/></svg><figcaption>{letter}</figcaption></figure>'
        for letter, picture in zip(one.letters, one.pictures)
    )
    fields = '<span class="field"></span>' * len(one.letters)
    answer = f"{fields}<br>best … worst"
    if one.kind == "better":
        answer = "<br>".join(f'<span class="field"></span> {name}' for name in (*one.letters, "no difference"))
    row = f'<div class="maps">{maps}<p class="answer">{answer}</p></div>'
    return f'<div class="question"><p>{number}. {html.escape(one.words)}</p>{row}</div>'


def _spelled(code: str) -> str:
    return f"{code[:4]}-{code[4:]}"


def _page(title: str, parts: Iterable[str]) -> str:
    return _PAGE.format(title=html.escape(title), style=_STYLE, body="\n".join(parts))
