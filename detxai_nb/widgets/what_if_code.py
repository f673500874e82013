"""The Python code of a WhatIf: what makes the answer that is shown, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detxai_nb.widgets.shared.code import script_of
from detxai_nb.widgets.shared.filters import FilterOptions
from detxai_nb.widgets.what_if_steps import Question


class WhatIfOptions(FilterOptions, total=False):
    """Further keyword arguments of the WhatIf.

    Attributes:
        controls, score_threshold: as documented there.
        seed, selected, tool, radius, share, view, opacity, hide_below, colormap, signed_colormap: as the traits.
    """

    controls: int
    score_threshold: float
    seed: int
    selected: int | None
    tool: str
    radius: float
    share: float
    view: str
    opacity: float
    hide_below: float
    colormap: str
    signed_colormap: str


def answer_code(
    known: Mapping[str, str | None],
    question: Question | None,
    maps: tuple[str | None, int | None] | None,
    controls: int,
    first: Sequence[str] = (),
    more: Sequence[str] = (),
) -> str:
    """Return the code that makes an answer, and the share of the heat under the region.

    Args:
        known: the sources of detector, image, detections and what else there is; None for what came in as an object.
        question: what was asked; None for the maps alone.
        maps: the source of the maps that are shown (None for maps that came in as an object) and the number of the
            selected object; None where there is no map.
        controls: how many equal areas elsewhere are filled in each place.
        first: lines at the beginning.
        more: lines at the end.

    Returns:
        Python source.
    """
    names, lines = dict(known), list(first)
    shown = None if maps is None else maps[0]

    def take_maps(source: str | None) -> None:
        if source is None:
            names["maps"] = None
        else:
            lines.append(f"maps = {source}")

    if question is None:
        if maps is not None:
            take_maps(shown)
        return script_of(names, [*lines, *more])
    drawn = question.drawn
    if "maps" in drawn.names:
        take_maps(drawn.maps_source)
    if "region" in drawn.names:
        names["region"] = None
    if drawn.source != "region":
        lines.append(f"region = {drawn.source}")
    fill = repr(question.fill.name)
    if question.fill.picture is not None:
        names["picture"], fill = None, f"dx.interventions.Fill({question.fill.name!r}, picture=picture)"
    about = "" if question.about is None else f", about={question.about}"
    asked = f"region, {fill}, seed={question.seed}, controls={controls}{about}"
    lines.append(f"one = dx.interventions.intervene(detector, image, detections, {asked})")
    if maps is not None and maps[1] is not None:
        if "maps" not in drawn.names or drawn.maps_source != shown:
            take_maps(shown)
        lines.append(f"heat_share = region.share_of(maps.values[{maps[1]}])  # the heat that lay under the region")
    return script_of(names, [*lines, *more])
