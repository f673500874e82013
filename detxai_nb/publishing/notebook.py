"""publish_notebook: an executed notebook as one HTML file; its text by nbconvert, its widgets as on any saved page."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detxai_nb.files import as_path
from detxai_nb.pages.document import Page, page_path
from detxai_nb.publishing.cleaning import clean_markup
from detxai_nb.publishing.formulas import draw_formulas
from detxai_nb.publishing.saved_widgets import STATES, VIEW, WidgetReader

CODE = ("open", "folded", "none")
"""How the code of cells is shown."""
PUBLISHED_NOTE = (
    "A published notebook: it needs neither a kernel nor an internet connection. "
    "What would have to be computed anew is in the notebook only."
)
_TEMPLATES = Path(__file__).parent
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*#*[ \t]*$\n?", re.MULTILINE)


@dataclass(frozen=True)
class PublishedNotebook:
    """What came of publishing a notebook.

    Attributes:
        path: the page.
        alive: how many widgets live on it.
        left: why others do not, a sentence each; their pictures are there where the notebook has some.
    """

    path: Path
    alive: int
    left: tuple[str, ...]

    def __str__(self) -> str:
        size = self.path.stat().st_size / 2**20
        said = f"{self.path}: {size:.1f} MB, {self.alive} {'widget' if self.alive == 1 else 'widgets'} alive"
        return "\n".join([said, *(f"- {sentence}" for sentence in self.left)])


def publish_notebook(
    notebook: str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str | None = None,
    code: str = "open",
    overwrite: bool = False,
) -> PublishedNotebook:
    """Write an executed notebook as one HTML file that works without a kernel and without a network.

    Its widgets live on the page as far as their state is in the notebook, as JupyterLab (``detxai-nb lab``) and
    ``jupyter execute`` keep it. Scripts of outputs do not run, and nothing is loaded from elsewhere; formulas
    become pictures, as far as matplotlib can draw them, and stay as they were typed else.

    Args:
        notebook: the file, ``.ipynb``.
        path: the page; by default beside the notebook, with the same name.
        title: of the page; by default the notebook's first heading.
        code: "open" or "folded" (every cell's code can be folded), or "none".
        overwrite: whether an existing page is replaced.

    Returns:
        The page, and which widgets live on it.

    Raises:
        FileNotFoundError: if there is no such notebook, or no folder for the page.
        FileExistsError: if the page exists and ``overwrite`` is False.
        ValueError: for what is no notebook, a page that is no HTML file, or another ``code``.
        RuntimeError: if nbconvert is not installed.
    """
    source = as_path(notebook, "a notebook")
    target = page_path(source.with_suffix(".html") if path is None else path, overwrite)
    if code not in CODE:
        raise ValueError(f"code is one of {', '.join(map(repr, CODE))}; got {code!r:.40}")
    read = _read_notebook(source)
    page = Page((_take_heading(read) or source.stem) if title is None else str(title), PUBLISHED_NOTE)
    reader = WidgetReader(read.get("metadata", {}).get("widgets", {}).get(STATES, {}).get("state", {}), page)
    for cell in read.cells:
        if cell.cell_type == "code":
            cell.outputs = _outputs(cell.get("outputs", []), reader)
        elif cell.cell_type == "markdown":
            cell.source = draw_formulas(cell.source)
    page.add_style(_highlighting())
    page.add_html(_body(read, code, reader.places))
    return PublishedNotebook(page.write(target), reader.alive, tuple(reader.left))


def _read_notebook(source: Path) -> Any:
    try:
        import nbconvert  # noqa: F401
        import nbformat as formats

        nbformat: Any = formats
    except ImportError as error:
        raise RuntimeError(
            'publishing takes nbconvert, which is not installed: python -m pip install "detxai-nb[lab]"'
        ) from error
    if not source.is_file():
        raise FileNotFoundError(f"there is no notebook {source}")
    try:
        read = nbformat.reads(source.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(read)
    except (nbformat.ValidationError, nbformat.reader.NotJSONError, ValueError, AttributeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{source.name} is no notebook that can be read: {reason:.200}") from error
    return read


def _take_heading(read: Any) -> str:
    """The first heading, which becomes the page's own."""
    for cell in read.cells:
        if cell.cell_type == "markdown" and (found := _HEADING.search(cell.source)):
            cell.source = cell.source[: found.start()] + cell.source[found.end() :]
            return re.sub(r"[*`]", "", found.group(1))
    return ""


def _outputs(outputs: Any, reader: WidgetReader) -> list[Any]:
    """The outputs of a cell: views of widgets that live on the page, without the still pictures below those."""
    kept: list[Any] = []
    below = False
    for output in copy.deepcopy(list(outputs)):
        data = output.get("data", {})
        if below and "image/png" in data and _is_still(output.get("metadata", {})):
            below = False
            continue
        below = False
        if VIEW in data:
            below = reader.place(str(data[VIEW].get("model_id", "")) if isinstance(data[VIEW], Mapping) else "")
            if not below:
                del data[VIEW]
        kept.append(output)
    return kept


def _is_still(metadata: Mapping[str, Any]) -> bool:
    """Whether an output is the still picture of a widget, by its two marks."""
    return bool(metadata.get("unconfined")) and metadata.get("needs_background") == "light"


def _body(read: Any, code: str, places: Mapping[str, str]) -> str:
    from nbconvert import HTMLExporter

    kind: Any = HTMLExporter
    exporter = kind(
        template_name="template",
        extra_template_basedirs=[str(_TEMPLATES)],
        filters={"clean_html": clean_markup},
        sanitize_html=True,
    )
    body, _ = exporter.from_notebook_node(read, {"dxp_code": code, "dxp_places": dict(places)})
    return str(body)


def _highlighting() -> str:
    """Colours of code, light and dark."""
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="monokai").get_style_defs(':root[theme="dark"] .highlight')
    return f"{light}\n{dark}"
