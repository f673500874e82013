"""Figures of misses: the shares of their causes, and one miss with what speaks for it and what against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import load_image
from detxai_nb.misses.report import KINDS, SIZES, MissReport
from detxai_nb.misses.signed_maps import image_of
from detxai_nb.misses.words import candidate_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours and greys of three lightnesses.
_COLORS = {
    "unknown class": "#BBBBBB",
    "suppressed": "#0072B2",
    "over the limit": "#56B4E9",
    "confused": "#D55E00",
    "regressor": "#E69F00",
    "background": "#777777",
    "shared": "#CC79A7",
    "proposal": "#222222",
    # False alarms have the colour of the miss that goes with them.
    "localization": "#E69F00",
    "classification": "#D55E00",
    "duplicate": "#0072B2",
    "both": "#009E73",
}
_LIGHT = ("#BBBBBB", "#56B4E9", "#E69F00", "#CC79A7")
_FEW = 0.07
"""A part of a bar below this share has no number on it."""


def plot_misses(report: MissReport) -> Figure:
    """Draw bars of the causes of misses and of the kinds of false alarms, for all objects and by size.

    Args:
        report: what ``explain_misses`` returned.

    Returns:
        A matplotlib figure; the numbers on the bars count misses and false alarms.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> report = dx.misses.explain_misses(detector, dx.data.scenes.Scenes(2, mode="crowd", width=192, height=128))
        >>> len(dx.misses.plot_misses(report).axes)  # misses and false alarms
        2
    """
    from detxai_nb.plots.panels import new_figure

    figure = new_figure(8.2, 4.2)
    for axes, of in zip(_axes(figure), KINDS):
        _bars(axes, report, of)
    said = str(report).split("\n", 1)[0]
    about = f"score at least {report.settings['score_threshold']:g}, IoU above {report.settings['iou']:g}"
    figure.suptitle(f"{said} ({about})", fontsize=9, x=0.02, ha="left", parse_math=False)
    return figure


def _axes(figure: Figure) -> tuple[Axes, Axes]:
    return figure.add_axes((0.12, 0.55, 0.6, 0.36)), figure.add_axes((0.12, 0.09, 0.6, 0.36))


def _bars(axes: Axes, report: MissReport, of: str) -> None:
    """One bar of shares for all and for each size."""
    tables = {"all": report.table(of=of)}
    if len(report.misses if of == "misses" else report.false_alarms):
        by_size = report.table("size", of)
        tables |= {size: by_size.loc[size] for size in SIZES if size in by_size.index.get_level_values(0)}
    seen: dict[str, Any] = {}
    for place, table in enumerate(tables.values()):
        left = 0.0
        for name in KINDS[of]:
            if name not in table.index:
                continue
            share, count = float(table["share"][name]), int(table["count"][name])
            bar = axes.barh(place, share, left=left, color=_COLORS[name], edgecolor="white", lw=0.8)
            seen.setdefault(name, bar)
            if share >= _FEW:
                ink = "black" if _COLORS[name] in _LIGHT else "white"
                axes.text(left + share / 2, place, str(count), ha="center", va="center", fontsize=8, color=ink)
            left += share
    names = [f"{name} ({int(table['count'].sum())})" for name, table in tables.items()]
    axes.set_yticks(range(len(tables)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title(of, fontsize=9, loc="left", pad=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    order = [name for name in KINDS[of] if name in seen]
    if order:
        bars = [seen[name] for name in order]
        axes.legend(bars, order, fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1))


def plot_miss(image_or_dataset: Any, report: MissReport, row: int, maps: HeatMaps | None = None) -> Figure:
    """Draw one miss close up: the annotation, the best candidate and its neighbour, and what speaks for it and against.

    Args:
        image_or_dataset: the dataset, or the sample or image of this miss.
        report: what ``explain_misses`` returned.
        row: of ``report.misses``, from 0.
        maps: what ``explain_candidate`` returned for this miss; None for the boxes only.

    Returns:
        A matplotlib figure; the heading says the cause.

    Raises:
        IndexError: if there is no such miss.
        ValueError: if the map is of another candidate.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> sample = dx.data.scenes.Scenes(3, mode="crowd")[2]
        >>> report = dx.misses.explain_misses(detector, sample)
        >>> len(dx.misses.plot_miss(sample, report, 0).axes)
        1
    """
    from detxai_nb.plots.map_panel import PANEL_DEFAULTS, PanelStyle, crop_window, draw_map, ranges
    from detxai_nb.plots.panels import PanelGrid, draw_box, draw_photograph

    pixels = load_image(image_of(image_or_dataset, report, row))
    miss = report.misses.iloc[row]
    if maps is not None:
        own = report.candidate(row)
        if len(maps) != 1 or maps.detections.boxes[0].tolist() != own.boxes[0].tolist():
            raise ValueError(f"this is no map of the candidate of miss {row}; take explain_candidate(..., row={row})")
    annotation = [float(miss[name]) for name in ("x1", "y1", "x2", "y2")]
    candidate = [float(miss[f"candidate_{name}"]) for name in ("x1", "y1", "x2", "y2")]
    known = miss["iou"] == miss["iou"]
    around = [*annotation]
    if known:
        around = [min(a, c) for a, c in zip(annotation[:2], candidate[:2])]
        around += [max(a, c) for a, c in zip(annotation[2:], candidate[2:])]
    part = crop_window(around, pixels.shape[:2], 0.5)
    x1, y1, x2, y2 = part
    sheet = PanelGrid(pixels[y1:y2, x1:x2], 1, 1 if maps is None else 2, bars=maps is not None)
    axes, bar = sheet.panel(0, 0)
    if bar is not None:
        bar.set_axis_off()
    draw_photograph(axes, pixels[y1:y2, x1:x2], pixels.shape[:2], part)
    if known:
        draw_box(axes, candidate, 1.6, _COLORS["regressor"])
    draw_box(axes, annotation, 1.6, dashed=True)
    axes.set_title("annotation (dashed)" + (", candidate" if known else ""), fontsize=8, loc="left", pad=3)
    if maps is not None:
        axes, bar = sheet.panel(0, 1)
        style = PanelStyle.of({**PANEL_DEFAULTS, "backdrop": "gray"}, maps.signed)
        named = maps.detections.names[report.labels[row]]
        title = f"{maps.method}: {'for and against ' if maps.signed else ''}{named}"
        draw_map(axes, bar, maps, ranges(maps, "object")[0], title, style, part)
    about = f" ({candidate_in_words(miss)})" if known else ""
    sheet.head(f"miss {row}, {miss['label']}: {miss['cause']}{about}")
    return sheet.figure
