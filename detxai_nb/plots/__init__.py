"""Figures: heat maps and detections over photographs, methods side by side, and the panels they are made of."""

from detxai_nb.plots.deciding import deciding_parts, deciding_shares, plot_deciding
from detxai_nb.plots.heatmaps import (
    DIVERGING,
    SCALES,
    SEQUENTIAL,
    overlay,
    plot_comparison,
    plot_detections,
    plot_maps,
)
from detxai_nb.plots.limits import color_range
from detxai_nb.plots.panels import to_png

__all__ = [
    "DIVERGING",
    "SCALES",
    "SEQUENTIAL",
    "color_range",
    "deciding_parts",
    "deciding_shares",
    "overlay",
    "plot_comparison",
    "plot_deciding",
    "plot_detections",
    "plot_maps",
    "to_png",
]
