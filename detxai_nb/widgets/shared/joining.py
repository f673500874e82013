"""Maps that were made one after the other by the same method, as if they had been made together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from detxai_nb.heatmaps import UNDERFLOWED, HeatMaps
from detxai_nb.types import Detections


def joined_maps(first: HeatMaps, second: HeatMaps, order: Sequence[int], detections: Detections) -> HeatMaps:
    """Return maps of one method, made by two computations, as one.

    Args:
        first: M maps.
        second: N maps of further predictions in the same image.
        order: of the M + N: numbers from 0, those of ``second`` after those of ``first``.
        detections: the M + N predictions, in that order.

    Returns:
        M + N maps.
    """

    def both(a: Sequence[Any], b: Sequence[Any]) -> tuple[Any, ...]:
        values = [*a, *b]
        return tuple(values[place] for place in order)

    # One value for each map: grids, strides, corners and whatever else places them.
    each: dict[str, Any] = {
        f.name: both(getattr(first, f.name), own)
        for f in fields(second)
        # Some maps have no parts that decide.
        if isinstance(own := getattr(second, f.name), tuple) and own
    }
    return replace(
        second,
        **each,
        diagnostics={
            name: both(_diagnostic(first, name), _diagnostic(second, name))
            for name in {**first.diagnostics, **second.diagnostics}
        },
        detections=detections.to(second.detections.boxes.device),
        seconds=first.seconds + second.seconds,
    )


def _diagnostic(maps: HeatMaps, name: str) -> Sequence[float]:
    """A diagnostic of each map; underflow is told only where there is some."""
    return maps.diagnostics.get(name, (0.0 if name == UNDERFLOWED else math.nan,) * len(maps))
