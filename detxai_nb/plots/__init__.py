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
from detxai_nb.plots.standing_off import BACKDROPS
from detxai_nb.plots.styles import PALETTE, MethodStyle, method_style, method_styles

__all__ = [
    "BACKDROPS",
    "DIVERGING",
    "PALETTE",
    "SCALES",
    "SEQUENTIAL",
    "MethodStyle",
    "color_range",
    "deciding_parts",
    "deciding_shares",
    "method_style",
    "method_styles",
    "overlay",
    "plot_comparison",
    "plot_deciding",
    "plot_detections",
    "plot_maps",
    "to_png",
]
