"""Reports as pages: paragraphs, notes, tables and figures in one HTML file."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detxai_nb.pages.document import Page, page_path

REPORT_NOTE = "A saved report: it needs neither a kernel nor an internet connection."
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class PagePicture:
    """A figure of a report.

    Attributes:
        png: the file's bytes.
        words: what it shows.
    """

    png: bytes
    words: str


def write_report(
    path: str | os.PathLike[str], title: str, parts: Iterable[Any], overwrite: bool = False, level: int = 2
) -> Path:
    """Write a report as one HTML file.

    Args:
        path: the file, which ends in .html.
        title: of the page, any text.
        parts: texts (paragraphs; one that begins with "# " is a heading), lists of texts, tables of pandas, and
            ``PagePicture``; what is None or an empty list is left out, and so is a heading with nothing below it.
        overwrite: whether an existing file is replaced.
        level: of headings.

    Returns:
        The file.

    Raises:
        FileNotFoundError: if its folder does not exist.
        FileExistsError: if the file exists and ``overwrite`` is False.
        TypeError: for a part that is none of these.
        ValueError: if the name is no HTML file's, or a picture no PNG.
    """
    target = page_path(path, overwrite)
    page = Page(title, REPORT_NOTE)
    heading = ""
    for part in parts:
        markup = "" if part is None else _markup(part, level)
        if isinstance(part, str) and part.startswith("# "):
            heading = markup
        elif markup:
            page.add_html(heading + markup)
            heading = ""
    return page.write(target)


def _markup(part: Any, level: int) -> str:
    if isinstance(part, str):
        if part.startswith("# "):
            return f"<h{level}>{html.escape(part[2:])}</h{level}>"
        return f"<p>{html.escape(part)}</p>"
    if isinstance(part, PagePicture):
        if not part.png.startswith(_PNG):
            raise ValueError("a picture of a page is a PNG file's bytes")
        source = base64.b64encode(part.png).decode("ascii")
        words = html.escape(part.words)
        return (
            f'<figure><img src="data:image/png;base64,{source}" alt="{words}"><figcaption>{words}</figcaption></figure>'
        )
    if isinstance(part, (list, tuple)) and all(isinstance(one, str) for one in part):
        return f"<ul>{''.join(f'<li>{html.escape(one)}</li>' for one in part)}</ul>" if part else ""
    if hasattr(part, "to_html"):
        # The numbers of a table's rows say nothing.
        numbered = type(part.index).__name__ == "RangeIndex" and part.index.name is None
        table = part.to_html(border=0, escape=True, index=not numbered, na_rep="–")
        return f'<div class="dxp-scroll">{table}</div>'
    raise TypeError(f"a page has texts, lists of texts, tables and pictures, got {type(part).__name__}")
