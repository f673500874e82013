"""One HTML file that holds everything it needs: its scripts, styles and data, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detxai_nb._version import __version__
from detxai_nb.files import as_path, write_atomically
from detxai_nb.pages.arrays import ArrayTable, json_in_html, take_out_arrays

STATIC = Path(__file__).parents[1] / "widgets" / "static"
"""The bundles of the front ends."""
SAVED_NOTE = (
    "A saved page: it needs neither a kernel nor an internet connection. "
    "What would have to be computed anew is in the notebook only."
)
"""What a page says of itself."""


@dataclass(frozen=True)
class SavedWidget:
    """One widget as a page shows it.

    Attributes:
        kind: the name of its bundle, such as "explorer".
        state: its synced traits.
        answers: for each choice that is kept "when", the traits that make it, and "then", what Python published for it
            other than in ``state``. The first one is the state's own.
        otherwise: what is published for any other choice; None where that is refused in words.
    """

    kind: str
    state: Mapping[str, Any]
    answers: Sequence[Mapping[str, Any]] = ()
    otherwise: Mapping[str, Any] | None = None

    def to_payload(self) -> dict[str, Any]:
        """Return what the page's model is made of.

        Returns:
            State, answers, and "values": what several answers publish is there once, and they name its number.
        """
        values: list[Any] = []
        answers = [
            {"when": one["when"], "then": {name: _number(value, values) for name, value in one["then"].items()}}
            for one in self.answers
        ]
        return {"state": self.state, "values": values, "answers": answers, "otherwise": self.otherwise}


@dataclass
class Page:
    """A page that is put together part by part.

    Args:
        title: in words, any text.

    Attributes:
        title: the same.
        note: a sentence below the title.
    """

    title: str
    note: str = SAVED_NOTE
    _body: list[str] = field(default_factory=list)
    _styles: list[str] = field(default_factory=list)
    _widgets: dict[str, Any] = field(default_factory=dict)
    _kinds: dict[str, None] = field(default_factory=dict)
    _arrays: ArrayTable = field(default_factory=ArrayTable)

    def add_html(self, markup: str) -> None:
        """Add a part that is markup already.

        Args:
            markup: HTML, whose scripts do not run and which loads nothing from elsewhere.
        """
        self._body.append(markup)

    def add_style(self, sheet: str) -> None:
        """Add a style sheet of our own.

        Args:
            sheet: CSS.
        """
        self._styles.append(sheet)

    def add_widget(self, widget: SavedWidget) -> None:
        """Add a widget.

        Args:
            widget: with its state.
        """
        self._body.append(self.widget_markup(widget))

    def widget_markup(self, widget: SavedWidget) -> str:
        """Take a widget in, and return the markup of its place.

        Args:
            widget: with its state.

        Returns:
            HTML, which has to be in the page once.

        Raises:
            ValueError: if there is no front end of that name.
        """
        if not (STATIC / f"{widget.kind}.js").is_file():
            raise ValueError(f"there is no widget {widget.kind!r} in {STATIC}; install detxai-nb again")
        places: list[tuple[Any, int]] = []
        root = take_out_arrays(widget.to_payload(), self._arrays, places)
        number = f"w{len(self._widgets)}"
        self._widgets[number] = {"kind": widget.kind, "root": root, "places": places}
        self._kinds[widget.kind] = None
        return (
            f'<section class="dxp-widget"><div data-widget="{number}"></div>'
            '<p class="dxp-said" role="status" aria-live="polite"></p></section>'
        )

    def to_html(self) -> str:
        """Return the page.

        Returns:
            A whole HTML document; the same parts give the same text.
        """
        script = _read("page.js")
        styles = [_read("page.css"), *(_read(f"{kind}.css") for kind in self._kinds), *self._styles]
        bundles = {kind: self._arrays.number(_read(f"{kind}.js").encode("utf-8")) for kind in self._kinds}
        data = {"arrays": self._arrays.to_payload(), "bundles": bundles, "widgets": self._widgets}
        return _DOCUMENT.format(
            policy=html.escape(_policy([script])),
            title=html.escape(" ".join(self.title.split())),
            note=html.escape(self.note),
            styles="\n".join(f"<style>{_closed(style, 'style')}</style>" for style in styles),
            body="\n".join(self._body),
            version=html.escape(__version__),
            data=json_in_html(data),
            script=_closed(script, "script"),
        )

    def write(self, path: Path) -> Path:
        """Write the page, whole or not at all.

        Args:
            path: the file, see ``page_path``.

        Returns:
            The file.
        """
        content = self.to_html().encode("utf-8")
        write_atomically(path, lambda file: file.write(content))
        return path


def page_path(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Return the file that a page goes to, before anything is computed for it.

    Args:
        path: the file.
        overwrite: whether an existing one may be replaced.

    Returns:
        The path.

    Raises:
        FileNotFoundError: if its folder does not exist.
        FileExistsError: if there is such a file and it may not be replaced.
        ValueError: if the name does not end in .html or .htm, or names a folder.
    """
    found = as_path(path, "a page to write")
    if found.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a page is an HTML file, whose name ends in .html; got {found.name!r}")
    if not found.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {found.parent} to write {found.name} into; make it first")
    if found.is_dir():
        raise ValueError(f"{found} is a folder; name a file")
    if found.exists() and not overwrite:
        raise FileExistsError(f"{found} is there already; overwrite=True replaces it, or take another name")
    return found


def _number(value: Any, values: list[Any]) -> int:
    """The number of a value among others, to which it is added if it is new."""
    for number, known in enumerate(values):
        if known is value or (type(known) is type(value) and known == value):
            return number
    values.append(value)
    return len(values) - 1


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _closed(text: str, element: str) -> str:
    """Text of our own bundles that goes into an element as it is."""
    if f"</{element}" in text.lower() or "<!--" in text:
        raise ValueError(f"a bundle holds what would end a {element} element; build the front end again")
    return text


def _policy(scripts: Iterable[str]) -> str:
    """The page's own scripts run, and bundles that these unpack; nothing is fetched, sent or framed.

    The front ends set styles of elements, and tables of notebooks bring theirs along, hence inline styles.
    """
    hashes = (base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") for text in scripts)
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed} blob:; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
{styles}
</head>
<body class="dxp-page">
<header class="dxp-head"><h1>{title}</h1>
<button id="dxp-theme" type="button" aria-label="Light or dark">Light / dark</button></header>
<p class="dxp-note">{note}</p>
<noscript><p>The widgets of this page need JavaScript.</p></noscript>
<main>
{body}
</main>
<p class="dxp-foot">Made with detxai-nb {version}.</p>
<script type="application/json" id="dxp-data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""
