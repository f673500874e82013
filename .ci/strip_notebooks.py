"""Make executed notebooks fit for committing: pictures stay, made lighter; live-widget views and saved widget state go.

python .ci/strip_notebooks.py [--check] NOTEBOOK ...

With --check nothing is written, and the exit status is 1 where a notebook is not fit, with the reasons.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from PIL import Image

VIEW = "application/vnd.jupyter.widget-view+json"
PICTURE = "image/png"
PAGE = "text/html"
SHOWN = '<div class="detxai-nb-shown">'  # how the HTML of detections and heat maps begins
LARGEST = 8_000_000  # bytes
LEVELS = 32  # for each colour channel: half the bytes of a photograph with noise, and hardly to be seen
COLORS = 256  # of a picture: two fifths of the bytes less again, by half a level of 255 in the mean
RARE = 96  # of these: colours of few pixels that the others miss most, such as those of thin lines
WIDEST = 1100  # pixels; a notebook's page is no wider, so that it would be drawn smaller anyway


def strip(notebook: Any) -> list[str]:
    """Remove what must not be committed, and say what it was."""
    found = []
    if notebook.metadata.pop("widgets", None) is not None:
        found.append("saved widget state")
    for number, cell in enumerate(notebook.cells):
        doubled = [output for output, then in _with_next(cell) if _is_view(output) and _is_picture(then)]
        if doubled:
            cell.outputs = [output for output in cell.outputs if output not in doubled]
            found.append(f"cell {number}: a widget's view above its picture")
    for number, output in _outputs(notebook):
        data = output.get("data", {})
        if VIEW in data and PICTURE in data:
            del data[VIEW]
            found.append(f"cell {number}: a widget's view beside its picture")
        if PAGE in data and (PICTURE in data or "".join(data[PAGE]).startswith(SHOWN)):
            del data[PAGE]
            found.append(f"cell {number}: HTML of what a picture or a line of text shows")
        lighter = lighten(data[PICTURE]) if PICTURE in data else None
        if lighter is not None:
            data[PICTURE] = lighter
            found.append(f"cell {number}: a picture without a palette, or wider than {WIDEST} pixels")
    for number, cell in enumerate(notebook.cells):
        if cell.metadata.pop("execution", None) is not None:
            found.append(f"cell {number}: times of execution")
        if cell.cell_type == "code":
            kept = [output for output in cell.outputs if output.get("name") != "stderr"]
            if len(kept) < len(cell.outputs):
                found.append(f"cell {number}: progress of a download, or another message on stderr")
            cell.outputs = kept
    return found


def lighten(picture: str) -> str | None:
    """The PNG (base64) with a palette of ``COLORS``, and at most ``WIDEST`` pixels wide; None where it is so."""
    opened = Image.open(io.BytesIO(base64.b64decode(picture)))
    if opened.mode == "P" and opened.width <= WIDEST:
        return None
    opened = opened.convert("RGB")
    if opened.width > WIDEST:
        opened = opened.resize((WIDEST, round(opened.height * WIDEST / opened.width)), Image.Resampling.LANCZOS)
    steps = np.round(np.asarray(opened) * ((LEVELS - 1) / 255))
    rounded = Image.fromarray(np.round(steps * (255 / (LEVELS - 1))).astype(np.uint8))
    out = io.BytesIO()
    rounded.quantize(palette=palette_of(rounded), dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def palette_of(picture: Image.Image) -> Image.Image:
    """A picture whose palette is made for another: by median cut, and then the colours that this misses most."""
    common = picture.quantize(COLORS - RARE, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    found = np.asarray(common.getpalette(), np.uint8).reshape(-1, 3)[: COLORS - RARE]
    colors, at, pixels = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_index=True, return_counts=True)
    taken = np.asarray(common.convert("RGB")).reshape(-1, 3)[at]
    off = np.square(colors.astype(int) - taken).sum(axis=1)
    worst = np.argsort(-off * pixels, kind="stable")[:RARE]
    made = Image.new("P", (1, 1))
    made.putpalette(np.concatenate([found, colors[worst]]).tobytes())
    return made


def faults(notebook: Any, size: int) -> list[str]:
    """What stripping cannot mend."""
    found = []
    for number, output in _outputs(notebook):
        data = output.get("data", {})
        if VIEW in data and PICTURE not in data:
            found.append(f"cell {number}: a widget without a picture in its place")
        if output.output_type == "error":
            found.append(f"cell {number}: it ended in {output.ename}")
    if not any(True for _ in _outputs(notebook)):
        found.append("it was never executed")
    if size > LARGEST:
        found.append(f"{size:,} bytes, more than {LARGEST:,}")
    return found


def _with_next(cell: Any) -> list[tuple[Any, Any]]:
    """Each output of a cell with the one after it."""
    found = list(cell.get("outputs", []))
    return list(zip(found, [*found[1:], {}]))


def _is_view(output: Any) -> bool:
    data = output.get("data", {})
    return VIEW in data and PICTURE not in data


def _is_picture(output: Any) -> bool:
    data = output.get("data", {})
    return PICTURE in data and VIEW not in data


def _outputs(notebook: Any) -> list[tuple[int, Any]]:
    return [(number, output) for number, cell in enumerate(notebook.cells) for output in cell.get("outputs", [])]


def main(arguments: list[str] | None = None) -> int:
    """Strip or check the notebooks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("notebooks", nargs="+", type=Path)
    options = parser.parse_args(arguments)
    bad = False
    for path in options.notebooks:
        notebook = nbformat.read(path, as_version=4)
        stripped = strip(notebook)
        if stripped and not options.check:
            nbformat.write(notebook, path)
        remaining = faults(notebook, path.stat().st_size) + (stripped if options.check else [])
        bad = bad or bool(remaining)
        for reason in remaining:
            print(f"{path}: {reason}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
