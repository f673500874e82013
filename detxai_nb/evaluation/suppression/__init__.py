"""Suppression of duplicates in crowds: tables 5, 7, 8 and 9 and figures 4 and 9 of the ODAM paper on synthetic scenes.

``detxai-nb evaluate odam-nms --runs FOLDER --scenes 300 --store FOLDER`` measures and prints them. What it writes,
``results.json``, is all that the tables and figures need.
"""

from __future__ import annotations

from detxai_nb.evaluation.suppression.candidates import PassSettings
from detxai_nb.evaluation.suppression.figures import plot_correlations, plot_planes
from detxai_nb.evaluation.suppression.gains import (
    all_tables,
    correlation_means,
    gain_split,
    orderings,
    threshold_plane,
)
from detxai_nb.evaluation.suppression.kept import kept_maps, kept_results
from detxai_nb.evaluation.suppression.measuring import measure_suppression
from detxai_nb.evaluation.suppression.outcomes import RULES
from detxai_nb.evaluation.suppression.results import SuppressionResults, read_results
from detxai_nb.evaluation.suppression.tables import PaperTable, table_5, table_7, table_8, table_9

__all__ = [
    "RULES",
    "PaperTable",
    "PassSettings",
    "SuppressionResults",
    "all_tables",
    "correlation_means",
    "gain_split",
    "kept_maps",
    "kept_results",
    "measure_suppression",
    "orderings",
    "plot_correlations",
    "plot_planes",
    "read_results",
    "table_5",
    "table_7",
    "table_8",
    "table_9",
    "threshold_plane",
]
