"""What a person has drawn in a WhatIf: shapes, the region that they are, and the Python that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.interventions.region import Region

MOST_SHAPES, MOST_POINTS = 200, 4000
"""So many shapes a region is drawn of at most, and so many points each has."""
_NEEDS = {
    "stroke": ("points", "radius"),
    "box": ("box",),
    "lasso": ("points",),
    "hottest": ("share", "row"),
    "given": (),
}
_MAKER = "dx.interventions.Region"


@dataclass(frozen=True, eq=False)
class MapsHere:
    """Heat maps that hottest pixels are taken from.

    Attributes:
        maps: one for each object.
        source: Python that makes them, or None for maps that came in as an object.
    """

    maps: HeatMaps
    source: str | None


@dataclass(frozen=True, eq=False)
class DrawnRegion:
    """A region and how it came about.

    Attributes:
        region: the pixels.
        shapes: what it is joined of: dictionaries with "kind" ("stroke", "box", "lasso", "hottest", "given") and what
            makes it.
        source: Python that makes it from ``image``, and ``maps`` or ``region`` where ``names`` has these.
        names: what the source takes besides the image, some of "maps" and "region".
        given: the region that came in as an object, where the source takes it.
        maps_source: Python that makes the maps, where the source takes them; None for maps that came in as an object.
    """

    region: Region
    shapes: Sequence[Mapping[str, Any]]
    source: str
    names: frozenset[str] = field(default_factory=frozenset)
    given: Region | None = None
    maps_source: str | None = None

    @property
    def title(self) -> str:
        """What it is in words, such as "stroke" or "2 shapes"."""
        kind = str(self.shapes[0]["kind"])
        words = {"hottest": "hottest pixels", "given": "given region"}.get(kind, kind)
        return words if len(self.shapes) == 1 else f"{len(self.shapes)} shapes"


def drawn_of_region(size: tuple[int, int], region: Region, maps: MapsHere | None) -> DrawnRegion:
    """Return how a region can be drawn and written.

    Args:
        size: the picture's (height, width).
        region: any of this picture.
        maps: the heat maps that are shown, or None.

    Returns:
        The same pixels by the shape that they were made by, as far as that gives them again; else as an object.

    Raises:
        ValueError: if it is of another picture.
    """
    region.require_size(*size)
    settings = dict(region.settings)
    known = {name: settings[name] for name in _NEEDS.get(region.kind, ()) if name in settings}
    if region.kind in _NEEDS and region.kind != "given" and len(known) == len(_NEEDS[region.kind]):
        moved = {"moved": list(settings["moved"])} if "moved" in settings else {}
        try:
            made = drawn_of_shapes(size, [{"kind": region.kind, **known, **moved}], maps)
        except (TypeError, ValueError):
            made = None
        if made is not None and (made.region.mask == region.mask).all():
            return made
    return drawn_of_shapes(size, [{"kind": "given"}], maps, region)


def drawn_of_shapes(
    size: tuple[int, int], shapes: Any, maps: MapsHere | None, given: Region | None = None
) -> DrawnRegion:
    """Return the region that some shapes are together.

    Args:
        size: the picture's (height, width).
        shapes: dictionaries, as the browser sends them; see ``DrawnRegion``. "moved" (two whole numbers) moves the
            pixels of one.
        maps: the heat maps that are shown, for "hottest", or None.
        given: the region that a shape of the kind "given" is.

    Returns:
        The region.

    Raises:
        TypeError: if these are no shapes.
        ValueError: for an unknown kind, what lacks something, too many shapes or points, or a region that is empty or
            lies outside the picture.
    """
    if not isinstance(shapes, (list, tuple)) or not all(isinstance(shape, Mapping) for shape in shapes):
        raise TypeError(f"a region is drawn as a list of shapes, got {type(shapes).__name__}")
    if not shapes:
        raise ValueError("the region is empty: paint over something, or draw a box or a lasso")
    if len(shapes) > MOST_SHAPES:
        raise ValueError(f"a region is drawn of up to {MOST_SHAPES} shapes, got {len(shapes)}")
    region, sources, names, kept = None, [], set(), []
    for shape in shapes:
        one, source = _made(size, shape, maps, given)
        region = one if region is None else region | one
        sources.append(source)
        names |= {{"hottest": "maps", "given": "region"}.get(str(shape["kind"]), "")} - {""}
        kept.append({name: shape[name] for name in ("kind", *_NEEDS[shape["kind"]], "moved") if name in shape})
    if region is None:  # pragma: no cover - there is a shape
        raise ValueError("the region is empty")
    made_from = maps.source if maps is not None and "maps" in names else None
    return DrawnRegion(
        region, tuple(kept), " | ".join(sources), frozenset(names), given if "region" in names else None, made_from
    )


def _made(
    size: tuple[int, int], shape: Mapping[str, Any], maps: MapsHere | None, given: Region | None
) -> tuple[Region, str]:
    """A shape's region, and the source of it."""
    kind = shape.get("kind")
    if not isinstance(kind, str) or kind not in _NEEDS:
        raise ValueError(f"a shape is one of {', '.join(map(repr, _NEEDS))}; got {kind!r}")
    if missing := [name for name in _NEEDS[kind] if name not in shape]:
        raise ValueError(f"a shape of the kind {kind!r} has {' and '.join(map(repr, missing))}")
    points = shape.get("points", ())
    if isinstance(points, Sequence) and len(points) > MOST_POINTS:
        raise ValueError(f"a shape has up to {MOST_POINTS} points, got {len(points)}")
    makers: dict[str, Callable[[], tuple[Region, str]]] = {
        "stroke": lambda: (
            Region.stroke(size, points, shape["radius"]),
            f"{_MAKER}.stroke(image, {points!r}, {shape['radius']!r})",
        ),
        "box": lambda: (Region.box(size, shape["box"]), f"{_MAKER}.box(image, {shape['box']!r})"),
        "lasso": lambda: (Region.lasso(size, points), f"{_MAKER}.lasso(image, {points!r})"),
        "hottest": lambda: _hottest(shape, maps),
        "given": lambda: _as_given(given),
    }
    region, source = makers[kind]()
    if "moved" in shape:
        dx, dy = _whole(shape["moved"])
        if (dx, dy) != (0, 0):
            region, source = region.moved(dx, dy), f"{source}.moved({dx}, {dy})"
    return region, source


def _hottest(shape: Mapping[str, Any], maps: MapsHere | None) -> tuple[Region, str]:
    if maps is None:
        raise ValueError("there is no heat map to take the hottest pixels from")
    row, share = shape["row"], shape["share"]
    return Region.hottest(maps.maps, row, share), f"{_MAKER}.hottest(maps, {row!r}, {share!r})"


def _as_given(given: Region | None) -> tuple[Region, str]:
    if given is None:
        raise ValueError("no region was given as an object: draw one")
    return given, "region"


def _whole(values: Any) -> tuple[int, int]:
    found = list(values) if isinstance(values, (list, tuple)) else []
    if len(found) != 2 or not all(isinstance(v, int) and not isinstance(v, bool) and abs(v) < 10**6 for v in found):
        raise ValueError(f"moved is two whole numbers of pixels, got {values!r}")
    return found[0], found[1]
