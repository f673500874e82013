"""HeatMaps as a page: what an Explorer shows of them, without a detector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detxai_nb.detections import are_classes
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.pages.document import Page, SavedWidget, page_path
from detxai_nb.plots.heatmaps import DIVERGING, SEQUENTIAL
from detxai_nb.subjects import CLASSES, OBJECTS
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.code import script_of, target_source
from detxai_nb.widgets.shared.options import TARGETS, method_title
from detxai_nb.widgets.shared.widget import IDLE

_LOOK = {
    "min_score": 0.0,
    "only_class": "",
    "search": "",
    "opacity": 0.75,
    "hide_below": 0.0,
    "percentile": 100.0,
    "colormap": "viridis",
    "signed_colormap": "RdBu_r",
    "scale": "object",
    "boxes": "all",
}
_FIXED = {"direction": "positive", "against": "", "combine": "maximum", "miss": None}


def save_maps_page(
    path: str | os.PathLike[str], maps: Sequence[HeatMaps], title: str | None = None, overwrite: bool = False
) -> Path:
    """Write maps of the same predictions as one HTML file; its menu goes from one set of them to the other.

    Args:
        path: the file, which ends in .html.
        maps: one or more, of the same detections in the same picture.
        title: of the page; by default the first maps' in words.
        overwrite: whether an existing file is replaced.

    Returns:
        The file.

    Raises:
        FileNotFoundError: if its folder does not exist.
        FileExistsError: if the file exists and ``overwrite`` is False.
        TypeError: for what is no HeatMaps.
        ValueError: if the maps are of different predictions or pictures, if one is not finite, or the name is no HTML
            file's.
    """
    target = page_path(path, overwrite)
    _require_alike(maps)
    titles = _titles(maps)
    page = Page(f"{titles[0]}, {len(maps[0])} maps" if title is None else str(title))
    page.add_widget(_explorer_of(maps, titles))
    return page.write(target)


def _require_alike(maps: Sequence[HeatMaps]) -> None:
    for one in maps:
        if not isinstance(one, HeatMaps):
            raise TypeError(f"a page of maps has what dx.explain returns, got {type(one).__name__}")
    first = maps[0]
    for one in maps[1:]:
        same = len(one) == len(first) and one.image.shape == first.image.shape
        if not same or not bool((one.detections.boxes.cpu() == first.detections.boxes.cpu()).all()):
            raise ValueError(
                f"one page has maps of the same predictions in the same picture; those of {one.method!r} are of others "
                f"than those of {first.method!r}: dx.compare(...) makes maps that go together"
            )


def _titles(maps: Sequence[HeatMaps]) -> list[str]:
    """Each in words, no two alike."""
    made: list[str] = []
    for one in maps:
        what = one.target.in_words(one.detections.names) if one.target.against else TARGETS[one.target.part].lower()
        words = f"{_method(one.method)} of the {what}"
        alike = sum(title == words or title.startswith(f"{words} (") for title in made)
        made.append(f"{words} ({alike + 1})" if alike else words)
    return made


def _method(name: str) -> str:
    try:
        return method_title(name)
    except KeyError:
        return name  # a function of one's own, or what became of another's maps


def _explorer_of(maps: Sequence[HeatMaps], titles: Sequence[str]) -> SavedWidget:
    made: list[dict[str, Any]] = [
        {"method": title, "target": one.target.part, "layer": one.layer or ""} for title, one in zip(titles, maps)
    ]
    choices = [{**choice, **_FIXED} for choice in made]
    packages = [
        {**serialize.pack_maps(title, title, one), "choice": choice}
        for title, one, choice in zip(titles, maps, choices)
    ]
    published = [
        {
            "map_data": package,
            "map_key": title,
            "request": {"key": title, "choice": choice},
            "status": {**IDLE, "key": title},
            "code": _code(one),
        }
        for package, title, choice, one in zip(packages, titles, choices, maps)
    ]
    first = maps[0]
    whole = are_classes(first.detections)
    state = {
        **_LOOK,
        **choices[0],
        **published[0],
        "photo": serialize.pack_photo(first.image, serialize.SCREEN),
        "objects": serialize.pack_objects(first.detections),
        "choices": {
            "subject": (CLASSES if whole else OBJECTS).one,
            "methods": [
                {"name": title, "title": title, "about": "", "directions": [], "contrasts": False} for title in titles
            ],
            "targets": [],
            "directions": [],
            "layers": [""],
            "classes": [],
            "elsewhere": "",
            "colormaps": list(SEQUENTIAL),
            "signed_colormaps": list(DIVERGING),
        },
        "palettes": serialize.pack_palettes(),
        "others": [{"own": "", "offered": []} for _ in range(len(first))],
        "misses": [],
        "notice": "",
        "lower_score": None,
        "class_answer": {},
        "selected": 0 if len(first) else None,
    }
    answers: list[dict[str, Any]] = [{"when": choices[0], "then": {}}]
    answers += [{"when": choice, "then": then} for choice, then in zip(choices[1:], published[1:])]
    return SavedWidget("explorer", state, answers)


def _code(maps: HeatMaps) -> str:
    layer = f", layer={maps.layer!r}" if maps.layer else ""
    settings = "".join(f"\n# {name}: {value!r}" for name, value in maps.settings.items())
    call = f"method={maps.method!r}, target={target_source(maps.target)}{layer}"
    return script_of(
        {"detector": None, "image": None, "detections": None},
        [f"maps = dx.explain(detector, image, detections, {call}){settings}"],
    )
