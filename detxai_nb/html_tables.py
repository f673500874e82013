"""What a notebook shows of a result as HTML: all texts escaped, colours those of the page, light or dark."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

_LINE = "1px solid rgba(128,128,128,.35)"
_STYLE = (
    ".detxai-nb-shown{color:inherit}"
    ".detxai-nb-shown p{margin:.2em 0 .5em}"
    ".detxai-nb-shown table{border-collapse:collapse;color:inherit}"
    f".detxai-nb-shown th,.detxai-nb-shown td{{padding:.2em .8em;text-align:left!important;border-bottom:{_LINE}}}"
    ".detxai-nb-shown td{vertical-align:top;white-space:pre-line}.detxai-nb-shown [data-value]{white-space:nowrap}"
    '.detxai-nb-shown [data-kind="number"]{text-align:right!important;font-variant-numeric:tabular-nums}'
)


def html_block(heading: str, body: str, left_out: int = 0, style: str = "") -> str:
    """Return what stands in a notebook's output: a heading, something below it, and how much is left out.

    Args:
        heading: a text of any kind; it is escaped.
        body: HTML whose texts are escaped.
        left_out: how many rows or pictures are not shown.
        style: further rules, of this package.

    Returns:
        HTML.
    """
    more = f"<p>and {left_out} more</p>" if left_out else ""
    return f'<div class="detxai-nb-shown"><style>{_STYLE}{style}</style><p>{escape(heading)}</p>{body}{more}</div>'


def html_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Collection[str] = (),
    marked: Collection[str] = (),
) -> str:
    """Return a table.

    Args:
        columns: the names of the columns.
        rows: their cells, texts of any kind, also of several lines; they are escaped.
        numbers: the columns that hold numbers, which are aligned on the right.
        marked: the columns whose cells a style tells apart by their texts: ``[data-value="..."]``.

    Returns:
        HTML.
    """
    kinds = [' data-kind="number"' if name in numbers else "" for name in columns]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, columns))

    def cell(name: str, kind: str, text: str) -> str:
        value = f' data-value="{escape(text)}"' if name in marked else ""
        return f"<td{kind}{value}>{escape(text)}</td>"

    lines = ["".join(cell(*one) for one in zip(columns, kinds, row)) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
