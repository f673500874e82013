"""Static pictures of heat maps and detections: plain matplotlib figures, without pyplot and its global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from detxai_nb.detections import are_classes, as_detections
from detxai_nb.heatmaps import OK, HeatMaps
from detxai_nb.image import ImageSource, load_image
from detxai_nb.plots.panels import PanelGrid, draw_box, draw_photograph, to_png
from detxai_nb.subjects import CLASSES, OBJECTS, Subject, class_titles
from detxai_nb.types import Detections, Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DIVERGING",
    "SEQUENTIAL",
    "overlay",
    "plot_comparison",
    "plot_detections",
    "plot_maps",
    "to_png",
]

SEQUENTIAL = ("viridis", "cividis", "magma", "inferno", "plasma", "gray")
"""Perceptually uniform colour maps for maps that are never negative; the first is the default."""
DIVERGING = ("RdBu_r", "PuOr_r", "BrBG_r")
"""Colour-blind safe colour maps for signed maps, centred at zero; the first is the default."""
SCALES = ("object", "shared")

FADE = 0.25
"""Evidence fades in over this share of the range, so that the photograph stays visible where there is none; the
widgets' front end does the same."""

_ON_PICTURE: Mapping[str, Any] = {
    "fontsize": 8,
    "color": "white",
    "parse_math": False,
    "bbox": {"boxstyle": "round,pad=0.2", "fc": (0.07, 0.08, 0.1, 0.85), "ec": "none"},
}
"""How text on a photograph looks."""

_LETTER = 0.58  # how wide a letter is in the mean, as a share of the font size
_LONGEST = 640  # pixels of a panel's longer side: more than any screen shows of it


def plot_maps(
    maps: HeatMaps,
    *,
    columns: int | None = None,
    colormap: str | None = None,
    opacity: float = 0.55,
    scale: str = "object",
    boxes: bool = True,
    titles: Sequence[str] | None = None,
    max_objects: int = 12,
) -> Figure:
    """Draw a figure with one panel for each object: photograph, heat map, box, and a colour bar of raw values.

    Below a colour bar stands ``HeatMaps.unit``, the unit of what is explained; ``HeatMaps.diagnostics`` stand on their
    panel. The figure is a plain matplotlib figure that a notebook shows by
    itself; ``figure.savefig(path)`` saves it.

    Args:
        maps: what ``explain`` returned.
        columns: panels in a row, at least 1; by default up to 3.
        colormap: any name that matplotlib knows; by default the first of ``SEQUENTIAL``, for signed maps of
            ``DIVERGING`` (centred at zero).
        opacity: of the strongest evidence, 0..1; weaker evidence fades out.
        scale: "object" stretches each map over its own range, "shared" all of them over one.
        boxes: whether each object's box is drawn; of classes of the whole image none is.
        titles: one for each map; by default number, class and score.
        max_objects: at most this many are drawn, the first ones, and the heading says how many there are.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> maps = dx.explain(detector, image, detector.detect([image])[0])
        >>> figure = dx.plots.plot_maps(maps[:2], columns=2)
        >>> len(figure.axes)  # two panels, each with its colour bar
        4
    """
    if titles is not None and len(titles) != len(maps):
        raise ValueError(f"titles has {len(titles)} entries for {len(maps)} maps")
    if max_objects < 1 or (columns is not None and columns < 1):
        raise ValueError(f"columns and max_objects are at least 1, got {columns} and {max_objects}")
    style = _style(maps.signed, colormap, opacity, scale, boxes)
    shown = maps[:max_objects]
    heading = _heading(maps)
    if len(shown) < len(maps):
        heading += f" (the first {len(shown)} of {_subject(maps.detections).counted(len(maps))})"
    if not len(shown):
        return plot_detections(maps.image, maps.detections)
    sheet = PanelGrid(maps.image, rows=-(-len(shown) // (columns or 3)), columns=min(columns or 3, len(shown)))
    labels = list(titles) if titles is not None else _labels(shown.detections, shown.target)
    ranges = _ranges(shown, scale)
    for i in range(len(shown)):
        axes, bar = sheet.panel(*divmod(i, sheet.columns))
        _draw(axes, bar, _small(shown[i]), ranges[i], labels[i], style)
    sheet.head(heading)
    return sheet.figure


def plot_comparison(
    maps: Mapping[str, HeatMaps],
    *,
    colormap: str | None = None,
    opacity: float = 0.55,
    boxes: bool = True,
    max_objects: int = 6,
) -> Figure:
    """Draw a figure of several methods: a row for each object, a column for each method, every panel on its own range.

    Args:
        maps: what ``compare`` returned, maps by the method's name.
        colormap, opacity, boxes: as in ``plot_maps``.
        max_objects: at most this many rows, the first objects.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: if there are no methods, or they do not hold the same objects, or for options out of range.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> found = dx.compare(detector, image, detector.detect([image])[0][:1], methods=["odam", "grad-cam"])
        >>> [axes.get_title(loc="left").split(":")[0] for axes in dx.plots.plot_comparison(found).axes[::2]]
        ['odam', 'grad-cam']
    """
    if not maps:
        raise ValueError("there is nothing to compare; hand in the dict that compare gave")
    counts = {name: len(one) for name, one in maps.items()}
    if len(set(counts.values())) != 1 or max_objects < 1:
        raise ValueError(
            f"every method needs maps of the same objects, at least one drawn; got {counts}, {max_objects}"
        )
    first = next(iter(maps.values()))
    rows = min(len(first), max_objects)
    if not rows:
        return plot_detections(first.image, first.detections)
    sheet = PanelGrid(first.image, rows, len(maps), side=2.6)
    labels = _labels(first.detections, first.target)
    for column, (name, one) in enumerate(maps.items()):
        style = _style(one.signed, colormap, opacity, "object", boxes)
        for row in range(rows):
            axes, bar = sheet.panel(row, column)
            _draw(axes, bar, _small(one[row]), _ranges(one[row], "object")[0], f"{name}: {labels[row]}", style)
    targets = dict.fromkeys(one.target.in_words(one.detections.names) for one in maps.values())
    heading = f"target {', '.join(targets)}" + (
        f" (the first {rows} of {_subject(first.detections).counted(len(first))})" if rows < len(first) else ""
    )
    sheet.head(heading)
    return sheet.figure


def plot_detections(image: ImageSource, detections: Detections, *, width: float = 6.0) -> Figure:
    """Draw a figure of the photograph with its boxes, each with number, class and score; of a classifier no boxes.

    Args:
        image: what ``load_image`` takes.
        detections: boxes xyxy in the image's pixels.
        width: of the figure's panel in inches.

    Returns:
        A matplotlib figure.
    """
    pixels, detections = load_image(image), as_detections(detections)
    sheet = PanelGrid(pixels, 1, 1, side=width, bars=False)
    axes, _ = sheet.panel(0, 0)
    draw_photograph(axes, _shrink(pixels), pixels.shape[:2])
    subject = _subject(detections)
    if subject.whole and len(detections):
        axes.text(0.02, 0.98, "\n".join(_labels(detections)), transform=axes.transAxes, va="top", **_ON_PICTURE)
        sheet.head(subject.counted(len(detections)))
        return sheet.figure
    for box, label in zip(detections.boxes.tolist(), _labels(detections)):
        draw_box(axes, box, 1.4)
        axes.annotate(label, box[:2], (0, 2), textcoords="offset points", va="bottom", **_ON_PICTURE)
    best = "" if detections.highest_score is None else f"; the highest score was {detections.highest_score:.3f}"
    count = f"{len(detections)} detected" if len(detections) else f"nothing detected{best}"
    sheet.head(count)
    return sheet.figure


def overlay(
    image: np.ndarray,
    values: Any,
    *,
    colormap: str = SEQUENTIAL[0],
    opacity: float = 0.55,
    hide_below: float = 0.0,
    low: float | None = None,
    high: float | None = None,
    signed: bool = False,
) -> np.ndarray:
    """Lay a heat map over a photograph.

    Evidence fades in over a quarter of the range (from zero, for signed maps); a constant map leaves the photograph as
    it is.

    Args:
        image: uint8 ``[H,W,3]``.
        values: the raw heat map ``[H,W]``, a tensor or an array.
        colormap: any name that matplotlib knows.
        opacity: of the strongest evidence, 0..1.
        hide_below: nothing is painted below this share of the range, 0..1.
        low, high: the values at the ends of the colour map; by default the map's own range, for ``signed`` maps minus
            and plus its largest magnitude.
        signed: whether zero lies in the middle of the colour map.

    Returns:
        uint8 ``[H,W,3]``.

    Raises:
        ValueError: if map and image differ in size, or for an unknown colour map.

    Example:
        >>> import numpy as np
        >>> import detxai_nb as dx
        >>> image = np.zeros((4, 6, 3), np.uint8)
        >>> values = np.zeros((4, 6))
        >>> values[1, 2] = 5
        >>> painted = dx.plots.overlay(image, values)
        >>> np.argwhere(painted.any(axis=2)).tolist()
        [[1, 2]]
    """
    values = np.asarray(values, dtype=np.float32)
    if values.shape != image.shape[:2]:
        raise ValueError(f"the map is {list(values.shape)}, the image {list(image.shape[:2])}; they need one size")
    found = _range(values, signed)
    low, high = found[0] if low is None else low, found[1] if high is None else high
    if not high > low:
        return image.copy()
    share = np.clip((values - low) / (high - low), 0, 1)
    strength = np.abs(2 * share - 1) if signed else share
    colors = _colormap(colormap)(share, bytes=True)[..., :3].astype(np.float32)
    alpha = (opacity * np.where(strength < hide_below, 0, np.minimum(strength / FADE, 1)))[..., None]
    mixed: np.ndarray = np.round(image * (1 - alpha) + colors * alpha)
    return mixed.astype(np.uint8)


@dataclass(frozen=True)
class _Style:
    """How a panel is painted."""

    colormap: str
    opacity: float
    boxes: bool


def _style(signed: bool, colormap: str | None, opacity: float, scale: str, boxes: bool) -> _Style:
    if scale not in SCALES:
        raise ValueError(f"scale is one of {', '.join(SCALES)}; got {scale!r}")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is from 0 to 1, got {opacity}")
    name = colormap or (DIVERGING if signed else SEQUENTIAL)[0]
    _colormap(name)
    return _Style(name, opacity, boxes)


def _colormap(name: str) -> Any:
    from matplotlib import colormaps

    if name not in colormaps:
        known = ", ".join(SEQUENTIAL + DIVERGING)
        raise ValueError(f"unknown colour map {name!r}; matplotlib's are known, best for heat maps are {known}")
    return colormaps[name]


def _shows_all(detections: Detections, size: Sequence[int]) -> bool:
    """Whether these are classes of the whole image (``size`` is its height and width): their box is its edge."""
    if not are_classes(detections):
        return False
    x1, y1, x2, y2 = detections.boxes[0].tolist()
    return bool(x1 <= 0.5 and y1 <= 0.5 and x2 >= size[1] - 0.5 and y2 >= size[0] - 0.5)


def _draw(axes: Axes, bar: Axes | None, maps: HeatMaps, ends: tuple[float, float], title: str, style: _Style) -> None:
    """One panel: the photograph, the one map that ``maps`` holds, its box and its colour bar."""
    low, high = ends
    values = maps.values[0].cpu().numpy()
    painted = overlay(
        maps.image, values, colormap=style.colormap, opacity=style.opacity, low=low, high=high, signed=maps.signed
    )
    size = maps.detections.image_size or maps.image.shape[:2]
    draw_photograph(axes, painted, size)
    if style.boxes and not _shows_all(maps.detections, size):
        draw_box(axes, maps.detections.boxes[0].tolist(), 1.8)
    wide = axes.bbox.width / axes.figure.dpi * 72  # points
    fitting = wide / (_LETTER * max(len(title), 1))
    axes.set_title(title, fontsize=max(5, min(9, fitting)), loc="left", pad=3, parse_math=False)
    if maps.diagnostics:
        said = "\n".join(f"{name} {values[0]:.2f}" for name, values in maps.diagnostics.items())
        axes.text(0.02, 0.03, said, transform=axes.transAxes, va="bottom", **_ON_PICTURE)
    if bar is None:
        return
    if high > low and maps.status[0] == OK:
        _color_bar(bar, low, high, style.colormap)
        bar.set_xlabel(maps.unit, fontsize=7, labelpad=1)
        return
    bar.set_axis_off()
    note = f"{low:.3g} everywhere" if maps.status[0] == OK else maps.status[0]
    bar.text(0, 0, note, fontsize=8, transform=bar.transAxes)


def _color_bar(axes: Axes, low: float, high: float, colormap: str) -> None:
    axes.imshow(np.linspace(0, 1, 256)[None], cmap=_colormap(colormap), extent=(low, high, 0, 1), aspect="auto")
    axes.set_yticks([])
    ticks = [low, (low + high) / 2, high]
    axes.set_xticks(ticks, [_number(tick, high - low) for tick in ticks], fontsize=8)
    axes.tick_params(length=2, pad=1)
    labels = axes.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")


def _number(value: float, span: float) -> str:
    return f"{value:.3g}" if abs(value) > 1e-6 * span else "0"


def _range(values: np.ndarray, signed: bool) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (-max(-low, high), max(-low, high)) if signed else (low, high)


def _ranges(maps: HeatMaps, scale: str) -> list[tuple[float, float]]:
    """The values at the ends of each map's colours, read on the native grids."""
    own = [_range(grid.cpu().numpy(), maps.signed) for grid in maps.grids]
    if scale == "object":
        return own
    return [(min(low for low, _ in own), max(high for _, high in own))] * len(own)


def _small(maps: HeatMaps) -> HeatMaps:
    """The same maps over a photograph as small as it is drawn; boxes and ``image_size`` stay the original's."""
    pixels = _shrink(maps.image)
    found = replace(maps.detections, image_size=maps.image.shape[:2])
    placement = replace(maps.placement, image_size=pixels.shape[:2])
    return replace(maps, image=pixels, placement=placement, detections=found)


def _shrink(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    factor = _LONGEST / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _subject(detections: Detections) -> Subject:
    return CLASSES if are_classes(detections) else OBJECTS


def _labels(detections: Detections, target: Target | None = None) -> list[str]:
    subject = _subject(detections)
    if target is not None and target.against is not None:
        return _contrasts(detections, target)
    if subject.whole:
        scores = map(subject.score_in_words, detections.scores.tolist())
        return [f"{name} {score}" for name, score in zip(class_titles(detections), scores)]
    return [f"{i}: {n} {s:.2f}" for i, (n, s) in enumerate(zip(detections.label_names(), detections.scores.tolist()))]


def _contrasts(detections: Detections, target: Target) -> list[str]:
    """Such as "0: apple rather than bauble, 0.54", and of another class "1: apple rather than bauble (mug, 0.61)"."""
    whole, labels = _subject(detections).whole, []
    for i, (own, score) in enumerate(zip(detections.label_names(), detections.scores.tolist())):
        words = target.in_words(detections.names, own)
        said = f", {score:.2f}" if words.startswith(own) else f" ({own}, {score:.2f})"
        labels.append(f"{words}{said}" if whole else f"{i}: {words}{said}")
    return labels


def _heading(maps: HeatMaps) -> str:
    said = [maps.method, f"target {maps.target.in_words(maps.detections.names)}"]
    said += [f"{name} {value}" for name, value in maps.settings.items() if name == "direction"]
    if maps.layer:
        said.append(f"layer {maps.layer}")
    return ", ".join(said)
