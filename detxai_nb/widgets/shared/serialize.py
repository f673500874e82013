"""What a widget sends to the browser: the photograph, the objects, the heat maps and the colour tables."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from PIL import Image

from detxai_nb.detections import are_classes
from detxai_nb.heatmaps import NO_POSITIVE_EVIDENCE, HeatMaps
from detxai_nb.metrics.map_energy import centres_between
from detxai_nb.plots.deciding import PART_COLORS, PART_NAMES, deciding_shares
from detxai_nb.plots.heatmaps import DIVERGING, SEQUENTIAL
from detxai_nb.polygons import polygon_masks
from detxai_nb.subjects import class_titles
from detxai_nb.types import Detections

STEPS = 65535
SCREEN = 2048
"""The longer side in pixels at which a photograph is sent first; all of it follows when it is zoomed."""


def pack_photo(image: np.ndarray, most: int | None = None) -> dict[str, Any]:
    """Encode a photograph as a JPEG of quality 95 without chroma subsampling.

    Args:
        image: RGB uint8 ``[H,W,3]``.
        most: the longer side of the JPEG is at most this many pixels; None for the photograph's own size.

    Returns:
        Its bytes, media type, the photograph's width and height, and whether the JPEG has all of its pixels.
    """
    file = io.BytesIO()
    height, width = image.shape[:2]
    picture, longer = Image.fromarray(image), max(height, width)
    if most is not None and longer > most:
        size = max(1, round(width * most / longer)), max(1, round(height * most / longer))
        picture = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    picture.save(file, "JPEG", quality=95, subsampling=0)
    whole = picture.size == (width, height)
    return {"data": file.getvalue(), "type": "image/jpeg", "width": width, "height": height, "whole": whole}


CLASS_COLORS = (
    *("#56b4e9", "#e69f00", "#2fd08c", "#f0e442", "#ff8fd0", "#ff7043"),
    *("#b39dff", "#5ce1e6", "#b6e35a", "#d8b28a"),
)
"""Of the boxes' classes: light, so that they are seen on a photograph with a dark edge, and told apart by people with
colour blindness as long as there are few."""


def class_colors(labels: Iterable[int], known: Mapping[int, str] | None = None) -> dict[int, str]:
    """Return a colour for each class: no two share one while there are enough.

    Args:
        labels: numbers of classes, in any order, with repetitions.
        known: colours that are given already.

    Returns:
        Colours such as "#56b4e9" by class; a class has the same one in other photographs unless another took it.
    """
    colors = dict(known or {})
    for label in sorted(set(labels) - set(colors)):
        free = [color for color in CLASS_COLORS if color not in colors.values()]
        own = CLASS_COLORS[label % len(CLASS_COLORS)]
        colors[label] = free[0] if free and own not in free else own
    return colors


def pack_objects(detections: Detections) -> list[dict[str, Any]]:
    """Return number, name, score and box of each object, and the colour of its class.

    Args:
        detections: N objects.

    Returns:
        N dictionaries; boxes are xyxy in pixels of the original image, the corners of oriented boxes their "polygon",
        numbers those of ``selected``, from 0. A class
        of the whole image has neither number nor colour, but its number as a class ("label").
    """
    labels = detections.labels.tolist()
    if are_classes(detections):
        each = zip(class_titles(detections), detections.scores.tolist(), detections.boxes.tolist(), labels)
        return [{"name": name, "score": score, "box": box, "label": label} for name, score, box, label in each]
    colors = class_colors(labels)
    rows = zip(detections.label_names(), detections.scores.tolist(), detections.boxes.tolist(), labels)
    found: list[dict[str, Any]] = [
        {"number": number, "name": str(name), "score": score, "box": box, "color": colors[label]}
        for number, (name, score, box, label) in enumerate(rows)
    ]
    if detections.polygons is not None:
        for thing, corners in zip(found, detections.polygons.tolist()):
            thing["polygon"] = corners
    return found


def is_class(thing: Mapping[str, Any]) -> bool:
    """Return whether an object is a class of the whole image, so that no box of it is drawn.

    Args:
        thing: an object, as from ``pack_objects``.

    Returns:
        True for those of a classifier.
    """
    return "label" in thing


@cache
def palette(name: str) -> np.ndarray:
    """Return a colour map of matplotlib.

    Args:
        name: its name there.

    Returns:
        RGB uint8 ``[256,3]``.
    """
    import matplotlib

    return matplotlib.colormaps[name](np.linspace(0, 1, 256), bytes=True)[:, :3]


def pack_palettes(names: Sequence[str] = SEQUENTIAL + DIVERGING) -> dict[str, Any]:
    """Return colour tables for the browser.

    Args:
        names: of colour maps.

    Returns:
        "names", and "data": the tables one after the other, 256 RGB entries each.
    """
    return {"names": list(names), "data": b"".join(palette(name).tobytes() for name in names)}


def pack_maps(key: str, title: str, maps: HeatMaps) -> dict[str, Any]:
    """Return all maps on their native grids as uint16, each between its own least and greatest value.

    A value comes back right to 1/131070 of its map's range. "scale" and "shift" (x, y) take pixels of the photograph to
    pixels of the model's input, a grid's "corner" or "shift" and its "stride" (x, y) take those to its cells: with them
    the browser places a map exactly as ``HeatMaps.values`` does; where the input is a cut of the photograph, "seen"
    (xyxy, pixels of the photograph) is what lies in it.

    Args:
        key: the computation's name.
        title: the computation in words.
        maps: N maps.

    Returns:
        For the browser: key, title, placement, one description for each grid, and the values of all.

    Raises:
        ValueError: if a map is not finite.
    """
    placement = maps.placement
    scale_y, scale_x = placement.scale
    height, width = placement.image_size
    grids, parts, offset = [], [], 0
    for index, inside in enumerate(energy_inside(maps)):
        grid = maps.grids[index].detach().cpu().double().numpy()
        low, high = value_range(maps, index)
        span = high - low
        quanta = np.round((grid - low) / span * STEPS) if span > 0 else np.zeros_like(grid)
        (stride_y, stride_x), corner, shift = maps.strides[index], maps.corners[index], maps.shifts[index]
        grids.append(
            {
                "shape": list(grid.shape),
                "offset": offset,
                "low": low,
                "high": high,
                "stride": [stride_x, stride_y],
                "corner": None if corner is None else [corner[1], corner[0]],
                "shift": [shift[1], shift[0]],
                "status": status_in_words(maps, index),
                "peak": list(peak(maps, index)),
                "inside": inside,
                **_decided(maps, index),
            }
        )
        parts.append(quanta.astype("<u2").tobytes())
        offset += grid.size
    return {
        "key": key,
        "title": title,
        "signed": maps.signed,
        "unit": maps.unit,
        "size": list(placement.image_size),
        "scale": [scale_x, scale_y],
        "shift": [placement.offset[1], placement.offset[0]],
        **({} if placement.seen == (0.0, 0.0, float(width), float(height)) else {"seen": list(placement.seen)}),
        "grids": grids,
        "values": b"".join(parts),
    }


def _decided(maps: HeatMaps, index: int) -> dict[str, Any]:
    """Of a joined map which part each cell is taken from: int8 in base64, and each part with its colour and share."""
    if not maps.deciding:
        return {}
    cells = maps.deciding[index].cpu().numpy().astype(np.int8).tobytes()
    shares = deciding_shares(maps[index])
    parts = [{"title": PART_NAMES[p].capitalize(), "color": PART_COLORS[p], "share": shares[p]} for p in shares]
    return {"deciding": base64.b64encode(cells).decode("ascii"), "parts": parts}


def status_in_words(maps: HeatMaps, index: int) -> str:
    """Return the status of a map as a person reads it, by the sign of the evidence that was asked for.

    Args:
        maps: N maps.
        index: which of them.

    Returns:
        "ok", or such as "no negative evidence" for a map that is zero everywhere.
    """
    status, direction = maps.status[index], maps.settings.get("direction", "positive")
    if status != NO_POSITIVE_EVIDENCE or direction == "positive":
        return status
    return "no negative evidence" if direction == "negative" else "no evidence"


def value_range(maps: HeatMaps, index: int) -> tuple[float, float]:
    """Return the least and greatest raw value of one map, which is 0 beyond a grid that covers a part of the input.

    Args:
        maps: N maps.
        index: which of them.

    Returns:
        (low, high).

    Raises:
        ValueError: if one of them is not finite.
    """
    grid = maps.grids[index]
    low, high = float(grid.min()), float(grid.max())
    if maps.corners[index] is not None:
        low, high = min(low, 0.0), max(high, 0.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        subject = "class" if are_classes(maps.detections) else "object"
        raise ValueError(
            f"the {maps.method} map of {subject} {index} is not finite (from {low} to {high}), so it cannot be shown; "
            "the detector's features or gradients overflow: try float32 weights or another layer"
        )
    return low, high


def peak(maps: HeatMaps, index: int) -> tuple[float, float]:
    """Return where the strongest evidence lies: the centre of the greatest cell, clipped to the image.

    Args:
        maps: N maps.
        index: which of them.

    Returns:
        (x, y) in pixels of the original image.
    """
    grid = maps.grids[index]
    row, column = divmod(int(grid.abs().argmax()), grid.shape[1])
    height, width = maps.placement.image_size
    cell = torch.tensor([[column, row]], dtype=torch.float64, device="cpu")
    where = maps.strides[index], maps.corners[index], maps.shifts[index]
    x, y = maps.placement.points_to_image(cell, *where)[0].tolist()
    return min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))


def energy_inside(maps: HeatMaps) -> list[float | None]:
    """Return the share of each map's positive energy inside its object's box, over pixels whose centres lie inside.

    Of an oriented box it is the share inside its polygon, for which the map is placed.

    Placing is linear, so the sums come from the grid's cells, each with the weight that it has in all pixels or in
    those of the box: no map is placed.

    Args:
        maps: N maps.

    Returns:
        N shares in 0..1; None for a map without positive energy.
    """
    shares: list[float | None] = []
    height, width = maps.placement.image_size
    if maps.detections.polygons is not None:
        for row, polygon in enumerate(torch.split(maps.detections.polygons.cpu(), 1)):
            energy = maps[row].values[0].cpu().double().clamp(min=0)
            total = float(energy.sum())
            shares.append(float(energy[polygon_masks(polygon, height, width)[0]].sum()) / total if total > 0 else None)
        return shares
    x1, y1, x2, y2 = maps.detections.boxes.cpu().unbind(1)
    inside_rows, inside_columns = centres_between(y1, y2, height), centres_between(x1, x2, width)
    placed = zip(maps.grids, maps.strides, maps.corners, maps.shifts, inside_rows, inside_columns)
    for grid, stride, corner, shift, down, across in placed:
        top, left = (None, None) if corner is None else corner
        energy = grid.detach().cpu().double().clamp(min=0)
        rows = maps.placement.axis_weights(0, grid.shape[0], stride[0], energy, top, shift[0])
        columns = maps.placement.axis_weights(1, grid.shape[1], stride[1], energy, left, shift[1])
        total = float(rows.sum(0) @ energy @ columns.sum(0))
        inside = float(rows[down].sum(0) @ energy @ columns[across].sum(0))
        shares.append(inside / total if total > 0 else None)
    return shares
