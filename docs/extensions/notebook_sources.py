"""The notebooks become pages: they lie beside the documentation, and Sphinx reads only what lies in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = "notebooks"
"""Where they lie in the repository and, while the site is built, in the documentation."""
_ELSEWHERE = {"glossary.md": "../glossary.md"}
_LINK = re.compile(r"\]\((\S+?)\)")


def page_source(notebook: str) -> str:
    """Return a notebook as the site takes it.

    Args:
        notebook: the text of its file.

    Returns:
        The same with links that lead where the site has what they name, and folded code folded.
    """
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            cell["source"] = _LINK.sub(lambda link: f"]({_ELSEWHERE.get(link[1], link[1])})", text)
        elif cell.get("metadata", {}).get("jupyter", {}).get("source_hidden"):
            cell["metadata"]["tags"] = [*cell["metadata"].get("tags", ()), "hide-input"]
    return json.dumps(content, ensure_ascii=False, indent=1)


def copy_notebooks(app: Any) -> None:
    """Write the notebooks where Sphinx reads them, those that changed, and take away what is none any more."""
    source, target = Path(app.srcdir).parent / FOLDER, Path(app.srcdir) / FOLDER
    target.mkdir(exist_ok=True)
    wanted = {path.name: page_source(path.read_text(encoding="utf-8")) for path in sorted(source.glob("*.ipynb"))}
    for path in target.glob("*.ipynb"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = target / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Copy them before Sphinx looks for sources."""
    app.connect("config-inited", lambda app, config: copy_notebooks(app))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
