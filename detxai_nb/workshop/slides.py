"""One page of slides from slides.md and the pictures of notebook 10, which needs nothing beside it.

    python -m detxai_nb.workshop.slides slides.html

Slides are divided by lines of three hyphens. A picture ``![words](NOTEBOOK.ipynb#CELL)`` is the one that this cell of a
notebook in notebooks/ shows. Markdown is converted by nbconvert, which comes with JupyterLab. Arrow keys, the space bar
and the page keys turn the slides; printed, each is a page.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import sys
from pathlib import Path

from detxai_nb.lab import notebook_folder
from detxai_nb.workshop.material import material_folder

PICTURE = re.compile(r"!\[([^\]]*)\]\((\w+\.ipynb)#([\w-]+)\)")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body>
{slides}
<script>{script}</script></body></html>
"""
STYLE = """
@page { size: 297mm 167mm; margin: 0; }
* { box-sizing: border-box; }
html { scroll-snap-type: y mandatory; font: clamp(16px, 2.6vw, 44px)/1.45 system-ui, sans-serif; }
body { margin: 0; color: #1c1c1c; background: #fff; }
section { height: 100vh; padding: 5vh 7vw 7vh; scroll-snap-align: start; position: relative; display: flex;
flex-direction: column; justify-content: center; break-after: page; overflow: hidden; }
h1 { font-size: 1.7em; line-height: 1.15; margin: 0 0 0.5em; color: #0b5394; }
p, ul { margin: 0.3em 0; } li { margin: 0.25em 0; } code { font-size: 0.9em; }
.anchor-link { display: none; }
img { width: 100%; height: 52vh; object-fit: contain; object-position: left; display: block; }
.number { position: absolute; right: 2vw; bottom: 2vh; font-size: 0.5em; color: #666; }
@media (prefers-color-scheme: dark) { @media screen {
body { color: #eee; background: #161616; } h1 { color: #8ec1f0; } .number { color: #aaa; }
img { background: #fff; padding: 0.3em; } } }
@media print { section { height: 167mm; } img { height: 87mm; } html { font-size: 20pt; } }
"""
SCRIPT = """
const slides = [...document.querySelectorAll("section")];
const steps = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
  Home: -slides.length, End: slides.length };
const shown = () => Math.round(window.scrollY / window.innerHeight);
const turn = step => slides[Math.min(slides.length - 1, Math.max(0, shown() + step))].scrollIntoView();
addEventListener("keydown", event => {
  if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  turn(event.key === " " && event.shiftKey ? -1 : steps[event.key]);
});
"""


def picture_of(name: str, cell: str) -> str:
    """Return the first picture that a cell of a notebook shows.

    Args:
        name: the notebook's file.
        cell: the cell's id.

    Returns:
        A data URL.

    Raises:
        ValueError: if no such cell shows one.
    """
    for one in json.loads((notebook_folder() / name).read_text(encoding="utf-8"))["cells"]:
        for output in one.get("outputs", ()) if one["id"] == cell else ():
            if "image/png" in output.get("data", {}):
                return "data:image/png;base64," + "".join(output["data"]["image/png"]).replace("\n", "")
    raise ValueError(f"no cell {cell!r} of {name} shows a picture; run the notebook, or mend slides.md")


def make_slides(source: Path | None = None) -> str:
    """Return the page of slides.

    Args:
        source: the Markdown; None for the workshop's own.

    Returns:
        A whole HTML document.

    Raises:
        ImportError: without nbconvert, which JupyterLab brings.
        ValueError: if a slide names a picture that there is not.
    """
    from nbconvert.filters import markdown2html

    def drawn(found: re.Match[str]) -> str:
        return f'<img alt="{html.escape(found[1])}" src="{picture_of(found[2], found[3])}">'

    source = source or material_folder() / "slides.md"
    texts = [text.strip() for text in re.split(r"^---$", source.read_text(encoding="utf-8"), flags=re.MULTILINE)]
    slides = []
    for number, text in enumerate(texts, 1):
        # Pictures go in afterwards: a converter need not carry a megabyte.
        found = list(PICTURE.finditer(text))
        body = markdown2html(PICTURE.sub(lambda one: f"PICTURE-{one[3]}-", text))
        for one in found:
            body = body.replace(f"PICTURE-{one[3]}-", drawn(one))
        counted = f'<span class="number">{number} of {len(texts)}</span>'
        slides.append(f"<section>{body}{counted}</section>")
    title = html.escape(texts[0].splitlines()[0].lstrip("# "))
    return PAGE.format(title=title, style=STYLE, slides="\n".join(slides), script=SCRIPT)


def _main(arguments: list[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Write the slides of the workshop as one page.")
    parser.add_argument("page", type=Path, help="the page that is written, such as slides.html")
    options = parser.parse_args(arguments)
    options.page.write_text(make_slides(), encoding="utf-8")
    print(options.page)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
