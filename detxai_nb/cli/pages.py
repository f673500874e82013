"""``detxai-nb page`` and ``detxai-nb publish``: a photograph's explanations, or a notebook, as one HTML file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from detxai_nb.cli.argument_types import add_detector_options, add_method_settings, as_share
from detxai_nb.cli.commands import USUAL_METHOD, detector_opener, method_settings, usual_method
from detxai_nb.cli.wording import in_own_words
from detxai_nb.pages.document import page_path

_OVERWRITE = "replace the file if it is there already"


def add_page(page: argparse.ArgumentParser) -> None:
    """Add what ``page`` takes.

    Args:
        page: the parser of the command.
    """
    page.set_defaults(run=run_page)
    page.add_argument("photo", type=Path, help="the image file; `detxai-nb example` writes one to try")
    add_detector_options(page)
    page.add_argument(
        "--method",
        action="append",
        metavar="NAME",
        help=f"a name of `detxai-nb methods`, by default {USUAL_METHOD}; may be repeated, for a menu on the page",
    )
    add_method_settings(page)
    page.add_argument(
        "--target",
        action="append",
        metavar="NAME",
        help="what to explain: class, x1, y1, x2, y2 or combined, by default class; may be repeated",
    )
    page.add_argument(
        "--layer", action="append", metavar="NAME", help="the explained layer, by default the method's; may be repeated"
    )
    page.add_argument(
        "--score-threshold",
        type=as_share,
        default=0.3,
        metavar="S",
        help="the lowest score of a detection that is explained, from 0 to 1 (%(default)s)",
    )
    page.add_argument("--title", help="of the page, by default the file's name")
    page.add_argument("--out", type=Path, required=True, metavar="FILE", help="the page to write, .html")
    page.add_argument("--overwrite", action="store_true", help=_OVERWRITE)


def add_publish(publish: argparse.ArgumentParser) -> None:
    """Add what ``publish`` takes.

    Args:
        publish: the parser of the command.
    """
    publish.set_defaults(run=run_publish)
    publish.add_argument("notebook", type=Path, help="an executed notebook, saved with the state of its widgets")
    publish.add_argument("--out", type=Path, metavar="FILE", help="the page to write, by default beside the notebook")
    publish.add_argument("--title", help="of the page, by default the notebook's first heading")
    publish.add_argument(
        "--code",
        default="open",
        help="of the cells: open or folded, which a click changes, or none for a page without code (%(default)s)",
    )
    publish.add_argument("--overwrite", action="store_true", help=_OVERWRITE)


def run_page(options: argparse.Namespace) -> None:
    """Write the explanations of a photograph as a page.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: for a page that is no HTML file, settings where several methods are named, or what ``dx.explain``
            refuses.
        FileNotFoundError: for a missing photograph, file of weights or folder to write into.
        FileExistsError: if the page is there already.
    """
    import detxai_nb as dx
    from detxai_nb.doubts import doubt_of
    from detxai_nb.methods import all_methods, find_method
    from detxai_nb.subjects import first_predictions

    path = page_path(options.out, options.overwrite)
    targets, layers = dict.fromkeys(options.target or ["class"]), dict.fromkeys(options.layer or [None])
    settings = method_settings(options.setting)
    if settings and len(set(options.method or ())) > 1:
        raise ValueError(
            f"--setting {options.setting[0]} is of one method, and --method names several: "
            f"{', '.join(dict.fromkeys(options.method))}. Write a page of each method that has settings"
        )
    for name in options.method or ():
        find_method(name)
    image = dx.load_image(options.photo)
    detector = detector_opener(options)()
    methods = dict.fromkeys(options.method or [usual_method(detector)])
    found = first_predictions(detector, image, options.score_threshold)
    if doubt := doubt_of(detector, image):
        print(f"detxai-nb: note: {in_own_words(doubt)}", file=sys.stderr)
    found.require_nonempty()
    title = options.photo.name if options.title is None else options.title
    # An Explorer has the methods' usual settings.
    if settings or any(all_methods()[name].kind == "perturbation" for name in methods):
        maps = [
            dx.explain(detector, image, found, method=method, target=target, layer=layer, **settings)
            for method in methods
            for target in targets
            for layer in layers
        ]
        maps[0].save_html(path, *maps[1:], title=title, overwrite=options.overwrite)
    else:
        _save_explorer(path, (detector, image, found), methods, targets, layers, title, options.overwrite)
    print(f"wrote {path}: {len(found)} explained, {path.stat().st_size / 1e6:.2f} MB")


def _save_explorer(path: Path, shown: Any, methods: Any, targets: Any, layers: Any, title: str, over: bool) -> None:
    import detxai_nb as dx
    from detxai_nb.widgets.shared.trait_types import TraitError

    method, target, layer = next(iter(methods)), next(iter(targets)), next(iter(layers))
    include = {"method": list(methods), "target": list(targets), "layer": [one or "" for one in layers]}
    try:
        explorer = dx.widgets.Explorer(*shown, method=method, target=target, layer=layer)
        if explorer.error is not None:
            raise explorer.error
        explorer.save_html(path, include=include, title=title, overwrite=over)
    except TraitError as error:
        raise ValueError(str(error)) from error


def run_publish(options: argparse.Namespace) -> None:
    """Write a notebook as a page.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: for what is no notebook, or a page that is no HTML file.
        FileNotFoundError: for a missing notebook or folder.
        FileExistsError: if the page is there already.
        RuntimeError: if nbconvert is not installed.
    """
    from detxai_nb.publishing import publish_notebook

    print(
        publish_notebook(
            options.notebook, options.out, title=options.title, code=options.code, overwrite=options.overwrite
        )
    )
