"""Static pictures of heat maps and detections: plain matplotlib figures, without pyplot and its global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from detxai_nb.detections import are_classes, as_detections
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource, load_image
from detxai_nb.options import complete_options, show_options
from detxai_nb.plots.map_panel import (
    ON_PICTURE,
    PANEL_DEFAULTS,
    SCALES,
    PanelOptions,
    PanelStyle,
    draw_map,
    ranges,
    shrink,
)
from detxai_nb.plots.overlays import DIVERGING, FADE, SEQUENTIAL, overlay
from detxai_nb.plots.panels import PanelGrid, box_outlines, draw_box, draw_photograph, to_png
from detxai_nb.subjects import CLASSES, OBJECTS, Subject, class_titles
from detxai_nb.types import Detections, Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "DIVERGING",
    "FADE",
    "SCALES",
    "SEQUENTIAL",
    "overlay",
    "plot_comparison",
    "plot_detections",
    "plot_maps",
    "to_png",
]


@show_options(PanelOptions, PANEL_DEFAULTS)
def plot_maps(
    maps: HeatMaps,
    *,
    columns: int | None = None,
    scale: str = "object",
    titles: Sequence[str] | None = None,
    max_objects: int = 12,
    **options: Unpack[PanelOptions],
) -> Figure:
    """Draw a figure with one panel for each object: photograph, heat map, box, and a colour bar of raw values.

    Below a colour bar stands ``HeatMaps.unit``, the unit of what is explained; ``HeatMaps.diagnostics`` stand on their
    panel. The figure is a plain matplotlib figure that a notebook shows by
    itself; ``figure.savefig(path)`` saves it.

    Args:
        maps: what ``explain`` returned.
        columns: panels in a row, at least 1; by default up to 3.
        scale: "object" stretches each map over its own range, "shared" all of them over one.
        titles: one for each map; by default its number among all detections of the image, class and score.
        max_objects: at most this many are drawn, the first ones, and the heading says how many there are.
        **options: the keyword arguments below.
        colormap: any name that matplotlib knows; by default the first of ``SEQUENTIAL``, for signed maps of
            ``DIVERGING`` (centred at zero).
        opacity: of the strongest evidence, 0..1, by default 0.55; weaker evidence fades out.
        boxes: whether each object's box is drawn, by default; of classes of the whole image none is.
        crop: None, the default, shows the whole photograph, "box" a square around each object's box. Colours run over
            the whole map either way.
        margin: how much of the box's longer side a crop shows on each side of it, by default 0.5.
        backdrop: "color" lays the maps over the photograph as it is, "gray" over one in greys; "auto", the default,
            takes greys where the map's colours would not stand off the photograph's.

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
    style = PanelStyle.of(complete_options(plot_maps, options, PANEL_DEFAULTS), maps.signed)
    shown = maps[:max_objects]
    ends = ranges(shown, scale)
    heading = heading_of(maps)
    if len(shown) < len(maps):
        heading += f" (the first {len(shown)} of {_subject(maps.detections).counted(len(maps))})"
    if not len(shown):
        return plot_detections(maps.image, maps.detections)
    picture = style.panel_shape(maps.image)
    sheet = PanelGrid(picture, rows=-(-len(shown) // (columns or 3)), columns=min(columns or 3, len(shown)))
    labels = list(titles) if titles is not None else panel_labels(shown.detections, shown.target)
    for i in range(len(shown)):
        axes, bar = sheet.panel(*divmod(i, sheet.columns))
        draw_map(axes, bar, shown[i], ends[i], labels[i], style)
    sheet.head(heading)
    return sheet.figure


@show_options(PanelOptions, PANEL_DEFAULTS)
def plot_comparison(maps: Mapping[str, HeatMaps], *, max_objects: int = 6, **options: Unpack[PanelOptions]) -> Figure:
    """Draw a figure of several methods: a row for each object, a column for each method, every panel on its own range.

    The maps may also be of several detectors or pictures, as long as there are as many of each. Every panel says of its
    own map the number, class and score, and by which detector where there are several.

    Args:
        maps: what ``compare`` returned, maps by the method's name; or maps by any other name.
        max_objects: at most this many rows, the first objects.
        **options: as in ``plot_maps``.
        colormap: any name that matplotlib knows.
        opacity: of the strongest evidence.
        boxes: whether each object's box is drawn.
        crop: None, or "box" for a square around each object's box.
        margin: of the crops.
        backdrop: "auto", "color" or "gray".

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
    given = complete_options(plot_comparison, options, PANEL_DEFAULTS)
    first = next(iter(maps.values()))
    rows = min(len(first), max_objects)
    if not rows:
        return plot_detections(first.image, first.detections)
    styles = {name: PanelStyle.of(given, one.signed) for name, one in maps.items()}
    sheet = PanelGrid(styles[next(iter(maps))].panel_shape(first.image), rows, len(maps), side=2.6)
    several = len({one.detector for one in maps.values()}) > 1
    for column, (name, one) in enumerate(maps.items()):
        labels, ends = panel_labels(one.detections, one.target), ranges(one, "object")
        by = f" ({one.detector})" if several and one.detector and one.detector not in name else ""
        for row in range(rows):
            axes, bar = sheet.panel(row, column)
            draw_map(axes, bar, one[row], ends[row], f"{name}{by}: {labels[row]}", styles[name])
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
    draw_photograph(axes, shrink(pixels), pixels.shape[:2])
    subject = _subject(detections)
    if subject.whole and len(detections):
        axes.text(0.02, 0.98, "\n".join(panel_labels(detections)), transform=axes.transAxes, va="top", **ON_PICTURE)
        sheet.head(subject.counted(len(detections)))
        return sheet.figure
    drawn = zip(detections.boxes.tolist(), box_outlines(detections), panel_labels(detections))
    for box, outline, label in drawn:
        draw_box(axes, outline, 1.4)
        axes.annotate(label, box[:2], (0, 2), textcoords="offset points", va="bottom", **ON_PICTURE)
    best = "" if detections.highest_score is None else f"; the highest score was {detections.highest_score:.3f}"
    count = f"{len(detections)} detected" if len(detections) else f"nothing detected{best}"
    sheet.head(count)
    return sheet.figure


def _subject(detections: Detections) -> Subject:
    return CLASSES if are_classes(detections) else OBJECTS


def panel_labels(detections: Detections, target: Target | None = None) -> list[str]:
    """Return what stands above the panel of each prediction: its number in the whole list, its class and its score.

    Args:
        detections: N predictions.
        target: what about them is explained, if another class is meant; None for nothing.

    Returns:
        N texts, such as "3: apple 0.91".
    """
    subject = _subject(detections)
    if target is not None and target.against is not None:
        return _contrasts(detections, target)
    if subject.whole:
        scores = map(subject.score_in_words, detections.scores.tolist())
        return [f"{name} {score}" for name, score in zip(class_titles(detections), scores)]
    named = zip(_numbers(detections), detections.label_names(), detections.scores.tolist())
    return [f"{number}: {name} {score:.2f}" for number, name, score in named]


def _numbers(detections: Detections) -> Sequence[int]:
    """The row of each prediction in the list that the detector returned; the row here if that is unknown."""
    known: list[int] | None = None if detections.numbers is None else detections.numbers.tolist()
    return range(len(detections)) if known is None else known


def _contrasts(detections: Detections, target: Target) -> list[str]:
    """Such as "0: apple rather than bauble, 0.54", and of another class "1: apple rather than bauble (mug, 0.61)"."""
    whole, labels = _subject(detections).whole, []
    for i, own, score in zip(_numbers(detections), detections.label_names(), detections.scores.tolist()):
        words = target.in_words(detections.names, own)
        said = f", {score:.2f}" if words.startswith(own) else f" ({own}, {score:.2f})"
        labels.append(f"{words}{said}" if whole else f"{i}: {words}{said}")
    return labels


def heading_of(maps: HeatMaps) -> str:
    """Return what stands above a figure of maps: the method, the target, the direction and the layer.

    Args:
        maps: of any number of objects.

    Returns:
        One line.
    """
    said = [maps.method, f"target {maps.target.in_words(maps.detections.names)}"]
    said += [f"{name} {value}" for name, value in maps.settings.items() if name == "direction"]
    if maps.layer:
        said.append(f"layer {maps.layer}")
    return ", ".join(said)
